/*
 * The authority's folder: ca.key.pem, ca.cert.pem, crl.pem, and the register of what was issued;
 * see ca.h. The register's first line holds the list's number and place, each other line one
 * certificate.
 */
#include <ca/ca.h>

#include <base/file.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>
#include <unistd.h>

#define REGISTER_MAX (256u << 20)
#define ROOT_DAYS 3652
#define CRL_DAYS 7
#define PASSPHRASE_MAX 1000
/* Every node serves the list; the name, of no DNS (RFC 9476), means whichever one knows. */
#define CRL_URL "https://any.peerpost.alt/.well-known/peerpost/crl"

static int in_dir(char out[PATH_MAX], const char *dir, const char *name, struct pp_error *error)
{
    int n = snprintf(out, PATH_MAX, "%s/%s", dir, name);
    if (n < 0 || n >= PATH_MAX) {
        return pp_fail(error, PP_INVALID, "the name of the folder is too long");
    }
    return PP_OK;
}

int ca_passphrase(struct pp_buf *text, const char *file, const char *variable,
                  struct pp_error *error)
{
    const char *value = variable ? getenv(variable) : NULL;
    if (pp_buf_reserve(text, PASSPHRASE_MAX + 16384) != PP_OK) { /* never moved, so never left */
        return pp_fail(error, PP_NOMEM, "no memory");
    }
    if (!file) {
        return value ? pp_buf_add_str(text, value) : PP_OK;
    }
    int bad = pp_file_read(text, file, PASSPHRASE_MAX, error);
    char *end = bad ? NULL : strpbrk((char *)text->data, "\r\n");
    if (end) {
        *end = 0;
        text->len = (size_t)(end - (char *)text->data);
    }
    if (!bad && text->len == 0) {
        bad = pp_fail(error, PP_INVALID, "%s holds no passphrase in its first line", file);
    }
    return bad;
}

static const char *or_none(const struct pp_buf *passphrase)
{
    return passphrase->len ? (const char *)passphrase->data : NULL;
}

static int lock_dir(struct ca *ca, struct pp_error *error)
{
    ca->lock = open(ca->dir, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (ca->lock < 0) {
        return pp_fail(error, PP_NOT_FOUND,
                       "cannot open the authority's folder %s: %s. Make one "
                       "with peerpost-ca init --dir %s",
                       ca->dir, strerror(errno), ca->dir);
    }
    while (flock(ca->lock, LOCK_EX)) {
        if (errno != EINTR) {
            return pp_fail(error, PP_IO, "cannot lock %s: %s", ca->dir, strerror(errno));
        }
    }
    return PP_OK;
}

/* Cuts the next tab-separated field off; NULL at the line's end. */
static char *next_field(char **at)
{
    char *field = *at;
    if (field) {
        char *tab = strchr(field, '\t');
        *at = tab ? tab + 1 : NULL;
        if (tab) {
            *tab = 0;
        }
    }
    return field;
}

static bool whole_number(const char *text, int64_t *out)
{
    char *end;
    errno = 0;
    *out = strtoll(text, &end, 10);
    return !errno && end != text && *end == 0 && *out >= 0;
}

static bool read_entry(struct ca_entry *e, char *line)
{
    char *serial = next_field(&line), *kind = next_field(&line), *after = next_field(&line),
         *revoked = next_field(&line), *principal = next_field(&line), *names = next_field(&line);
    if (!names || line || strlen(serial) >= sizeof e->serial ||
        !whole_number(after, &e->not_after) || !whole_number(revoked, &e->revoked) ||
        (strcmp(kind, "node") != 0 && strcmp(kind, "address") != 0)) {
        return false;
    }
    snprintf(e->serial, sizeof e->serial, "%s", serial);
    e->is_node = kind[0] == 'n';
    e->principal = strdup(principal);
    e->names = strdup(names);
    return e->principal && e->names;
}

/* Room for one more entry, zeroed. */
static struct ca_entry *new_entry(struct ca *ca)
{
    if ((ca->n_entries & (ca->n_entries - 1)) == 0) {
        size_t cap = ca->n_entries ? 2 * ca->n_entries : 1;
        struct ca_entry *more = realloc(ca->entry, cap * sizeof *more);
        if (!more) {
            return NULL;
        }
        ca->entry = more;
    }
    struct ca_entry *e = &ca->entry[ca->n_entries++];
    *e = (struct ca_entry){0};
    return e;
}

static bool read_head(struct ca *ca, char *line)
{
    int64_t number;
    char *magic = next_field(&line), *crl = next_field(&line), *url = next_field(&line);
    if (!url || strcmp(magic, "peerpost-ca 1") != 0 || !whole_number(crl, &number)) {
        return false;
    }
    ca->crl_number = (uint64_t)number;
    ca->crl_url = strcmp(url, "-") == 0 ? NULL : strdup(url);
    return true;
}

static int read_register(struct ca *ca, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf text = {0};
    int bad = in_dir(path, ca->dir, "register", error);
    if (!bad) {
        bad = pp_file_read(&text, path, REGISTER_MAX, error);
    }
    size_t number = 0;
    char *line = (char *)text.data;
    while (!bad && line && *line) {
        char *end = strchr(line, '\n');
        struct ca_entry *e = number ? new_entry(ca) : NULL;
        if (end) {
            *end = 0;
        }
        number++;
        if (!end || !(number == 1 ? read_head(ca, line) : e && read_entry(e, line))) {
            bad = pp_fail(error, PP_FORMAT,
                          "%s:%zu: not a line of a register: restore the file "
                          "from a backup",
                          path, number);
        }
        line = end + 1;
    }
    if (!bad && number == 0) {
        bad = pp_fail(error, PP_FORMAT, "%s is empty: restore it from a backup", path);
    }
    pp_buf_free(&text);
    return bad;
}

static int read_key(struct ca *ca, const struct ca_options *o, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf passphrase = {0};
    int bad = in_dir(path, ca->dir, "ca.key.pem", error);
    if (!bad) {
        bad = ca_passphrase(&passphrase, o->passphrase_file, "PEERPOST_CA_PASSPHRASE", error);
    }
    if (!bad) {
        bad = pp_key_load(&ca->key, path, or_none(&passphrase), error);
    }
    pp_buf_wipe(&passphrase);
    return bad;
}

int ca_open(struct ca *ca, const struct ca_options *o, bool with_key, struct pp_error *error)
{
    char path[PATH_MAX];
    *ca = (struct ca){.dir = o->dir, .lock = -1};
    int bad = lock_dir(ca, error);
    if (!bad) {
        bad = in_dir(path, ca->dir, "ca.cert.pem", error);
    }
    if (!bad) {
        bad = pp_certificate_load(&ca->root, path, error);
    }
    if (!bad && with_key) {
        bad = read_key(ca, o, error);
    }
    if (!bad) {
        bad = read_register(ca, error);
    }
    if (bad) {
        ca_close(ca);
    }
    return bad;
}

void ca_close(struct ca *ca)
{
    for (size_t i = 0; i < ca->n_entries; i++) {
        free(ca->entry[i].principal);
        free(ca->entry[i].names);
    }
    free(ca->entry);
    free(ca->crl_url);
    pp_certificate_free(ca->root);
    EVP_PKEY_free(ca->key);
    if (ca->lock >= 0) {
        close(ca->lock);
    }
    *ca = (struct ca){.lock = -1};
}

int ca_record(struct ca *ca, const struct pp_certificate *c, const char *principal,
              struct pp_error *error)
{
    uint8_t serial[32];
    char id[2 * PP_ID_LEN + 1];
    struct pp_buf names = {0};
    struct ca_entry *e = new_entry(ca);
    size_t len = pp_certificate_serial(c, serial, sizeof serial);
    if (c->kind == PP_CERT_NODE) {
        pp_hex(id, c->spki_hash, PP_ID_LEN);
        pp_buf_printf(&names, "%s.peerpost.alt", id);
    }
    for (size_t i = 0; i < c->n_addresses; i++) {
        pp_buf_printf(&names, "%s%s", i ? " " : "", (const char *)c->address[i].data);
    }
    if (!e || names.failed || !names.data || len == 0) {
        pp_buf_free(&names);
        return pp_fail(error, PP_NOMEM, "no memory for the register");
    }
    pp_hex(e->serial, serial, len);
    e->is_node = c->kind == PP_CERT_NODE;
    e->not_after = (int64_t)(c->not_after / PP_SECOND);
    e->principal = strdup(principal ? principal : "-");
    e->names = (char *)names.data; /* malloc'ed, ours now */
    return e->principal ? PP_OK : pp_fail(error, PP_NOMEM, "no memory for the register");
}

int ca_save(struct ca *ca, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf text = {0};
    int bad = in_dir(path, ca->dir, "register", error);
    pp_buf_printf(&text, "peerpost-ca 1\t%" PRIu64 "\t%s\n", ca->crl_number,
                  ca->crl_url ? ca->crl_url : "-");
    for (size_t i = 0; i < ca->n_entries; i++) {
        const struct ca_entry *e = &ca->entry[i];
        pp_buf_printf(&text, "%s\t%s\t%" PRId64 "\t%" PRId64 "\t%s\t%s\n", e->serial,
                      e->is_node ? "node" : "address", e->not_after, e->revoked, e->principal,
                      e->names);
    }
    if (!bad && text.failed) {
        bad = pp_fail(error, PP_NOMEM, "no memory to write the register");
    }
    if (!bad) {
        bad = pp_file_write(path, pp_buf_bytes(&text), 0600, error);
    }
    pp_buf_free(&text);
    return bad;
}

struct pp_issuer ca_issuer(const struct ca *ca)
{
    return (struct pp_issuer){ca->root, ca->key, ca->crl_url};
}

size_t ca_nodes_of(const struct ca *ca, const char *principal)
{
    size_t n = 0;
    int64_t now = time(NULL);
    for (size_t i = 0; i < ca->n_entries; i++) {
        const struct ca_entry *e = &ca->entry[i];
        n +=
            e->is_node && !e->revoked && e->not_after > now && strcmp(e->principal, principal) == 0;
    }
    return n;
}

/* An expired certificate needs no line: nobody accepts it any more (RFC 5280 section 3.3). */
static size_t revocations(const struct ca *ca, struct pp_revocation *out, uint8_t (*serial)[32],
                          int64_t now)
{
    size_t n = 0;
    for (size_t i = 0; i < ca->n_entries; i++) {
        const struct ca_entry *e = &ca->entry[i];
        size_t len = strlen(e->serial) / 2;
        if (e->revoked && e->not_after + CA_DAY > now &&
            pp_unhex(serial[n], len, pp_str(e->serial)) == PP_OK) {
            out[n] = (struct pp_revocation){pp_bytes(serial[n], len), e->revoked};
            n++;
        }
    }
    return n;
}

int ca_write_crl(struct ca *ca, const struct ca_options *o, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_validity validity;
    struct pp_buf pem = {0};
    struct pp_issuer issuer = ca_issuer(ca);
    int64_t now = time(NULL);
    int bad = ca_options_validity(o, CRL_DAYS, &validity, error);
    if (!bad) {
        bad = in_dir(path, ca->dir, "crl.pem", error);
    }
    if (bad) {
        return bad;
    }
    struct pp_revocation *list = calloc(ca->n_entries + 1, sizeof *list);
    uint8_t(*serial)[32] = calloc(ca->n_entries + 1, sizeof *serial);
    if (!list || !serial) {
        bad = pp_fail(error, PP_NOMEM, "no memory for the revocation list");
        goto free_all;
    }
    /* The number is durable before a list bears it: it never falls. */
    ca->crl_number++;
    bad = ca_save(ca, error);
    if (!bad) {
        bad = pp_issue_crl(&pem, &issuer, list, revocations(ca, list, serial, now), ca->crl_number,
                           &validity, error);
    }
    if (!bad) {
        bad = pp_file_write(path, pp_buf_bytes(&pem), 0644, error);
    }
    if (!bad && o->out) {
        bad = pp_file_write(o->out, pp_buf_bytes(&pem), 0644, error);
    }
free_all:
    free(list);
    free(serial);
    pp_buf_free(&pem);
    return bad;
}

static int write_root(const struct ca *ca, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf pem = {0};
    int bad = in_dir(path, ca->dir, "ca.cert.pem", error);
    if (!bad) {
        bad = pp_certificate_pem(&pem, ca->root);
    }
    if (!bad) {
        bad = pp_file_write(path, pp_buf_bytes(&pem), 0644, error);
    }
    pp_buf_free(&pem);
    return bad;
}

static int write_key(const struct ca *ca, const struct ca_options *o, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_buf passphrase = {0};
    int bad = in_dir(path, ca->dir, "ca.key.pem", error);
    if (!bad) {
        bad = ca_passphrase(&passphrase, o->passphrase_file, "PEERPOST_CA_PASSPHRASE", error);
    }
    if (!bad) {
        bad = pp_key_save(ca->key, path, or_none(&passphrase), error);
    }
    pp_buf_wipe(&passphrase);
    return bad;
}

static int fill_new(struct ca *ca, const struct ca_options *o, struct pp_error *error)
{
    struct pp_validity validity;
    struct ca_options defaults = {.dir = o->dir};
    int bad = ca_options_validity(o, ROOT_DAYS, &validity, error);
    if (!bad && pp_key_generate(&ca->key) != PP_OK) {
        bad = pp_fail(error, PP_CRYPTO, "cannot make a key");
    }
    if (!bad) {
        bad = pp_issue_root(&ca->root, ca->key, o->name ? o->name : "Peerpost root", o->domains,
                            o->n_domains, &validity, error);
    }
    if (!bad) {
        ca->crl_url = strdup(o->crl_url ? o->crl_url : CRL_URL);
    }
    bad = bad ? bad : write_key(ca, o, error);
    bad = bad ? bad : write_root(ca, error);
    return bad ? bad : ca_write_crl(ca, &defaults, error);
}

int ca_create(const struct ca_options *o, struct pp_error *error)
{
    char path[PATH_MAX];
    struct ca ca = {.dir = o->dir, .lock = -1};
    int bad = pp_folder_make(o->dir, 0700, error);
    if (!bad) {
        bad = lock_dir(&ca, error);
    }
    if (!bad) {
        bad = in_dir(path, o->dir, "ca.key.pem", error);
    }
    if (!bad && access(path, F_OK) == 0) {
        bad = pp_fail(error, PP_EXISTS,
                      "%s holds an authority already: choose another folder, or "
                      "use this one",
                      o->dir);
    }
    if (!bad) {
        bad = fill_new(&ca, o, error);
    }
    ca_close(&ca);
    return bad;
}
