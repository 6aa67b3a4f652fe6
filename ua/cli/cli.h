/*
 * What the commands of peerpost share: the options of the whole program, exit codes of sysexits.h,
 * the session of a user. Each command is one function in a file of its own.
 */
#ifndef PP_CLI_CLI_H
#define PP_CLI_CLI_H

#include <config/config.h>
#include <peerpost/error.h>
#include <peerpost/now.h>
#include <stdbool.h>
#include <sysexits.h>

struct cli {
    const char *config_file;
    struct pp_config *config;
    bool json, quiet;
    const char *command;
};

/* argv[0] is the command's name. Returns the exit code. */
typedef int cli_command(struct cli *cli, int argc, char **argv);

cli_command cli_enrol, cli_publish, cli_unpublish, cli_send, cli_queue, cli_fetch, cli_list,
    cli_show, cli_lookup, cli_sign, cli_maintain, cli_probe, cli_quarantine, cli_train, cli_serve;
cli_command cli_passphrase, cli_export, cli_import, cli_trust, cli_join, cli_status;
cli_command cli_doctor, cli_completion, cli_sync, cli_devices, cli_chat;
/* The i-th command's name; NULL after the last. */
const char *cli_command_name(size_t i);

/* Prints "peerpost: <sentence>" and returns the exit code of the error. */
int cli_fail(const struct pp_error *error);
/* The same for a sentence of the caller's. */
int cli_fails(int exit_code, const char *format, ...) __attribute__((format(printf, 2, 3)));
int cli_exit_code(int code);
/* Usage error: prints the command's help to standard error; EX_USAGE. */
int cli_usage(const struct cli *cli, const char *format, ...) __attribute__((format(printf, 2, 3)));
const char *cli_help(const char *command);

/* Matches "--name" (flag) or "--name VALUE" / "--name=VALUE" at argv[*i]; moves *i over a value. */
bool cli_flag(char **argv, int i, const char *name);
const char *cli_value(int argc, char **argv, int *i, const char *name);

/* Where the configuration is, or shall be. */
const char *cli_config_name(struct cli *cli);
/* The configuration's schema, and a loaded configuration into cli. */
int cli_configure(struct cli *cli, struct pp_error *error);

struct session;
struct agent;
/* session_open and agent_open with a line of progress while another process is at work. */
int cli_session(struct session **session, struct cli *cli, pp_ns patience, struct pp_error *error);
int cli_agent(struct agent **agent, struct cli *cli, pp_ns patience, struct pp_error *error);

/* A line of progress on a terminal; nothing in a pipe. "" wipes it. */
void cli_progress(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* Prints octets from others: control characters become '?', so that no mail moves the cursor. */
void cli_print_safe(const char *text);
/* A JSON string, quoted; octets that are no UTF-8 become U+FFFD. */
void cli_print_json(const char *text);

#endif
