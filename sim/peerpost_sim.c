/* peerpost-sim: which command, its help, and what its failure means to a shell (sysexits.h). */
#include <sim/compare.h>

#include <stdio.h>
#include <string.h>
#include <sysexits.h>

static const char help[] =
    "peerpost-sim - substrates in virtual time\n"
    "\n"
    "  peerpost-sim compare   every substrate under the same load, one table\n"
    "\n"
    "Options of compare\n"
    "  --substrates A,B  names or files of plugins (default: all in the folder of plugins)\n"
    "  --nodes N         2 to 1000000 (default 1000)\n"
    "  --seed S          the same seed gives the same octets (default 1)\n"
    "  --k K             closest nodes a look-up wants, 1 to 32 (default 5)\n"
    "  --lookups L       in each phase (default 1000)\n"
    "  --minutes M       of idle time, and of churn (default 10)\n"
    "  --loss P          share of datagrams lost, as 10% or 0.5% (default 0)\n"
    "  --kill P          per cent of the nodes that die at once (default 25)\n"
    "  --churn MEDIAN    then sessions of this median, as 30min, 90s or 2h (default: no churn)\n"
    "  --arranged        tables as after long quiet, instead of joins: for large networks\n"
    "  --set SUBSTRATE.OPTION=VALUE\n"
    "                    an option of a plugin; see peerpostd --plugin-help NAME\n"
    "  --csv, --json     for programs; one line or object a substrate\n"
    "  --jobs J          trials side by side (default: one a processor)\n"
    "  --plugins DIR     where the plugins are (default: $PEERPOST_PLUGINS, else beside this)\n"
    "\n"
    "Examples\n"
    "  peerpost-sim compare\n"
    "  peerpost-sim compare --churn 30min --minutes 60 --lookups 10000 --loss 10%\n"
    "  peerpost-sim compare --nodes 10000 --arranged --kill 50 --csv >compare.csv\n"
    "  peerpost-sim compare --substrates chord --set chord.stabilise=5s\n"
    "\n"
    "peerpost-sim(1) says what is measured, docs/simulator.md what is modelled.\n";

static int exit_status(int code)
{
    switch (code) {
    case PP_OK:
        return EX_OK;
    case PP_INVALID:
        return EX_USAGE;
    case PP_PLUGIN:
        return EX_UNAVAILABLE;
    case PP_IO:
        return EX_IOERR;
    case PP_NOMEM:
        return EX_OSERR;
    default:
        return EX_SOFTWARE;
    }
}

static int run(int argc, char **argv, struct pp_error *error)
{
    if (strcmp(argv[1], "compare") != 0) {
        return pp_fail(error, PP_INVALID, "there is no command '%.40s': see peerpost-sim --help",
                       argv[1]);
    }
    struct compare_options options;
    int code = compare_parse(&options, argc - 1, argv + 1, error);
    return code ? code : compare_run(&options, error);
}

static int run_or_help(int argc, char **argv, struct pp_error *error)
{
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || (i == 1 && strcmp(argv[i], "help") == 0)) {
            fputs(help, stdout);
            return PP_OK;
        }
    }
    return run(argc, argv, error);
}

int main(int argc, char **argv)
{
    struct pp_error error = {0};
    if (argc < 2) {
        fputs(help, stderr);
        return EX_USAGE;
    }
    int code = run_or_help(argc, argv, &error);
    if (code) {
        fprintf(stderr, "peerpost-sim: %s\n", error.text[0] ? error.text : pp_error_text(code));
    }
    if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "peerpost-sim: cannot write to standard output\n");
        code = code ? code : PP_IO;
    }
    return exit_status(code);
}
