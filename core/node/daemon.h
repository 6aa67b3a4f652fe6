/*
 * peerpostd, taken together: configuration, store, overlay, live node, listeners. One object a
 * process; its parts are opened bottom up and closed top down.
 */
#ifndef PP_NODE_DAEMON_H
#define PP_NODE_DAEMON_H

#include <config/config.h>
#include <config/loader.h>
#include <node/live.h>
#include <node/probe.h>
#include <overlay/overlay.h>
#include <overlay/rate.h>

#ifndef PP_VERSION
#define PP_VERSION "0.1.0"
#endif

#define DAEMON_EXEMPT_MAX 64
#define DAEMON_CONTACTS_MAX 256
#define DAEMON_LOOKUPS_MAX 256

/* An HTTP look-up under way. */
struct daemon_lookup {
    struct pp_live_page *page; /* NULL: free */
    uint64_t token;
};

struct daemon {
    struct pp_config *config;
    struct pp_loaded *substrate_file, *store_file;
    const struct pp_substrate *substrate;
    const union pp_value *substrate_options;
    const struct pp_store_plugin *api;
    const union pp_value *store_options;
    struct pp_authority *authority;
    struct pp_certificate *certificate;
    EVP_PKEY *key;
    SSL_CTX *tls;
    struct pp_loop *loop;
    struct pp_workers *workers;
    struct pp_store *store;
    struct pp_overlay *overlay;
    struct pp_live *live;
    struct daemon_probe *probe; /* NULL: it probes nothing */
    struct pp_server *server, *admin;
    struct pp_pages pages; /* the administrator's */
    struct pp_node_config node;
    struct pp_timer *deadline; /* of a polite end */
    const char *exempt_text[DAEMON_EXEMPT_MAX], *contact[DAEMON_CONTACTS_MAX];
    struct pp_cidr exempt[DAEMON_EXEMPT_MAX];
    size_t n_exempt, n_contacts;
    struct pp_rates lookup_rates;
    bool has_rates;
    struct daemon_lookup lookup[DAEMON_LOOKUPS_MAX];
    uint64_t last_token;
    char store_path[1024], peers_path[1024];
    pp_ns started;
    bool stopping, drained, left;
    int exit_code;
};

/* options.c */
extern const struct pp_schema daemon_schema;
/* Limits and collector as configured, into d->node. */
void daemon_node_config(struct daemon *d);

/* daemon.c */
/* Everything that needs no socket and no store: files, plugins, sections. */
int daemon_load(struct daemon *d, const char *path, struct pp_error *error);
/* Where the store of a configuration is. */
int daemon_store_path(struct pp_config *config, char *out, size_t cap, struct pp_error *error);
int daemon_open(struct daemon *d, struct pp_error *error);
/* Until SIGTERM, SIGINT or a broken store. Returns the exit code. */
int daemon_run(struct daemon *d);
void daemon_close(struct daemon *d);
/* What an error means to a shell (sysexits.h). */
int daemon_exit_code(int code);

/* keys.c */
int daemon_load_keys(struct daemon *d, struct pp_error *error);
/* SIGHUP: certificate, CA and CRL again; what cannot be read leaves the old in place. */
void daemon_reload_keys(struct daemon *d);

/* public.c: /.well-known/peerpost/ */
void daemon_public_page(void *ctx, struct pp_live_page *page);
void daemon_public_gone(void *ctx, struct pp_live_page *page);

/* admin.c, metrics.c */
void daemon_admin_page(void *ctx, struct pp_live_page *page);
void daemon_admin_gone(void *ctx, struct pp_live_page *page);
void daemon_metrics(struct daemon *d, struct pp_buf *out);
/* Small words for states, roles, answers of covers. */
const char *daemon_state_word(enum pp_state state);

#endif
