/* revoke, crl and list: what becomes of certificates afterwards; see ca.h. */
#include <ca/ca.h>

#include <base/address.h>
#include <base/file.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

/* What `revoke` was given, in every form it may have. */
struct target {
    char serial[65]; /* "": not a serial */
    struct pp_buf address;
};

static int read_target(struct target *t, const char *text, struct pp_error *error)
{
    uint8_t octets[32];
    struct pp_certificate *c;
    size_t len = strlen(text);
    *t = (struct target){{0}, {0}};
    if (access(text, F_OK) == 0) {
        int bad = pp_certificate_load(&c, text, error);
        if (!bad) {
            pp_hex(t->serial, octets, pp_certificate_serial(c, octets, sizeof octets));
            pp_certificate_free(c);
        }
        return bad;
    }
    if (len % 2 == 0 && len / 2 <= sizeof octets && len &&
        pp_unhex(octets, len / 2, pp_str(text)) == PP_OK) {
        pp_hex(t->serial, octets, len / 2);
        return PP_OK;
    }
    if (strchr(text, '@') && pp_address_normal(&t->address, pp_str(text)) == PP_OK) {
        return PP_OK;
    }
    return pp_fail(error, PP_INVALID, "'%.200s' is no serial number, no file and no address", text);
}

/* Is the address among the names, separated by spaces? A quoted address holds spaces of its own, so
 * both of its ends are looked at. */
static bool names_hold(const char *names, const struct pp_buf *address)
{
    const char *at = names;
    while ((at = strstr(at, (const char *)address->data)) != NULL) {
        char after = at[address->len];
        if ((at == names || at[-1] == ' ') && (after == 0 || after == ' ')) {
            return true;
        }
        at++;
    }
    return false;
}

static size_t mark(struct ca *ca, const struct target *t)
{
    size_t n = 0;
    int64_t now = time(NULL);
    for (size_t i = 0; i < ca->n_entries; i++) {
        struct ca_entry *e = &ca->entry[i];
        bool meant = t->serial[0] ? strcmp(e->serial, t->serial) == 0
                                  : !e->is_node && names_hold(e->names, &t->address);
        if (!meant || (!t->serial[0] && (e->revoked || e->not_after <= now))) {
            continue;
        }
        if (!e->revoked) {
            e->revoked = now;
        }
        printf("%s\t%s\n", e->serial, e->names);
        n++;
    }
    return n;
}

int ca_revoke(const struct ca_options *o, struct pp_error *error)
{
    struct ca ca;
    struct target target;
    if (o->n_arguments != 1) {
        return pp_fail(error, PP_INVALID, "revoke takes one serial number, file or address");
    }
    int bad = read_target(&target, o->arguments[0], error);
    if (bad) {
        return bad;
    }
    bad = ca_open(&ca, o, true, error);
    if (!bad) {
        if (mark(&ca, &target) == 0) {
            bad = pp_fail(error, PP_NOT_FOUND,
                          "this authority has issued no valid certificate to "
                          "'%.200s': see peerpost-ca list",
                          o->arguments[0]);
        } else {
            bad = ca_write_crl(&ca, o, error);
        }
        ca_close(&ca);
    }
    pp_buf_free(&target.address);
    return bad;
}

int ca_crl(const struct ca_options *o, struct pp_error *error)
{
    struct ca ca;
    if (o->n_arguments) {
        return pp_fail(error, PP_INVALID, "crl takes options only");
    }
    int bad = ca_open(&ca, o, true, error);
    if (!bad) {
        bad = ca_write_crl(&ca, o, error);
        if (!bad) {
            printf("%s\n", o->out ? o->out : "crl.pem");
        }
        ca_close(&ca);
    }
    return bad;
}

static void print_entry(const struct ca_entry *e, int64_t now)
{
    char until[32];
    struct tm tm;
    time_t after = (time_t)e->not_after;
    gmtime_r(&after, &tm);
    strftime(until, sizeof until, "%Y-%m-%dT%H:%M:%SZ", &tm);
    printf("%s\t%s\t%s\t%s\t%s\t%s\n", e->serial, e->is_node ? "node" : "address",
           e->revoked           ? "revoked"
           : e->not_after < now ? "expired"
                                : "valid",
           until, e->principal, e->names);
}

int ca_list(const struct ca_options *o, struct pp_error *error)
{
    struct ca ca;
    if (o->n_arguments) {
        return pp_fail(error, PP_INVALID, "list takes options only");
    }
    int bad = ca_open(&ca, o, false, error);
    if (bad) {
        return bad;
    }
    for (size_t i = 0; i < ca.n_entries; i++) {
        print_entry(&ca.entry[i], time(NULL));
    }
    ca_close(&ca);
    return PP_OK;
}
