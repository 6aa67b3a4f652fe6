/*
 * peerpost: which command, the options of the whole program, help. It must not know what a command
 * does.
 */
#include <cli/cli.h>

#include <base/log.h>
#include <cli/help.h>
#include <cli/options.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

static const struct command {
    const char *name;
    cli_command *run;
} commands[] = {
    {"join", cli_join},       {"enrol", cli_enrol},
    {"publish", cli_publish}, {"unpublish", cli_unpublish},
    {"send", cli_send},       {"queue", cli_queue},
    {"status", cli_status},   {"fetch", cli_fetch},
    {"chat", cli_chat},       {"list", cli_list},
    {"show", cli_show},       {"lookup", cli_lookup},
    {"sign", cli_sign},       {"maintain", cli_maintain},
    {"probe", cli_probe},     {"sync", cli_sync},
    {"devices", cli_devices}, {"quarantine", cli_quarantine},
    {"train", cli_train},     {"serve", cli_serve},
    {"doctor", cli_doctor},   {"completion", cli_completion},
    {"trust", cli_trust},     {"passphrase", cli_passphrase},
    {"export", cli_export},   {"import", cli_import},
};

static cli_command *command_of(const char *name)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(commands[i].name, name) == 0) {
            return commands[i].run;
        }
    }
    return NULL;
}

const char *cli_command_name(size_t i)
{
    return i < sizeof commands / sizeof *commands ? commands[i].name : NULL;
}

bool cli_flag(char **argv, int i, const char *name)
{
    return strcmp(argv[i], name) == 0;
}

const char *cli_value(int argc, char **argv, int *i, const char *name)
{
    size_t len = strlen(name);
    if (strcmp(argv[*i], name) == 0 && *i + 1 < argc) {
        return argv[++*i];
    }
    return strncmp(argv[*i], name, len) == 0 && argv[*i][len] == '=' ? argv[*i] + len + 1 : NULL;
}

int cli_usage(const struct cli *cli, const char *format, ...)
{
    va_list args;
    fprintf(stderr, "peerpost %s: ", cli->command);
    va_start(args, format);
    vfprintf(stderr, format, args);
    va_end(args);
    fprintf(stderr, "\n\n%s", cli_help(cli->command));
    return EX_USAGE;
}

static int print_config(void)
{
    struct pp_buf yaml = {0};
    pp_options_yaml(&cli_schema, 1, &yaml);
    fwrite(yaml.data, 1, yaml.len, stdout);
    pp_buf_free(&yaml);
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

/* Options before the command. Returns the command's index, or negative: the exit code + 1. */
static int options(struct cli *cli, int argc, char **argv)
{
    int i = 1;
    for (; i < argc && argv[i][0] == '-'; i++) {
        const char *value = cli_value(argc, argv, &i, "--config");
        if (value) {
            cli->config_file = value;
        } else if (cli_flag(argv, i, "--json")) {
            cli->json = true;
        } else if (cli_flag(argv, i, "--help") || cli_flag(argv, i, "-h")) {
            fputs(cli_help(NULL), stdout);
            return -1 - EX_OK;
        } else if (cli_flag(argv, i, "--print-config")) {
            return -1 - print_config();
        } else if (cli_flag(argv, i, "--version")) {
            puts("peerpost 0.1.0");
            return -1 - EX_OK;
        } else {
            fprintf(stderr, "peerpost: unknown option %s\n\n%s", argv[i], cli_help(NULL));
            return -1 - EX_USAGE;
        }
    }
    if (i == argc) {
        fputs(cli_help(NULL), stderr);
        return -1 - EX_USAGE;
    }
    return i;
}

static int open_log(struct cli *cli, struct pp_error *error)
{
    int level = pp_log_level(pp_config_text(cli->config, "log.level"));
    const char *file = pp_config_text(cli->config, "log.file");
    if (level < 0) {
        return pp_config_fail(cli->config, "log.level", error, "error, warn, info or debug");
    }
    if (strcmp(file, "-") != 0) {
        file = pp_config_path(cli->config, "log.file");
    }
    if (pp_log_open(file, (enum pp_log_level)level) != PP_OK) {
        return pp_config_fail(cli->config, "log.file", error, "cannot be opened for writing");
    }
    return PP_OK;
}

/* These find out by themselves whether there is a configuration. */
static bool needs_no_config(cli_command *command)
{
    return command == cli_join || command == cli_doctor || command == cli_completion;
}

static int run(struct cli *cli, cli_command *command, int argc, char **argv)
{
    struct pp_error error = {0};
    cli->command = argv[0];
    for (int i = 1; i < argc && strcmp(argv[i], "--") != 0; i++) {
        if (cli_flag(argv, i, "--help")) {
            fputs(cli_help(argv[0]), stdout);
            return EX_OK;
        }
    }
    bool alone = needs_no_config(command);
    int rc = alone ? PP_OK : cli_configure(cli, &error);
    rc = rc == PP_OK && !alone ? open_log(cli, &error) : rc;
    int code = rc == PP_OK ? command(cli, argc, argv) : cli_fail(&error);
    pp_config_free(cli->config);
    if (fflush(stdout) != 0 || ferror(stdout)) {
        return cli_fails(EX_IOERR, "cannot write to standard output");
    }
    return code;
}

int main(int argc, char **argv)
{
    struct cli cli = {0};
    const char *slash = strrchr(argv[0], '/');
    static char send[] = "send";
    if (strcmp(slash ? slash + 1 : argv[0], "sendmail") == 0) {
        argv[0] = send;
        return run(&cli, cli_send, argc, argv);
    }
    int at = options(&cli, argc, argv);
    if (at < 0) {
        return -1 - at;
    }
    cli_command *command = command_of(argv[at]);
    if (!command) {
        fprintf(stderr, "peerpost: there is no command %s\n\n%s", argv[at], cli_help(NULL));
        return EX_USAGE;
    }
    return run(&cli, command, argc - at, argv + at);
}
