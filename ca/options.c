/* The command line of peerpost-ca, checked; see ca.h. */
#include <ca/ca.h>

#include <errno.h>
#include <getopt.h>
#include <stdlib.h>
#include <time.h>

#define DAYS_MAX 36500

static int parse_number(int64_t *out, const char *text)
{
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || end == text || *end || value > INT64_MAX / 4 || value < INT64_MIN / 4) {
        return PP_INVALID;
    }
    *out = value;
    return PP_OK;
}

static int parse_time(struct ca_time *out, const char *name, const char *text,
                      struct pp_error *error)
{
    struct tm tm = {0};
    out->given = true;
    out->relative = text[0] == '+' || text[0] == '-';
    if (out->relative) {
        if (parse_number(&out->seconds, text) == PP_OK) {
            return PP_OK;
        }
    } else {
        const char *end = strptime(text, "%Y-%m-%dT%H:%M:%SZ", &tm);
        if (end && *end == 0) {
            out->seconds = timegm(&tm);
            return PP_OK;
        }
    }
    return pp_fail(error, PP_INVALID,
                   "--%s '%.60s' is no time: give 2026-11-30T00:00:00Z, or seconds from now with "
                   "their sign, as -3600",
                   name, text);
}

static int parse_days(struct ca_options *o, const char *text, struct pp_error *error)
{
    if (parse_number(&o->days, text) || o->days < 1 || o->days > DAYS_MAX) {
        return pp_fail(error, PP_INVALID, "--days must be a number from 1 to %d, not '%.60s'",
                       DAYS_MAX, text);
    }
    return PP_OK;
}

enum {
    OPT_DIR = 256,
    OPT_OUT,
    OPT_PRINCIPAL,
    OPT_NAME,
    OPT_CRL_URL,
    OPT_PASSPHRASE,
    OPT_KEY_PASSPHRASE,
    OPT_DOMAIN,
    OPT_DAYS,
    OPT_NOT_BEFORE,
    OPT_NOT_AFTER,
    OPT_NETWORK,
    OPT_SUBSTRATE,
    OPT_COPIES,
    OPT_NODE,
    OPT_CHOSEN
};

static const struct option long_options[] = {
    {"dir", required_argument, NULL, OPT_DIR},
    {"out", required_argument, NULL, OPT_OUT},
    {"principal", required_argument, NULL, OPT_PRINCIPAL},
    {"name", required_argument, NULL, OPT_NAME},
    {"crl-url", required_argument, NULL, OPT_CRL_URL},
    {"passphrase-file", required_argument, NULL, OPT_PASSPHRASE},
    {"key-passphrase-file", required_argument, NULL, OPT_KEY_PASSPHRASE},
    {"domain", required_argument, NULL, OPT_DOMAIN},
    {"days", required_argument, NULL, OPT_DAYS},
    {"not-before", required_argument, NULL, OPT_NOT_BEFORE},
    {"not-after", required_argument, NULL, OPT_NOT_AFTER},
    {"network", required_argument, NULL, OPT_NETWORK},
    {"substrate", required_argument, NULL, OPT_SUBSTRATE},
    {"k", required_argument, NULL, OPT_COPIES},
    {"node", no_argument, NULL, OPT_NODE},
    {"allow-chosen-id", no_argument, NULL, OPT_CHOSEN},
    {NULL, 0, NULL, 0}};

/* Is it safe as a field of the register, one line of text? */
static bool is_plain_text(const char *text)
{
    for (const char *c = text; *c; c++) {
        if ((unsigned char)*c < 0x20 || *c == 0x7f) {
            return false;
        }
    }
    return *text && strlen(text) <= 100;
}

static int take_text(const char **out, const char *name, const char *text, struct pp_error *error)
{
    if (!is_plain_text(text)) {
        return pp_fail(error, PP_INVALID, "--%s must be 1 to 100 characters on one line", name);
    }
    *out = text;
    return PP_OK;
}

static int take_option(struct ca_options *o, int option, struct pp_error *error)
{
    switch (option) {
    case OPT_DIR:
        o->dir = optarg;
        return PP_OK;
    case OPT_OUT:
        o->out = optarg;
        return PP_OK;
    case OPT_PRINCIPAL:
        return take_text(&o->principal, "principal", optarg, error);
    case OPT_NAME:
        return take_text(&o->name, "name", optarg, error);
    case OPT_CRL_URL:
        return take_text(&o->crl_url, "crl-url", optarg, error);
    case OPT_PASSPHRASE:
        o->passphrase_file = optarg;
        return PP_OK;
    case OPT_KEY_PASSPHRASE:
        o->key_passphrase_file = optarg;
        return PP_OK;
    case OPT_DOMAIN:
        if (o->n_domains == CA_ARGUMENTS) {
            return pp_fail(error, PP_INVALID, "at most %d domains", CA_ARGUMENTS);
        }
        o->domains[o->n_domains++] = optarg;
        return PP_OK;
    case OPT_DAYS:
        return parse_days(o, optarg, error);
    case OPT_NOT_BEFORE:
        return parse_time(&o->not_before, "not-before", optarg, error);
    case OPT_NOT_AFTER:
        return parse_time(&o->not_after, "not-after", optarg, error);
    case OPT_NETWORK:
        return take_text(&o->network, "network", optarg, error);
    case OPT_SUBSTRATE:
        return take_text(&o->substrate, "substrate", optarg, error);
    case OPT_COPIES:
        return parse_number(&o->copies, optarg) == PP_OK && o->copies > 0
                   ? PP_OK
                   : pp_fail(error, PP_INVALID, "--k must be a number, not '%.60s'", optarg);
    case OPT_NODE:
        o->node = true;
        return PP_OK;
    case OPT_CHOSEN:
        o->allow_chosen_id = true;
        return PP_OK;
    default:
        return pp_fail(error, PP_INVALID,
                       "an option is unknown or lacks its value: see "
                       "peerpost-ca --help");
    }
}

int ca_options_parse(struct ca_options *o, int argc, char **argv, struct pp_error *error)
{
    const char *dir = getenv("PEERPOST_CA_DIR");
    *o = (struct ca_options){.dir = dir && *dir ? dir : "ca"};
    opterr = 0;
    int option;
    while ((option = getopt_long(argc, argv, "", long_options, NULL)) != -1) {
        int bad = take_option(o, option, error);
        if (bad) {
            return bad;
        }
    }
    for (; optind < argc; optind++) {
        if (o->n_arguments == CA_ARGUMENTS) {
            return pp_fail(error, PP_INVALID, "at most %d arguments", CA_ARGUMENTS);
        }
        o->arguments[o->n_arguments++] = argv[optind];
    }
    return PP_OK;
}

static int64_t resolve(const struct ca_time *t, int64_t now)
{
    return t->relative ? now + t->seconds : t->seconds;
}

int ca_options_validity(const struct ca_options *o, int64_t default_days, struct pp_validity *v,
                        struct pp_error *error)
{
    int64_t now = time(NULL);
    v->not_before = o->not_before.given ? resolve(&o->not_before, now) : now - CA_BACKDATE;
    v->not_after = o->not_after.given ? resolve(&o->not_after, now)
                                      : (o->not_before.given ? v->not_before : now) +
                                            (o->days ? o->days : default_days) * CA_DAY;
    if (v->not_after <= v->not_before || v->not_before < 0 ||
        v->not_after > (int64_t)253402300799) { /* the end of the year 9999 */
        return pp_fail(error, PP_INVALID, "--not-after must come after --not-before");
    }
    return PP_OK;
}
