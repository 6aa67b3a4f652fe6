/* init, issue and sign: new authorities, new certificates; see ca.h. */
#include <ca/ca.h>

#include <base/file.h>
#include <limits.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <trust/authority.h>
#include <unistd.h>

#define ADDRESS_DAYS 730
#define NODE_DAYS 365

int ca_init(const struct ca_options *o, struct pp_error *error)
{
    if (o->n_arguments) {
        return pp_fail(error, PP_INVALID, "init takes options only: did you mean --domain %.100s?",
                       o->arguments[0]);
    }
    int bad = ca_create(o, error);
    if (!bad && o->n_domains == 0) {
        fprintf(stderr, "peerpost-ca: note: without --domain this authority's certificates are "
                        "good for addresses of every domain\n");
    }
    if (!bad) {
        printf("%s/ca.cert.pem\n%s/crl.pem\n", o->dir, o->dir);
    }
    return bad;
}

/* The root's own constraints judge what it has just signed: an address outside its domains would be
 * refused by everyone. */
static int check_made(const struct ca *ca, const struct pp_certificate *c, struct pp_error *error)
{
    char path[PATH_MAX];
    struct pp_authority *authority;
    pp_ns when = c->not_before > ca->root->not_before ? c->not_before : ca->root->not_before;
    if (snprintf(path, sizeof path, "%s/ca.cert.pem", ca->dir) >= (int)sizeof path) {
        return pp_fail(error, PP_INVALID, "the name of the folder is too long");
    }
    int bad = pp_authority_load(&authority, path, NULL, false, error);
    if (bad) {
        return bad;
    }
    bad = pp_authority_check(authority, c, c->kind, when);
    pp_authority_free(authority);
    if (bad == PP_EXPIRED) {
        return PP_OK; /* asked for, in tests */
    }
    return bad ? pp_fail(error, PP_MALFORMED,
                         "the address is outside the domains that this authority certifies (the "
                         "--domain of its init)")
               : PP_OK;
}

static int write_certificate(const char *path, const struct pp_certificate *c,
                             struct pp_error *error)
{
    struct pp_buf pem = {0};
    int bad = pp_certificate_pem(&pem, c);
    if (!bad) {
        bad = pp_file_write(path, pp_buf_bytes(&pem), 0644, error);
    }
    pp_buf_free(&pem);
    return bad;
}

static void say(const struct pp_certificate *c)
{
    char id[2 * PP_ID_LEN + 1];
    if (c->kind == PP_CERT_NODE) {
        pp_hex(id, c->spki_hash, PP_ID_LEN);
        printf("%s.peerpost.alt\n", id);
    }
    for (size_t i = 0; i < c->n_addresses; i++) {
        printf("%s\n", (const char *)c->address[i].data);
    }
}

static int check_principal(const struct ca *ca, const struct ca_options *o, struct pp_error *error)
{
    if (!o->principal) {
        return pp_fail(error, PP_INVALID,
                       "say with --principal who runs the node: each may have "
                       "%d, so that nobody fills the overlay alone",
                       CA_NODES_OF_PRINCIPAL);
    }
    if (ca_nodes_of(ca, o->principal) >= CA_NODES_OF_PRINCIPAL) {
        return pp_fail(error, PP_LIMIT,
                       "%s has %d valid nodes, the most that one may have: revoke "
                       "one first",
                       o->principal, CA_NODES_OF_PRINCIPAL);
    }
    return PP_OK;
}

/* Signs for a key: a node when there is no address. */
static int make(struct ca *ca, const struct ca_options *o, EVP_PKEY *key,
                const char *const *addresses, size_t n, struct pp_bytes rollover,
                struct pp_certificate **c, struct pp_error *error)
{
    struct pp_validity validity;
    struct pp_issuer issuer = ca_issuer(ca);
    int bad = ca_options_validity(o, n ? ADDRESS_DAYS : NODE_DAYS, &validity, error);
    if (!bad) {
        bad = n ? pp_issue_address_next(c, &issuer, key, addresses, n, rollover, &validity, error)
                : pp_issue_node(c, &issuer, key, &validity, error);
    }
    if (!bad) {
        bad = check_made(ca, *c, error);
    }
    if (!bad) {
        bad = ca_record(ca, *c, n ? NULL : o->principal, error);
    }
    /* In the register before anybody holds it: what is out can be revoked. */
    return bad ? bad : ca_save(ca, error);
}

struct paths {
    char key[PATH_MAX], certificate[PATH_MAX];
};

static int choose_paths(struct paths *p, const struct ca_options *o, EVP_PKEY *key,
                        struct pp_error *error)
{
    char name[32] = "node-";
    struct pp_id id = pp_key_id(key);
    pp_hex(name + 5, id.b, 4);
    const char *prefix = o->out ? o->out : o->node ? name : o->arguments[0];
    if (!o->out && strchr(prefix, '/')) {
        return pp_fail(error, PP_INVALID, "say with --out where the key and certificate go");
    }
    if (snprintf(p->key, PATH_MAX, "%s.key.pem", prefix) >= PATH_MAX ||
        snprintf(p->certificate, PATH_MAX, "%s.cert.pem", prefix) >= PATH_MAX) {
        return pp_fail(error, PP_INVALID, "the name after --out is too long");
    }
    if (access(p->key, F_OK) == 0) {
        return pp_fail(error, PP_EXISTS,
                       "%s exists already, and a key is never overwritten: choose "
                       "another --out",
                       p->key);
    }
    return PP_OK;
}

static int save_key(const struct paths *p, const struct ca_options *o, EVP_PKEY *key,
                    struct pp_error *error)
{
    struct pp_buf passphrase = {0};
    int bad = ca_passphrase(&passphrase, o->key_passphrase_file, NULL, error);
    if (!bad) {
        bad = pp_key_save(key, p->key, passphrase.len ? (char *)passphrase.data : NULL, error);
    }
    pp_buf_wipe(&passphrase);
    return bad;
}

static int issue_with(struct ca *ca, const struct ca_options *o, EVP_PKEY *key,
                      struct pp_error *error)
{
    struct paths paths;
    struct pp_certificate *c = NULL;
    int bad = o->node ? check_principal(ca, o, error) : PP_OK;
    if (!bad) {
        bad = choose_paths(&paths, o, key, error);
    }
    if (!bad) {
        bad = make(ca, o, key, o->arguments, o->n_arguments, pp_bytes(NULL, 0), &c, error);
    }
    if (!bad) {
        bad = save_key(&paths, o, key, error);
    }
    if (!bad) {
        bad = write_certificate(paths.certificate, c, error);
    }
    if (!bad) {
        say(c);
    }
    pp_certificate_free(c);
    return bad;
}

int ca_issue(const struct ca_options *o, struct pp_error *error)
{
    struct ca ca;
    EVP_PKEY *key;
    if (o->node ? o->n_arguments != 0 : o->n_arguments == 0) {
        return pp_fail(error, PP_INVALID,
                       "issue is for addresses, or for a node with --node and "
                       "no address");
    }
    int bad = ca_open(&ca, o, true, error);
    if (bad) {
        return bad;
    }
    bad = pp_key_generate(&key);
    if (bad) {
        pp_fail(error, bad, "cannot make a key");
    } else {
        bad = issue_with(&ca, o, key, error);
        EVP_PKEY_free(key);
    }
    ca_close(&ca);
    return bad;
}

static int print_certificate(const struct pp_certificate *c)
{
    struct pp_buf pem = {0};
    int bad = pp_certificate_pem(&pem, c);
    if (!bad) {
        fwrite(pem.data, 1, pem.len, stdout);
    }
    pp_buf_free(&pem);
    return bad;
}

static int sign_request(struct ca *ca, const struct ca_options *o, const struct pp_request *r,
                        struct pp_error *error)
{
    const char *addresses[PP_ADDRESSES_MAX];
    struct pp_certificate *c = NULL;
    int bad = PP_OK;
    for (size_t i = 0; i < r->n_addresses; i++) {
        addresses[i] = (const char *)r->address[i].data;
    }
    if (r->n_addresses == 0) {
        bad = o->allow_chosen_id
                  ? check_principal(ca, o, error)
                  : pp_fail(error, PP_DENIED,
                            "this is a node's request, and who makes a node's key chooses its "
                            "place in the overlay: use issue --node, or --allow-chosen-id when you "
                            "trust the requester with that");
    }
    if (!bad) {
        bad = make(ca, o, r->key, addresses, r->n_addresses, pp_buf_bytes(&r->rollover), &c, error);
    }
    if (!bad) {
        bad = o->out ? write_certificate(o->out, c, error) : print_certificate(c);
    }
    if (!bad && o->out) {
        say(c);
    }
    pp_certificate_free(c);
    return bad;
}

int ca_sign(const struct ca_options *o, struct pp_error *error)
{
    struct ca ca;
    struct pp_request request;
    struct pp_buf pem = {0};
    if (o->n_arguments != 1) {
        return pp_fail(error, PP_INVALID, "sign takes one request, a file in PEM");
    }
    int bad = pp_file_read(&pem, o->arguments[0], 65536, error);
    if (!bad) {
        bad = pp_request_parse(&request, pp_buf_bytes(&pem), error);
    }
    pp_buf_free(&pem);
    if (bad) {
        return bad;
    }
    bad = ca_open(&ca, o, true, error);
    if (!bad) {
        bad = sign_request(&ca, o, &request, error);
        ca_close(&ca);
    }
    pp_request_finish(&request);
    return bad;
}
