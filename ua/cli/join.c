/*
 * peerpost join: a newcomer's two steps. The first takes an invitation and makes configuration, key
 * and request; the second takes the campus's answer and makes the address known. It must not know
 * how either is done.
 */
#include <cli/enrol.h>

#include <base/address.h>
#include <base/file.h>
#include <box/files.h>
#include <cli/options.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define INVITATION_MAX (256u << 10)

/* All that an invitation may say: it comes from others, and must not name a command or a file. */
static const char *const allowed[] = {"network.name", "network.k", "overlay.contacts",
                                      "substrate.plugin"};

static int check_settings(const char *file, struct pp_bytes yaml, struct pp_error *error)
{
    struct pp_option options[sizeof allowed / sizeof *allowed];
    struct pp_schema schema = {options, 0};
    struct pp_config *config = NULL;
    for (size_t i = 0; i < cli_schema.n; i++) {
        for (size_t j = 0; j < sizeof allowed / sizeof *allowed; j++) {
            if (strcmp(cli_schema.options[i].name, allowed[j]) == 0) {
                options[schema.n++] = cli_schema.options[i];
            }
        }
    }
    int rc = pp_config_parse(&config, file, yaml, &schema, 1, error);
    if (rc == PP_OK && strchr(pp_config_text(config, "substrate.plugin"), '/')) {
        rc = pp_config_fail(config, "substrate.plugin", error,
                            "an invitation may name a substrate, but no file");
    }
    if (rc == PP_OK && !pp_config_item(config, "overlay.contacts", 0)) {
        rc = pp_config_fail(config, "overlay.contacts", error, "an invitation must name contacts");
    }
    pp_config_free(config);
    return rc;
}

/* The folder of the configuration, made where it is missing. */
static int make_folder(char folder[PATH_MAX], const char *config, struct pp_error *error)
{
    const char *slash = strrchr(config, '/');
    snprintf(folder, PATH_MAX, "%.*s", slash ? (int)(slash - config) : 1, slash ? config : ".");
    return pp_box_make_folder(*folder ? folder : "/", error);
}

static int write_config(const char *path, struct pp_bytes address, struct pp_bytes settings,
                        struct pp_error *error)
{
    struct pp_buf text = {0};
    pp_buf_printf(&text,
                  "user:\n  address: \"%s\"\n  key: user.key.pem\n  certificate: user.cert.pem\n"
                  "  state: state\n  maildir: Maildir\ntrust:\n  ca: ca.cert.pem\n",
                  (const char *)address.data);
    pp_buf_add(&text, settings.data, settings.len);
    int rc = text.failed ? pp_fail(error, PP_NOMEM, "out of memory")
                         : pp_file_write(path, pp_buf_bytes(&text), 0600, error);
    pp_buf_free(&text);
    return rc;
}

/* Settings, then the authority's certificate. The configuration comes last: then all is there. */
static int accept(const char *path, const char *file, struct pp_bytes address,
                  struct pp_error *error)
{
    char folder[PATH_MAX], ca[PATH_MAX + 16];
    struct pp_buf text = {0};
    int rc = pp_file_read(&text, file, INVITATION_MAX, error);
    const char *pem = rc == PP_OK && text.len
                          ? strstr((const char *)text.data, "-----BEGIN CERTIFICATE-----")
                          : NULL;
    if (rc == PP_OK && !pem) {
        rc = pp_fail(error, PP_MALFORMED,
                     "%s is no invitation: ask your campus for the file that peerpost-ca invite "
                     "makes",
                     file);
    }
    size_t length = pem ? (size_t)(pem - (const char *)text.data) : 0;
    struct pp_bytes settings = pp_bytes(text.data, length);
    rc = rc == PP_OK ? check_settings(file, settings, error) : rc;
    rc = rc == PP_OK ? make_folder(folder, path, error) : rc;
    if (rc == PP_OK) {
        snprintf(ca, sizeof ca, "%s/ca.cert.pem", folder);
        rc = pp_file_write(ca, pp_str(pem), 0644, error);
    }
    rc = rc == PP_OK ? write_config(path, address, settings, error) : rc;
    pp_buf_free(&text);
    return rc;
}

static int first(struct cli *cli, const char *file, const char *given, struct pp_error *error)
{
    struct pp_buf address = {0};
    const char *path = cli_config_name(cli);
    int rc = PP_OK;
    if (pp_address_normal(&address, pp_str(given)) != PP_OK || strpbrk(given, "\"\\")) {
        rc = pp_fail(error, PP_MALFORMED, "%s is no e-mail address", given);
    } else if (access(path, F_OK) == 0) {
        rc = pp_fail(error, PP_EXISTS,
                     "you have a configuration already, %s: for another address name another file "
                     "with --config",
                     path);
    }
    rc = rc == PP_OK ? accept(path, file, pp_buf_bytes(&address), error) : rc;
    rc = rc == PP_OK ? cli_configure(cli, error) : rc;
    pp_buf_free(&address);
    return rc == PP_OK ? enrol_begin(cli, true, error) : rc;
}

int cli_join(struct cli *cli, int argc, char **argv)
{
    struct pp_error error = {0};
    const char *answer = NULL, *rest[2] = {NULL, NULL};
    size_t n = 0;
    for (int i = 1; i < argc; i++) {
        const char *value = cli_value(argc, argv, &i, "--answer");
        if (value) {
            answer = value;
        } else if (argv[i][0] == '-' || n == 2) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        } else {
            rest[n++] = argv[i];
        }
    }
    if (answer ? n != 0 : n != 2) {
        return cli_usage(cli, "an invitation and your address, or --answer and a file");
    }
    int rc = answer ? cli_configure(cli, &error) : first(cli, rest[0], rest[1], &error);
    rc = rc == PP_OK && answer ? enrol_complete(cli, answer, true, &error) : rc;
    if (rc != PP_OK) {
        return cli_fail(&error);
    }
    char publish[] = "publish", *words[] = {publish, NULL};
    int code = answer ? cli_publish(cli, 1, words) : EX_OK;
    if (answer && code == EX_OK) {
        printf(
            "You are %s. Write with peerpost send, read with peerpost fetch and peerpost list.\n",
            pp_config_text(cli->config, "user.address"));
    }
    return code;
}
