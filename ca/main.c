/* peerpost-ca: which command, its help, and what its failure means to a shell (sysexits.h). */
#include <ca/ca.h>

#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sysexits.h>

static const char help[] =
    "peerpost-ca - certificate authority of a Peerpost network\n"
    "\n"
    "  peerpost-ca init   [--domain D]... [--name NAME] [--crl-url URL]  make a new authority\n"
    "  peerpost-ca issue  ADDRESS...                  a user's key and certificate\n"
    "  peerpost-ca issue  --node --principal WHO      a node's key and certificate\n"
    "  peerpost-ca sign   REQUEST.pem                 a certificate for a request of peerpost enrol\n"
    "  peerpost-ca revoke SERIAL|FILE|ADDRESS         take certificates back, renew the list\n"
    "  peerpost-ca crl                                renew the revocation list\n"
    "  peerpost-ca invite ADDRESS:PORT...             a file with which newcomers join\n"
    "  peerpost-ca list                               what was issued\n"
    "\n"
    "Options of every command\n"
    "  --dir DIR               the authority's folder (default: $PEERPOST_CA_DIR, else ./ca)\n"
    "  --passphrase-file FILE  opens its key (default: $PEERPOST_CA_PASSPHRASE, else none)\n"
    "Options of init, issue, sign, crl\n"
    "  --out PREFIX|FILE       issue: PREFIX.key.pem, PREFIX.cert.pem; sign, crl: the file\n"
    "  --days N                how long it is valid\n"
    "  --not-before T          2026-11-30T00:00:00Z, or seconds from now, as -3600 or +60\n"
    "  --not-after T           the same\n"
    "Options of issue, sign\n"
    "  --principal WHO         who runs the node: at most 4 valid nodes each\n"
    "  --allow-chosen-id       sign a node's request although its owner chose the key, and so the\n"
    "                          place beside other people's inboxes\n"
    "  --key-passphrase-file FILE  encrypts the key that issue makes\n"
    "Options of invite: --out FILE; as the nodes have them\n"
    "  --network NAME, --k N, --substrate NAME  (default: peerpost, 5, chord)\n"
    "\n"
    "Examples\n"
    "  peerpost-ca init --domain uni.example --domain .uni.example\n"
    "  peerpost-ca issue --node --principal physics --out node\n"
    "  peerpost-ca sign --out bob.cert.pem bob.csr.pem\n"
    "  peerpost-ca revoke bob@uni.example\n"
    "  peerpost-ca invite --out campus.invitation mail1.uni.example:4700\n";

static int exit_code(int code)
{
    switch (code) {
    case PP_OK:
        return EX_OK;
    case PP_INVALID:
        return EX_USAGE;
    case PP_MALFORMED:
    case PP_SIGNATURE:
    case PP_TOO_BIG:
        return EX_DATAERR;
    case PP_NOT_FOUND:
        return EX_NOINPUT;
    case PP_EXISTS:
        return EX_CANTCREAT;
    case PP_IO:
        return EX_IOERR;
    case PP_BUSY:
        return EX_TEMPFAIL;
    case PP_DENIED:
    case PP_LIMIT:
        return EX_NOPERM;
    case PP_CONFIG:
    case PP_FORMAT:
        return EX_CONFIG;
    default:
        return EX_SOFTWARE;
    }
}

static const struct {
    const char *name;
    int (*run)(const struct ca_options *o, struct pp_error *error);
} commands[] = {{"init", ca_init}, {"issue", ca_issue},   {"sign", ca_sign}, {"revoke", ca_revoke},
                {"crl", ca_crl},   {"invite", ca_invite}, {"list", ca_list}};

static int run(int argc, char **argv, struct pp_error *error)
{
    for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
        if (strcmp(argv[1], commands[i].name) == 0) {
            struct ca_options options;
            int bad = ca_options_parse(&options, argc - 1, argv + 1, error);
            return bad ? bad : commands[i].run(&options, error);
        }
    }
    return pp_fail(error, PP_INVALID, "there is no command '%s': see peerpost-ca --help", argv[1]);
}

int main(int argc, char **argv)
{
    struct pp_error error = {0};
    umask(077);
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--help") == 0 || (i == 1 && strcmp(argv[i], "help") == 0)) {
            fputs(help, stdout);
            return EX_OK;
        }
    }
    if (argc < 2) {
        fputs(help, stderr);
        return EX_USAGE;
    }
    int code = run(argc, argv, &error);
    if (code) {
        fprintf(stderr, "peerpost-ca: %s\n", error.text[0] ? error.text : pp_error_text(code));
    } else if (fflush(stdout) || ferror(stdout)) {
        fprintf(stderr, "peerpost-ca: cannot write to standard output\n");
        code = PP_IO;
    }
    return exit_code(code);
}
