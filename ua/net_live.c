/*
 * The live pp_net's life, its time and its events; see net_live.h. At the end of each turn the
 * journal is synced once for all notes of the turn, then the acts are told what became known.
 */
#include <net_live_internal.h>

#include <base/crash.h>
#include <base/hash.h>
#include <base/log.h>
#include <errno.h>
#include <netinet/in.h>
#include <openssl/x509.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <unistd.h>
#include <uthash.h>

#define WORKERS 4
#define KEEPS_MAX 4096
#define CONNECTIONS 128
#define SCANNERS 2 /* messages scanned at once */

/* ---- events ---- */

static struct pp_live_event *make_event(int kind, struct pp_act *act, uint64_t token, int error,
                                        const char *text)
{
    struct pp_live_event *e = calloc(1, sizeof *e);
    if (e) {
        e->kind = kind;
        e->act = act;
        e->token = token;
        e->error = error;
        snprintf(e->text, sizeof e->text, "%s", text ? text : "");
    }
    return e;
}

void pp_live_tell(struct pp_net_impl *net, int kind, struct pp_act *act, uint64_t token, int error,
                  const char *text)
{
    struct pp_live_event *e = act ? make_event(kind, act, token, error, text) : NULL;
    if (e) {
        *net->last_event = e;
        net->last_event = &e->next;
        pp_loop_stir(net->loop);
    }
}

static void tell(const struct pp_live_event *e)
{
    switch (e->kind) {
    case PP_LIVE_NOTED:
        e->act->noted(e->act, e->token, e->error);
        break;
    case PP_LIVE_KEPT:
        e->act->kept(e->act, e->token, e->error);
        break;
    case PP_LIVE_ENDED:
        e->act->ended(e->act, e->token, e->error, e->text);
        break;
    case PP_LIVE_FOUND:
        e->act->found(e->act, e->token, e->error, NULL, 0);
        break;
    }
}

/* What is known now; what an act causes meanwhile comes in the next round. */
static void deliver(struct pp_net_impl *net)
{
    size_t n = 0;
    for (const struct pp_live_event *e = net->events; e; e = e->next) {
        n++;
    }
    for (; n > 0 && net->events; n--) {
        struct pp_live_event *e = net->events;
        net->events = e->next;
        if (!net->events) {
            net->last_event = &net->events;
        }
        tell(e);
        free(e);
    }
}

static void drop_events(struct pp_live_event **list, struct pp_live_event ***last,
                        const struct pp_act *act, const uint64_t *token)
{
    struct pp_live_event **at = list;
    while (*at) {
        struct pp_live_event *e = *at;
        if ((!act || e->act == act) && (!token || e->token == *token)) {
            *at = e->next;
            free(e);
        } else {
            at = &e->next;
        }
    }
    *last = at;
}

/* ---- notes ---- */

static void sync_notes(struct pp_net_impl *net)
{
    if (!net->dirty) {
        return;
    }
    int error = pp_journal_sync(net->journal);
    net->dirty = error == PP_FULL && !net->noted; /* kept: the next note tries again */
    for (struct pp_live_event *e = net->noted; e; e = e->next) {
        e->error = error;
    }
    if (net->noted) {
        *net->last_event = net->noted;
        net->last_event = net->last_noted;
        net->noted = NULL;
        net->last_noted = &net->noted;
    }
}

static void live_note(struct pp_net_impl *net, struct pp_act *act, struct pp_bytes key,
                      struct pp_bytes value, uint64_t token)
{
    int error = net->journal ? pp_journal_put(net->journal, key, value) : PP_IO;
    if (error != PP_OK) {
        pp_live_tell(net, PP_LIVE_NOTED, act, token, error, NULL);
        return;
    }
    net->dirty = true;
    struct pp_live_event *e = act ? make_event(PP_LIVE_NOTED, act, token, PP_OK, NULL) : NULL;
    if (e) {
        *net->last_noted = e;
        net->last_noted = &e->next;
    }
    pp_loop_stir(net->loop);
}

static int live_replay(struct pp_net_impl *net, struct pp_bytes prefix,
                       int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx)
{
    return net->journal ? pp_journal_each(net->journal, prefix, fn, ctx) : PP_OK;
}

static int live_recall(struct pp_net_impl *net, struct pp_bytes key, struct pp_bytes *value)
{
    return net->journal ? pp_journal_get(net->journal, key, value) : PP_NOT_FOUND;
}

/* ---- time ---- */

struct pp_live_wake {
    struct pp_act *act; /* the key */
    struct pp_net_impl *net;
    struct pp_timer *timer;
    UT_hash_handle hh;
};

static void on_wake(void *ctx)
{
    struct pp_live_wake *w = ctx;
    w->act->wake(w->act);
}

static struct pp_live_wake *find_wake(struct pp_net_impl *net, const struct pp_act *act)
{
    struct pp_live_wake *w = NULL;
    HASH_FIND_PTR(net->wakes, &act, w);
    return w;
}

static void drop_wake(struct pp_net_impl *net, struct pp_live_wake *w)
{
    if (w) {
        HASH_DEL(net->wakes, w);
        pp_timer_destroy(w->timer);
        free(w);
    }
}

static void live_wake(struct pp_net_impl *net, struct pp_act *act, pp_ns at)
{
    struct pp_live_wake *w = find_wake(net, act);
    if (!w && at != PP_NEVER) {
        w = calloc(1, sizeof *w);
        if (!w || !(w->timer = pp_timer_create(net->loop, on_wake, w))) {
            free(w);
            return;
        }
        w->act = act;
        w->net = net;
        HASH_ADD_PTR(net->wakes, act, w);
    }
    if (w) {
        pp_timer_set(w->timer, at);
    }
}

static struct pp_now live_now(struct pp_net_impl *net)
{
    return pp_loop_now(net->loop);
}

static void live_random(struct pp_net_impl *net, void *out, size_t len)
{
    (void)net;
    pp_random(out, len);
}

/* ---- cancelling ---- */

static void drop_all(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token)
{
    pp_live_lookup_drop(net, act, token);
    pp_live_inquiry_drop(net, act, token);
    pp_live_request_drop(net, act, token);
    pp_live_keep_deafen(net, act, token);
    pp_live_judge_deafen(net, act, token);
    drop_events(&net->events, &net->last_event, act, token);
    drop_events(&net->noted, &net->last_noted, act, token);
}

static void live_cancel(struct pp_net_impl *net, struct pp_act *act, uint64_t token)
{
    drop_all(net, act, &token);
}

static void live_forget(struct pp_net_impl *net, struct pp_act *act)
{
    drop_all(net, act, NULL);
    drop_wake(net, find_wake(net, act));
}

static void live_crash(struct pp_net_impl *net, const char *point)
{
    (void)net;
    pp_crash(point);
}

static void live_log(struct pp_net_impl *net, int level, const char *text)
{
    (void)net;
    pp_log(level < 0 || level > PP_LOG_DEBUG ? PP_LOG_DEBUG : (enum pp_log_level)level, "mail",
           "%s", text);
}

static const struct pp_net_ops live_ops = {
    .now = live_now,
    .random = live_random,
    .wake = live_wake,
    .lookup = pp_live_lookup,
    .request = pp_live_request,
    .resume = pp_live_resume,
    .cancel = live_cancel,
    .forget = live_forget,
    .note = live_note,
    .replay = live_replay,
    .recall = live_recall,
    .blob_new = pp_live_blob_new,
    .blob_write = pp_live_blob_write,
    .blob_read = pp_live_blob_read,
    .blob_size = pp_live_blob_size,
    .blob_free = pp_live_blob_free,
    .blob_keep = pp_live_keep,
    .blob_open = pp_live_open,
    .blob_drop = pp_live_drop,
    .judge = pp_live_judge,
    .crash = live_crash,
    .log = live_log,
};

static void on_turn_end(void *ctx)
{
    struct pp_net_impl *net = ctx;
    sync_notes(net);
    deliver(net);
    pp_live_lookup_more(net);
}

/* ---- is there a network at all? ---- */

static bool route_to(const uint8_t address[16])
{
    bool v4 = pp_address_is_v4(address);
    union {
        struct sockaddr any;
        struct sockaddr_in v4;
        struct sockaddr_in6 v6;
    } to;
    memset(&to, 0, sizeof to);
    if (v4) {
        to.v4.sin_family = AF_INET;
        to.v4.sin_port = htons(9);
        memcpy(&to.v4.sin_addr, address + 12, 4);
    } else {
        to.v6.sin6_family = AF_INET6;
        to.v6.sin6_port = htons(9);
        memcpy(&to.v6.sin6_addr, address, 16);
    }
    int fd = socket(to.any.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return false;
    }
    /* Connecting a UDP socket sends nothing: it only asks the routing table. */
    int rc = connect(fd, &to.any, v4 ? sizeof to.v4 : sizeof to.v6);
    close(fd);
    return rc == 0;
}

bool pp_live_has_route(const struct pp_net_impl *net)
{
    for (size_t i = 0; i < net->n_contacts; i++) {
        if (route_to(net->contacts[i])) {
            return true;
        }
    }
    /* saved peers alone, or names: let the overlay find out */
    return net->n_contacts == 0 || net->has_names;
}

/* ---- life ---- */

static int check_node(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    struct pp_net_impl *net = ctx;
    struct pp_certificate *c = NULL;
    int code = pp_certificate_parse(&c, der);
    if (code == PP_OK) {
        code = pp_authority_check(net->authority, c, PP_CERT_NODE, wall);
        *id = pp_certificate_node_id(c);
    }
    pp_certificate_free(c);
    return code;
}

/* A gateway's id is not known beforehand: any node of the authority's will do. */
static int verify_any(struct pp_net_impl *net, X509 *leaf, pp_ns wall)
{
    unsigned char *der = NULL;
    struct pp_id id;
    int len = i2d_X509(leaf, &der);
    int rc = len > 0 ? check_node(net, pp_bytes(der, (size_t)len), wall, &id) : PP_MALFORMED;
    OPENSSL_free(der);
    return rc;
}

static int verify_node(void *ctx, X509 *leaf, STACK_OF(X509) * chain, const struct pp_id *expected)
{
    struct pp_net_impl *net = ctx;
    (void)chain;
    pp_ns wall = pp_loop_now(net->loop).wall;
    return pp_id_is_zero(expected) ? verify_any(net, leaf, wall)
                                   : pp_authority_check_node(net->authority, leaf, expected, wall);
}

static char *copy(const char *text, bool *ok)
{
    char *c = text ? strdup(text) : NULL;
    *ok = *ok && (c || !text);
    return c;
}

/* The addresses of "ADDRESS:PORT"; names and what is malformed are the overlay's. */
static bool note_contacts(struct pp_net_impl *net, const struct pp_overlay_options *o)
{
    net->contacts = calloc(o->n_contacts ? o->n_contacts : 1, sizeof *net->contacts);
    for (size_t i = 0; net->contacts && i < o->n_contacts; i++) {
        char text[64];
        const char *colon = strrchr(o->contacts[i], ':'), *from = o->contacts[i];
        size_t len = colon ? (size_t)(colon - from) : 0;
        if (len > 2 && from[0] == '[') {
            from++;
            len -= 2;
        }
        if (len > 0 && len < sizeof text) {
            memcpy(text, from, len);
            text[len] = '\0';
            bool address = pp_address_parse(net->contacts[net->n_contacts], text) == PP_OK;
            net->n_contacts += address;
            net->has_names = net->has_names || !address;
        }
    }
    return net->contacts != NULL;
}

static int note_gateways(struct pp_net_impl *net, const struct pp_net_live_options *o,
                         struct pp_error *error)
{
    net->behind_proxy = true;
    net->gateways = calloc(o->n_gateways ? o->n_gateways : 1, sizeof *net->gateways);
    for (size_t i = 0; net->gateways && i < o->n_gateways; i++) {
        struct pp_peer *g = &net->gateways[i];
        char text[64];
        const char *colon = strrchr(o->gateways[i], ':');
        bool v6 = o->gateways[i][0] == '[';
        long port = colon ? strtol(colon + 1, NULL, 10) : 0;
        size_t len = colon ? (size_t)(colon - o->gateways[i]) : 0;
        snprintf(text, sizeof text, "%.*s", v6 && len > 1 ? (int)len - 2 : (int)len,
                 o->gateways[i] + v6);
        if (port < 1 || port > UINT16_MAX || pp_address_parse(g->address, text) != PP_OK) {
            return pp_fail(error, PP_CONFIG, "anonymity.gateways: \"%s\" is no ADDRESS:PORT",
                           o->gateways[i]);
        }
        g->http = (uint16_t)port;
        net->n_gateways++;
    }
    if (!net->n_gateways) {
        return pp_fail(error, PP_CONFIG,
                       "anonymity.gateways: name nodes that are asked for look-ups "
                       "(ADDRESS:PORT of their HTTPS), three or more");
    }
    return PP_OK;
}

static int open_network(struct pp_net_impl *net, const struct pp_net_live_options *options,
                        struct pp_error *error)
{
    struct pp_overlay_options o = options->overlay;
    struct pp_client_options c = {
        .connections = options->connections ? options->connections : CONNECTIONS,
        .bind = net->bind,
        .proxy = options->proxy,
        .tls = options->tls,
        .ticket_file = options->ticket_file,
        .verify = verify_node,
        .verify_ctx = net,
    };
    if (options->proxy) {
        int rc = note_gateways(net, options, error);
        return rc == PP_OK ? pp_client_create(&net->client, net->loop, &c, error) : rc;
    }
    o.role = PP_CLIENT;
    o.key = NULL;
    o.certificate = pp_bytes(NULL, 0);
    o.check = check_node;
    o.check_ctx = net;
    memset(o.listen, 0, sizeof o.listen);
    if (net->bind && pp_address_parse(o.listen, net->bind) != PP_OK) {
        return pp_fail(error, PP_CONFIG, "net.bind: \"%s\" is no address", net->bind);
    }
    if (!net->bind) { /* IPv4 unless a contact is IPv6: both, where the system has both */
        bool v6 = false;
        for (size_t i = 0; i < net->n_contacts; i++) {
            v6 = v6 || !pp_address_is_v4(net->contacts[i]);
        }
        if (!v6) {
            o.listen[10] = o.listen[11] = 0xff;
        }
    }
    int code = pp_overlay_open(&net->overlay, net->loop, &o, error);
    return code == PP_OK ? pp_client_create(&net->client, net->loop, &c, error) : code;
}

int pp_net_live_open(struct pp_net_impl **out, struct pp_loop *loop,
                     const struct pp_net_live_options *options, struct pp_error *error)
{
    struct pp_net_impl *net = calloc(1, sizeof *net);
    bool ok = net != NULL;
    if (!net) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    net->loop = loop;
    net->authority = options->authority;
    net->last_event = &net->events;
    net->last_noted = &net->noted;
    net->spool = copy(options->spool, &ok);
    net->quarantine = copy(options->quarantine, &ok);
    net->blobs = copy(options->blobs, &ok);
    net->signed_mail = copy(options->signed_mail, &ok);
    net->maildir = copy(options->maildir, &ok);
    net->junk = copy(options->junk, &ok);
    net->chat = copy(options->chat, &ok);
    net->bind = copy(options->bind, &ok);
    ok = ok && note_contacts(net, &options->overlay);
    net->hook = pp_hook_create(loop, on_turn_end, net);
    net->workers = pp_workers_create(loop, WORKERS, KEEPS_MAX);
    if (options->virus || options->spam) {
        net->virus = copy(options->virus, &ok);
        net->spam = copy(options->spam, &ok);
        net->scanners = pp_workers_create(loop, SCANNERS, KEEPS_MAX);
        ok = ok && net->scanners;
    }
    net->ops = live_ops;
    net->ops.judge = net->scanners ? live_ops.judge : NULL;
    int code = ok && net->hook && net->workers ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory");
    if (code == PP_OK && options->journal) {
        code = pp_journal_open(&net->journal, options->journal, error);
    }
    if (code == PP_OK && (options->overlay.plugin || options->proxy)) {
        code = open_network(net, options, error);
    }
    if (code != PP_OK) {
        pp_net_live_close(net);
        return code;
    }
    *out = net;
    return PP_OK;
}

void pp_net_live_close(struct pp_net_impl *net)
{
    if (!net) {
        return;
    }
    pp_workers_destroy(net->workers); /* what is being kept is kept */
    if (net->scanners) {
        pp_workers_destroy(net->scanners);
    }
    drop_all(net, NULL, NULL);
    struct pp_live_wake *w, *next;
    HASH_ITER(hh, net->wakes, w, next)
    {
        drop_wake(net, w);
    }
    if (net->dirty && net->journal) {
        pp_journal_sync(net->journal);
    }
    pp_client_destroy(net->client);
    pp_overlay_close(net->overlay);
    pp_journal_close(net->journal);
    pp_hook_destroy(net->hook);
    free(net->contacts);
    free(net->gateways);
    free(net->spool);
    free(net->quarantine);
    free(net->blobs);
    free(net->signed_mail);
    free(net->maildir);
    free(net->junk);
    free(net->chat);
    free(net->bind);
    free(net->virus);
    free(net->spam);
    free(net);
}

struct pp_mailnet pp_net_live_mailnet(struct pp_net_impl *net)
{
    return (struct pp_mailnet){&net->ops, net};
}

struct pp_overlay *pp_net_live_overlay(struct pp_net_impl *net)
{
    return net->overlay;
}
