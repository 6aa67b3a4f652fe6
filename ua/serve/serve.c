/*
 * The life of peerpost serve; see serve.h. It must not know any protocol, nor how mail travels.
 */
#include <serve/parts.h>

#include <serve/keys.h>

#include <base/address.h>
#include <session/control.h>
#include <errno.h>
#include <limits.h>
#include <openssl/crypto.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>

#define WORKERS 4
#define WORK_MAX 256

static const struct serve_part *const parts[] = {&serve_control, &serve_smtp, &serve_pop3,
                                                 &serve_web};
#define N_PARTS (sizeof parts / sizeof *parts)

struct serve {
    struct pp_config *config;
    struct pp_loop *loop;
    struct pp_workers *workers;
    struct work *work;
    struct keys *keys;
    struct identity who;             /* kept current by keys */
    struct pp_buf address, password; /* the address for good: workers read it */
    char spool[PATH_MAX], blobs[PATH_MAX];
    void *part[N_PARTS];
};

struct pp_loop *serve_loop(const struct serve *s)
{
    return s->loop;
}

struct pp_workers *serve_workers(const struct serve *s)
{
    return s->workers;
}

struct pp_config *serve_config(const struct serve *s)
{
    return s->config;
}

const char *serve_address(const struct serve *s)
{
    return (const char *)s->address.data;
}

const char *serve_spool(const struct serve *s)
{
    return s->spool;
}

const char *serve_maildir(const struct serve *s)
{
    return pp_config_path(s->config, "user.maildir");
}

const char *serve_blobs(const struct serve *s)
{
    return s->blobs;
}

struct work *serve_work(const struct serve *s)
{
    return s->work;
}

/* --- who may ------------------------------------------------------------------------------- */

static bool same(struct pp_bytes a, struct pp_bytes b)
{
    return a.len == b.len && CRYPTO_memcmp(a.data, b.data, a.len) == 0;
}

bool serve_login(const struct serve *s, struct pp_bytes user, struct pp_bytes password)
{
    struct pp_bytes own = pp_buf_bytes(&s->who.address);
    const uint8_t *at = memchr(own.data, '@', own.len);
    struct pp_bytes local = pp_bytes(own.data, at ? (size_t)(at - own.data) : own.len);
    struct pp_buf normal = {0};
    bool known = pp_bytes_equal(user, local) ||
                 (pp_address_normal(&normal, user) == PP_OK && same(pp_buf_bytes(&normal), own));
    bool right = same(password, pp_buf_bytes(&s->password));
    pp_buf_free(&normal);
    return known && right;
}

/* "a+tag@b" is a's as well. */
static bool is_tagged(struct pp_bytes address, struct pp_bytes own)
{
    const uint8_t *plus = memchr(address.data, '+', address.len);
    const uint8_t *at = memchr(address.data, '@', address.len);
    size_t local = plus ? (size_t)(plus - address.data) : 0;
    size_t domain = at ? address.len - (size_t)(at - address.data) : 0;
    return plus && at && plus < at && own.len == local + domain &&
           memcmp(own.data, address.data, local) == 0 && memcmp(own.data + local, at, domain) == 0;
}

bool serve_is_own(const struct serve *s, struct pp_bytes address)
{
    struct pp_buf normal = {0};
    bool own = false;
    if (pp_address_normal(&normal, address) == PP_OK) {
        struct pp_bytes a = pp_buf_bytes(&normal);
        own = pp_certificate_has_address(s->who.certificate, a) ||
              is_tagged(a, pp_buf_bytes(&s->who.address));
    }
    pp_buf_free(&normal);
    return own;
}

/* --- where --------------------------------------------------------------------------------- */

static bool is_loopback(const uint8_t address[16])
{
    static const uint8_t v6[16] = {[15] = 1};
    return pp_address_is_v4(address) ? address[12] == 127 : memcmp(address, v6, 16) == 0;
}

static bool parse_endpoint(const char *text, uint8_t address[16], uint16_t *port)
{
    char host[64];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    if (!len || len >= sizeof host || !colon[1] || strspn(colon + 1, "0123456789") > 5 ||
        colon[1 + strspn(colon + 1, "0123456789")]) {
        return false;
    }
    unsigned long number = strtoul(colon + 1, NULL, 10);
    bool bracket = len > 2 && text[0] == '[' && text[len - 1] == ']';
    snprintf(host, sizeof host, "%.*s", (int)(bracket ? len - 2 : len), bracket ? text + 1 : text);
    *port = (uint16_t)number;
    return number <= UINT16_MAX &&
           pp_address_parse(address, strcmp(host, "localhost") == 0 ? "127.0.0.1" : host) == PP_OK;
}

int serve_endpoint(const struct serve *s, const char *option, bool *on, uint8_t address[16],
                   uint16_t *port, struct pp_error *error)
{
    const char *text = pp_config_text(s->config, option);
    *on = *text != '\0';
    if (!*on) {
        return PP_OK;
    }
    if (!parse_endpoint(text, address, port)) {
        return pp_config_fail(s->config, option, error,
                              "\"%s\" is not ADDRESS:PORT, such as 127.0.0.1:2525; empty turns it "
                              "off",
                              text);
    }
    if (!is_loopback(address)) {
        return pp_config_fail(s->config, option, error,
                              "%s can be reached from other computers: only mail readers on this "
                              "one are served, choose an address 127.x.x.x or [::1]",
                              text);
    }
    return PP_OK;
}

int serve_listen(struct pp_listener **listener, struct serve *s, const char *option,
                 pp_accepted_fn *fn, void *ctx, struct pp_error *error)
{
    uint8_t address[16];
    uint16_t port;
    bool on;
    *listener = NULL;
    int rc = serve_endpoint(s, option, &on, address, &port, error);
    return rc == PP_OK && on ? pp_listener_open(listener, s->loop, address, port, fn, ctx, error)
                             : rc;
}

/* --- life ---------------------------------------------------------------------------------- */

static void on_signal(void *ctx, int signo)
{
    struct serve *s = ctx;
    (void)signo;
    pp_loop_stop(s->loop);
}

static void on_keys(void *ctx)
{
    struct serve *s = ctx;
    work_renew(s->work);
}

static int prepare(struct serve *s, struct pp_error *error)
{
    const char *state = pp_config_path(s->config, "user.state");
    snprintf(s->blobs, sizeof s->blobs, "%s/blobs", state);
    snprintf(s->spool, sizeof s->spool, "%s", session_spool(s->config));
    s->loop = pp_loop_create();
    s->workers = s->loop ? pp_workers_create(s->loop, WORKERS, WORK_MAX) : NULL;
    if (!s->workers || pp_loop_signal(s->loop, SIGTERM, on_signal, s) != PP_OK ||
        pp_loop_signal(s->loop, SIGINT, on_signal, s) != PP_OK) {
        return pp_fail(error, PP_NOMEM, "cannot make an event loop");
    }
    int rc = keys_open(&s->keys, s->config, s->loop, &s->who, on_keys, s, error);
    rc = rc == PP_OK ? pp_buf_add(&s->address, s->who.address.data, s->who.address.len) : rc;
    return rc == PP_OK ? serve_password(&s->password, s->config, error) : rc;
}

static int be_the_only_one(struct pp_config *config, struct pp_error *error)
{
    struct control *other = NULL;
    if (control_open(&other, config) != PP_OK) {
        return PP_OK;
    }
    control_close(other);
    return pp_fail(error, PP_BUSY, "another peerpost serve of yours runs already (%s)",
                   pp_config_path(config, "user.state"));
}

int serve_open(struct serve **out, struct pp_config *config, struct pp_error *error)
{
    struct serve *s = calloc(1, sizeof *s);
    if (!s) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    s->config = config;
    int rc = be_the_only_one(config, error);
    rc = rc == PP_OK ? prepare(s, error) : rc;
    rc = rc == PP_OK ? work_open(&s->work, config, s->loop, error) : rc;
    for (size_t i = 0; rc == PP_OK && i < N_PARTS; i++) {
        rc = parts[i]->open(&s->part[i], s, error);
    }
    if (rc != PP_OK) {
        serve_close(s);
        return rc;
    }
    *out = s;
    return PP_OK;
}

void serve_run(struct serve *s)
{
    pp_loop_run(s->loop);
}

uint16_t serve_port(const struct serve *s, const char *part)
{
    for (size_t i = 0; i < N_PARTS; i++) {
        if (strcmp(parts[i]->name, part) == 0 && s->part[i] && parts[i]->port) {
            return parts[i]->port(s->part[i]);
        }
    }
    return 0;
}

void serve_close(struct serve *s)
{
    if (!s) {
        return;
    }
    for (size_t i = N_PARTS; i-- > 0;) {
        if (s->part[i]) {
            parts[i]->close(s->part[i]);
        }
    }
    keys_close(s->keys);
    work_close(s->work);
    if (s->workers) {
        pp_workers_destroy(s->workers);
    }
    if (s->loop) {
        pp_loop_destroy(s->loop);
    }
    pp_buf_wipe(&s->password);
    pp_buf_free(&s->address);
    identity_finish(&s->who);
    free(s);
}
