/*
 * peerpost doctor: looks at everything that mail needs, and says of each thing that fails what it
 * is and what to do. It must not know how a check is done.
 */
#include <cli/doctor.h>

#include <stdarg.h>
#include <stdio.h>

void doctor_say(struct doctor *d, enum finding finding, const char *name, const char *cure,
                const char *format, ...)
{
    static const char *const words[] = {"ok", "warning", "FAILED"};
    static const char *const states[] = {"ok", "warning", "failed"};
    char cause[600];
    va_list args;
    va_start(args, format);
    vsnprintf(cause, sizeof cause, format, args);
    va_end(args);
    cli_progress("%s", "");
    if (d->cli->json) {
        printf("%s{\"check\":\"%s\",\"state\":\"%s\",\"cause\":", d->said ? ",\n" : "[", name,
               states[finding]);
        cli_print_json(cause);
        printf(",\"cure\":");
        cli_print_json(cure);
        printf("}");
    } else {
        printf("%-8s %-12s ", words[finding], name);
        cli_print_safe(cause);
        printf("%s%s\n", *cure ? "\n                      -> " : "", cure);
    }
    d->said++;
    d->warnings += finding == WARNING;
    d->failures += finding == FAILURE;
}

static void check_all(struct doctor *d)
{
    struct pp_error error = {0};
    if (cli_configure(d->cli, &error) != PP_OK) {
        doctor_say(d, FAILURE, "config",
                   "begin with peerpost join, or correct the file: peerpost --print-config shows "
                   "every option",
                   "%s", error.text);
        return;
    }
    doctor_say(d, FINE, "config", "", "%s", d->cli->config_file);
    doctor_folders(d);
    doctor_identity(d);
    doctor_spool(d);
    doctor_helpers(d);
    if (d->who.n_keys) {
        doctor_certificate(d);
        doctor_network(d);
    }
    identity_finish(&d->who);
}

int cli_doctor(struct cli *cli, int argc, char **argv)
{
    struct doctor d = {.cli = cli};
    for (int i = 1; i < argc; i++) {
        if (!cli_flag(argv, i, "--json")) {
            return cli_usage(cli, "unknown argument %s", argv[i]);
        }
        cli->json = true;
    }
    check_all(&d);
    if (cli->json) {
        printf("]\n");
    } else if (!d.failures && !d.warnings) {
        printf("all is well\n");
    }
    return d.failures ? EX_UNAVAILABLE : EX_OK;
}
