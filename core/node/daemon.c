/* peerpostd's parts, opened bottom up and closed top down; see daemon.h. */
#include <node/daemon.h>

#include <base/hash.h>
#include <base/log.h>
#include <errno.h>
#include <fcntl.h>
#include <malloc.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <trust/certificate.h>
#include <unistd.h>

#define CHECKS_QUEUED 1000
#define LEAVE_TIME (3 * PP_SECOND)
#define END_TIME (10 * PP_SECOND)

/* ---- files and plugins ---- */

static int load_log(struct daemon *d, struct pp_error *error)
{
    const char *file = pp_config_text(d->config, "log.file");
    int level = pp_log_level(pp_config_text(d->config, "log.level"));
    if (level < 0) {
        return pp_config_fail(d->config, "log.level", error, "is error, warn, info or debug");
    }
    bool is_file = file[0] && strcmp(file, "-") != 0;
    const char *path = is_file ? pp_config_path(d->config, "log.file") : NULL;
    if (pp_log_open(path, (enum pp_log_level)level) != PP_OK) {
        return pp_config_fail(d->config, "log.file", error, "cannot open %s: %s", path,
                              strerror(errno));
    }
    return PP_OK;
}

static int load_lists(struct daemon *d, struct pp_error *error)
{
    const char *text;
    for (size_t i = 0; (text = pp_config_item(d->config, "limits.exempt", i)); i++) {
        if (i == DAEMON_EXEMPT_MAX || pp_cidr_parse(&d->exempt[i], text) != PP_OK) {
            return pp_config_fail(d->config, "limits.exempt", error,
                                  "\"%.60s\" is no CIDR like 127.0.0.0/8 (at most %d of them)",
                                  text, DAEMON_EXEMPT_MAX);
        }
        d->exempt_text[d->n_exempt++] = text;
    }
    for (size_t i = 0; (text = pp_config_item(d->config, "overlay.contacts", i)); i++) {
        if (i == DAEMON_CONTACTS_MAX) {
            return pp_config_fail(d->config, "overlay.contacts", error, "at most %d contacts",
                                  DAEMON_CONTACTS_MAX);
        }
        d->contact[d->n_contacts++] = text;
    }
    return PP_OK;
}

static int load_plugins(struct daemon *d, struct pp_error *error)
{
    const char *set = pp_config_text(d->config, "plugins.dir");
    const char *dir = set[0] ? pp_config_path(d->config, "plugins.dir") : NULL;
    int code = pp_load_substrate(&d->substrate_file, &d->substrate, dir,
                                 pp_config_plugin_name(d->config, "substrate.plugin"), error);
    code = code ? code
                : pp_config_plugin(d->config, "substrate", &d->substrate->plugin,
                                   &d->substrate_options, error);
    code = code ? code
                : pp_load_store(&d->store_file, &d->api, dir,
                                pp_config_plugin_name(d->config, "store.plugin"), error);
    return code ? code
                : pp_config_plugin(d->config, "store", &d->api->plugin, &d->store_options, error);
}

int daemon_load(struct daemon *d, const char *path, struct pp_error *error)
{
    int code = pp_config_load(&d->config, path, &daemon_schema, 1, error);
    code = code ? code : load_log(d, error);
    code = code ? code : load_lists(d, error);
    code = code ? code : load_plugins(d, error);
    code = code ? code : daemon_load_keys(d, error);
    if (code == PP_OK) {
        daemon_node_config(d);
    }
    return code;
}

/* ---- state folder and store ---- */

int daemon_store_path(struct pp_config *config, char *out, size_t cap, struct pp_error *error)
{
    const char *state = pp_config_path(config, "node.state");
    bool set = pp_config_text(config, "store.path")[0];
    int n = set ? snprintf(out, cap, "%s", pp_config_path(config, "store.path"))
                : snprintf(out, cap, "%s/store", state);
    return n < 0 || (size_t)n >= cap
               ? pp_fail(error, PP_CONFIG, "the path of %.200s is too long", set ? out : state)
               : PP_OK;
}

static int open_state(struct daemon *d, struct pp_error *error)
{
    const char *state = pp_config_path(d->config, "node.state");
    struct stat st;
    if (mkdir(state, 0700) != 0 && errno != EEXIST) {
        return pp_fail(error, PP_IO, "cannot make the folder %s (node.state): %s", state,
                       strerror(errno));
    }
    if (stat(state, &st) != 0 || !S_ISDIR(st.st_mode) || (st.st_mode & 022) != 0) {
        return pp_fail(error, PP_CONFIG,
                       "%s (node.state) is to be a folder that only its owner writes to: chmod "
                       "700 %s",
                       state, state);
    }
    int n = snprintf(d->peers_path, sizeof d->peers_path, "%s/peers", state);
    if (n < 0 || (size_t)n >= sizeof d->peers_path) {
        return pp_fail(error, PP_CONFIG, "the path of %.200s (node.state) is too long", state);
    }
    return daemon_store_path(d->config, d->store_path, sizeof d->store_path, error);
}

static int open_store(struct daemon *d, struct pp_error *error)
{
    uint8_t epoch[16];
    pp_random(epoch, sizeof epoch);
    return d->api->open(&d->store, d->store_path, d->store_options, epoch, PP_STORE_CREATE, error);
}

/* ---- the overlay ---- */

static int check_node(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    struct daemon *d = ctx;
    struct pp_certificate *c;
    int code = pp_certificate_parse(&c, der);
    if (code != PP_OK) {
        return code;
    }
    *id = pp_certificate_node_id(c);
    if (!pp_authority_is_open(d->authority)) {
        code = pp_authority_check(d->authority, c, PP_CERT_NODE, wall);
    } else if (c->kind != PP_CERT_NODE) {
        code = PP_UNTRUSTED;
    }
    pp_certificate_free(c);
    return code;
}

static void on_state(void *ctx, enum pp_state state, const char *text)
{
    (void)ctx;
    pp_log(state == PP_REFUSED ? PP_LOG_ERROR : PP_LOG_INFO, "overlay", "%s%s%s",
           daemon_state_word(state), text && text[0] ? ": " : "", text ? text : "");
}

static int parse_address(struct daemon *d, const char *name, uint8_t address[16],
                         struct pp_error *error)
{
    const char *text = pp_config_text(d->config, name);
    return pp_address_parse(address, text) == PP_OK
               ? PP_OK
               : pp_config_fail(d->config, name, error, "\"%.60s\" is no IP address", text);
}

/* The port of the primitives as others see it. */
static uint16_t public_port(const struct daemon *d)
{
    int64_t forwarded = pp_config_number(d->config, "overlay.advertise_http");
    return (uint16_t)(forwarded ? forwarded : pp_config_number(d->config, "node.http"));
}

static int open_overlay(struct daemon *d, struct pp_error *error)
{
    struct pp_overlay_options o = {
        .plugin = d->substrate,
        .plugin_options = d->substrate_options,
        .network_name = pp_config_text(d->config, "network.name"),
        .k = d->node.k,
        .role = PP_MEMBER,
        .udp = (uint16_t)pp_config_number(d->config, "node.udp"),
        .advertise_http = public_port(d),
        .key = d->key,
        .certificate = pp_buf_bytes(&d->certificate->der),
        .contacts = d->contact,
        .n_contacts = d->n_contacts,
        .peers_file = d->peers_path,
        .exempt = d->exempt_text,
        .n_exempt = d->n_exempt,
        .found_after = (pp_ns)pp_config_number(d->config, "overlay.found_after"),
        .check = check_node,
        .check_ctx = d,
    };
    int code = parse_address(d, "node.listen", o.listen, error);
    if (!code && pp_config_text(d->config, "overlay.advertise")[0]) {
        code = parse_address(d, "overlay.advertise", o.advertise, error);
    }
    code = code ? code : pp_overlay_open(&d->overlay, d->loop, &o, error);
    if (code == PP_OK) {
        pp_overlay_on_state(d->overlay, on_state, d);
    }
    return code;
}

/* ---- the node and its listeners ---- */

static enum pp_covers live_covers(void *ctx, const struct pp_id *key, unsigned k)
{
    return pp_overlay_covers(((struct daemon *)ctx)->overlay, key, k);
}

/* The collector's look-ups are told from the public ones by their context. */
static void live_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    pp_live_found(*(struct pp_live **)ctx, token, result);
}

static int live_lookup(void *ctx, const struct pp_id *key, unsigned k, uint64_t token)
{
    struct daemon *d = ctx;
    return pp_overlay_lookup(d->overlay, key, k, 1, token, live_found, &d->live);
}

static void live_cancel(void *ctx, uint64_t token)
{
    struct daemon *d = ctx;
    pp_overlay_cancel(d->overlay, token, &d->live);
}

static bool live_exempt(void *ctx, const uint8_t source[16])
{
    const struct daemon *d = ctx;
    for (size_t i = 0; i < d->n_exempt; i++) {
        if (pp_cidr_holds(&d->exempt[i], source)) {
            return true;
        }
    }
    return false;
}

static void end_now(void *ctx)
{
    pp_loop_stop(((struct daemon *)ctx)->loop);
}

static void live_broken(void *ctx)
{
    struct daemon *d = ctx;
    pp_log(PP_LOG_ERROR, "peerpostd",
           "the store in %s failed to write or sync; what it still holds is unknown to it, so the "
           "node stops: look at the disk, run peerpostd --check-store, then start again",
           d->store_path);
    d->exit_code = EX_IOERR;
    d->stopping = true;
    pp_server_drain(d->server, end_now, d); /* the 500s are still to leave */
    pp_timer_set(d->deadline, pp_loop_now(d->loop).mono + PP_SECOND);
}

static int open_live(struct daemon *d, struct pp_error *error)
{
    struct pp_live_options o = {.loop = d->loop,
                                .workers = d->workers,
                                .api = d->api,
                                .store = d->store,
                                .node = &d->node,
                                .ctx = d,
                                .covers = live_covers,
                                .lookup = live_lookup,
                                .cancel = live_cancel,
                                .exempt = live_exempt,
                                .page = daemon_public_page,
                                .page_gone = daemon_public_gone,
                                .broken = live_broken};
    d->live = pp_live_create(&o);
    return d->live ? PP_OK : pp_fail(error, PP_NOMEM, "no memory or thread for the node");
}

static void server_options(struct daemon *d, struct pp_server_options *o)
{
    const struct pp_config *c = d->config;
    pp_server_options_default(o);
    o->connections = (unsigned)pp_config_number(c, "limits.connections");
    o->connections_per_source = (unsigned)pp_config_number(c, "limits.connections_source");
    o->handshake_time = (pp_ns)pp_config_number(c, "http.handshake_time");
    o->header_time = (pp_ns)pp_config_number(c, "http.header_time");
    o->request_time = (pp_ns)pp_config_number(c, "http.request_time");
    o->idle_time = (pp_ns)pp_config_number(c, "http.idle_time");
    o->requests_per_connection = (unsigned)pp_config_number(c, "http.requests");
    o->request_line_octets = (size_t)pp_config_number(c, "http.line");
    o->header_octets = (size_t)pp_config_number(c, "http.header");
    o->buffers_all = (uint64_t)pp_config_number(c, "http.buffers");
    o->body_octets = d->node.object_max + 2 * d->node.set_octets + 128 * d->node.members_max +
                     65536; /* a set in PEM and what multipart adds */
    o->exempt = d->exempt_text;
    o->n_exempt = d->n_exempt;
}

static int open_server(struct daemon *d, struct pp_error *error)
{
    struct pp_server_options o;
    uint8_t address[16];
    server_options(d, &o);
    int code = parse_address(d, "node.listen", address, error);
    if (code) {
        return code;
    }
    if (pp_server_create(&d->server, d->loop, d->workers, &o, &pp_live_handler, d->live) != PP_OK) {
        return pp_fail(error, PP_NOMEM, "no memory for the HTTP server");
    }
    return pp_server_listen(d->server, address, (uint16_t)pp_config_number(d->config, "node.http"),
                            d->tls, NULL, error);
}

static bool is_loopback(const uint8_t address[16])
{
    static const uint8_t one[16] = {[15] = 1};
    return (pp_address_is_v4(address) && address[12] == 127) || memcmp(address, one, 16) == 0;
}

static int listen_admin(struct daemon *d, const char *text, struct pp_error *error)
{
    char host[64];
    uint8_t address[16];
    const char *colon = strrchr(text, ':');
    size_t len = colon ? (size_t)(colon - text) : 0;
    bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
    if (strncmp(text, "unix:", 5) == 0) {
        return pp_server_listen_unix(d->admin, text + 5, error);
    }
    snprintf(host, sizeof host, "%.*s", (int)(brackets ? len - 2 : len), text + brackets);
    unsigned long port = colon ? strtoul(colon + 1, NULL, 10) : 0;
    if (!colon || pp_address_parse(address, host) != PP_OK || port == 0 || port > 65535) {
        return pp_config_fail(d->config, "admin.listen", error,
                              "is \"127.0.0.1:port\" or \"unix:PATH\"");
    }
    if (!is_loopback(address)) {
        return pp_config_fail(d->config, "admin.listen", error,
                              "shows this node's inside and so is for this machine alone: take "
                              "127.0.0.1 or unix:PATH");
    }
    return pp_server_listen(d->admin, address, (uint16_t)port, NULL, NULL, error);
}

static int open_admin(struct daemon *d, struct pp_error *error)
{
    const char *text = pp_config_text(d->config, "admin.listen");
    struct pp_server_options o;
    if (!text[0]) {
        return PP_OK;
    }
    pp_server_options_default(&o);
    o.body_octets = 4096;
    d->pages = (struct pp_pages){daemon_admin_page, daemon_admin_gone, d};
    if (pp_server_create(&d->admin, d->loop, NULL, &o, &pp_pages_handler, &d->pages) != PP_OK) {
        return pp_fail(error, PP_NOMEM, "no memory for the administrator's server");
    }
    return listen_admin(d, text, error);
}

/* ---- the process ---- */

static void harden(void)
{
    struct rlimit none = {0, 0}, files;
    umask(077);
    setrlimit(RLIMIT_CORE, &none);
#if !defined(__SANITIZE_ADDRESS__) && !defined(__SANITIZE_THREAD__)
    prctl(PR_SET_DUMPABLE, 0); /* a leak check needs to trace its own process */
#endif
    prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0);
    if (getrlimit(RLIMIT_NOFILE, &files) == 0 && files.rlim_cur < files.rlim_max) {
        files.rlim_cur = files.rlim_max;
        setrlimit(RLIMIT_NOFILE, &files);
    }
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    /* Big tables come from the kernel, zero and untouched until used, also after others of their
     * size were freed; pieces of bodies come from the heap again and again. */
    mallopt(M_MMAP_THRESHOLD, 300 * 1024);
    mallopt(M_TRIM_THRESHOLD, 2 * 1024 * 1024);
}

static void left(void *ctx)
{
    struct daemon *d = ctx;
    d->left = true;
    if (d->drained) {
        pp_loop_stop(d->loop);
    }
}

static void drained(void *ctx)
{
    struct daemon *d = ctx;
    d->drained = true;
    if (d->left) {
        pp_loop_stop(d->loop);
    }
}

/* Leaves the overlay, answers what was asked, then ends. Asked twice: ends at once. */
static void on_term(void *ctx, int signo)
{
    struct daemon *d = ctx;
    pp_ns now = pp_loop_now(d->loop).mono;
    (void)signo;
    if (d->stopping) {
        pp_loop_stop(d->loop);
        return;
    }
    pp_log(PP_LOG_INFO, "peerpostd", "leaving the overlay and answering what was asked");
    d->stopping = true;
    pp_timer_set(d->deadline, now + END_TIME);
    pp_overlay_leave(d->overlay, now + LEAVE_TIME, left, d);
    pp_node_end_waiting(pp_live_node(d->live), pp_loop_now(d->loop));
    pp_server_drain(d->server, drained, d);
}

static void on_hup(void *ctx, int signo)
{
    struct daemon *d = ctx;
    struct pp_error error;
    (void)signo;
    if (load_log(d, &error) != PP_OK) {
        pp_log(PP_LOG_ERROR, "peerpostd", "%s", error.text);
    }
    daemon_reload_keys(d);
    pp_log(PP_LOG_INFO, "peerpostd", "log, certificates and revocation list read again");
}

static int open_loop(struct daemon *d, struct pp_error *error)
{
    uint8_t secret[16];
    long cores = sysconf(_SC_NPROCESSORS_ONLN);
    pp_random(secret, sizeof secret);
    d->loop = pp_loop_create();
    d->has_rates = pp_rates_init(&d->lookup_rates, secret) == PP_OK;
    if (!d->loop || !d->has_rates) {
        return pp_fail(error, PP_NOMEM, "no memory for the event loop");
    }
    d->workers = pp_workers_create(d->loop,
                                   cores > 4   ? 4
                                   : cores > 1 ? (unsigned)cores
                                               : 1,
                                   CHECKS_QUEUED);
    d->deadline = pp_timer_create(d->loop, end_now, d);
    if (!d->workers || !d->deadline) {
        return pp_fail(error, PP_NOMEM, "no memory or threads for the workers");
    }
    d->started = pp_loop_now(d->loop).mono;
    return PP_OK;
}

int daemon_open(struct daemon *d, struct pp_error *error)
{
    harden();
    int code = open_state(d, error);
    code = code ? code : open_loop(d, error);
    code = code ? code : open_overlay(d, error);
    code = code ? code : open_store(d, error);
    code = code ? code : open_live(d, error);
    code = code ? code : open_server(d, error);
    code = code ? code : open_admin(d, error);
    code = code ? code : daemon_probe_open(&d->probe, d, error);
    if (code == PP_OK) {
        pp_loop_signal(d->loop, SIGTERM, on_term, d);
        pp_loop_signal(d->loop, SIGINT, on_term, d);
        pp_loop_signal(d->loop, SIGHUP, on_hup, d);
    }
    return code;
}

int daemon_run(struct daemon *d)
{
    char id[2 * PP_ID_LEN + 1], address[46];
    struct pp_peer self = pp_overlay_self(d->overlay);
    pp_hex(id, d->node.self.b, PP_ID_LEN);
    pp_address_text(address, self.address);
    if (d->n_exempt > 0) {
        pp_log(PP_LOG_WARN, "peerpostd",
               "limits.exempt is set: sources in it are under no bound (for load tests alone)");
    }
    if (pp_authority_is_open(d->authority)) {
        pp_log(PP_LOG_WARN, "peerpostd",
               "trust.ca is empty: anyone may be a node, in any number; no inbox can be read");
    }
    pp_log(PP_LOG_INFO, "peerpostd", "node %s, version " PP_VERSION ", UDP %s:%u, HTTP%s port %u",
           id, address, self.udp, d->tls ? "S" : "",
           (unsigned)pp_config_number(d->config, "node.http"));
    pp_loop_run(d->loop);
    pp_log(PP_LOG_INFO, "peerpostd", "ends");
    return d->exit_code;
}

void daemon_close(struct daemon *d)
{
    daemon_probe_close(d->probe);
    if (d->server) {
        pp_server_destroy(d->server);
    }
    if (d->admin) {
        pp_server_destroy(d->admin);
    }
    if (d->workers) {
        pp_workers_destroy(d->workers);
    }
    pp_live_destroy(d->live);
    if (d->overlay) {
        pp_overlay_close(d->overlay);
    }
    if (d->store) {
        d->api->close(d->store);
    }
    if (d->deadline) {
        pp_timer_destroy(d->deadline);
    }
    if (d->loop) {
        pp_loop_destroy(d->loop);
    }
    if (d->has_rates) {
        pp_rates_finish(&d->lookup_rates);
    }
    SSL_CTX_free(d->tls);
    EVP_PKEY_free(d->key);
    pp_certificate_free(d->certificate);
    pp_authority_free(d->authority);
    pp_unload(d->substrate_file);
    pp_unload(d->store_file);
    pp_config_free(d->config);
}

int daemon_exit_code(int code)
{
    switch (code) {
    case PP_OK:
        return EX_OK;
    case PP_IO:
    case PP_NOMEM:
        return EX_OSERR;
    case PP_BUSY:
        return EX_UNAVAILABLE;
    case PP_BROKEN:
        return EX_IOERR;
    case PP_FORMAT:
        return EX_DATAERR;
    default:
        return EX_CONFIG;
    }
}
