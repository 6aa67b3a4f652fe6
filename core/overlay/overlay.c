/*
 * The live overlay's life and its driving of the substrate; see overlay.h. A turn: datagrams go
 * through the envelope into the substrate, what it says is noted, and at the turn's end acted on;
 * then one timer is set to the earliest deadline of all.
 */
#include <overlay/overlay_internal.h>

#include <base/hash.h>
#include <base/log.h>
#include <overlay/envelope_crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* ---- what the substrate asks of us ---- */

static void host_send(void *ctx, const struct pp_peer *to, struct pp_bytes payload)
{
    struct pp_overlay *o = ctx;
    if (!pp_peer_same_endpoint(to, &o->self)) {
        pp_envelope_send(o->envelope, pp_loop_now(o->loop), to, payload);
    }
}

static void host_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    pp_lookups_found(ctx, token, result);
}

static void host_state(void *ctx, enum pp_state state, const char *text)
{
    struct pp_overlay *o = ctx;
    bool hidden = o->options.role == PP_MEMBER && o->role == PP_CLIENT;
    o->instance = state;
    o->was_whole |= o->role == PP_MEMBER && (state == PP_ACTIVE || state == PP_DEGRADED);
    o->instance_changed = true;
    if (!hidden) {
        pp_overlay_set_state(o, state, "%s", text ? text : "");
    } else if (state == PP_ACTIVE) {
        pp_overlay_set_state(o, PP_JOINING, "met the network; waiting to be called back");
    }
}

static void host_log(void *ctx, int level, const char *text)
{
    struct pp_overlay *o = ctx;
    enum pp_log_level l = level < 0 || level > PP_LOG_DEBUG ? PP_LOG_DEBUG : level;
    pp_log(l, o->plugin->plugin.name, "%s", text);
}

static const struct pp_substrate_host substrate_host = {
    .send = host_send, .found = host_found, .state = host_state, .log = host_log};

/* ---- what the envelope tells us ---- */

static void from_envelope(void *ctx, const uint8_t address[16], uint16_t port,
                          struct pp_bytes datagram)
{
    struct pp_overlay *o = ctx;
    o->counts.datagrams_out++;
    o->counts.octets_out += datagram.len;
    pp_udp_send(o->udp, address, port, datagram);
}

static void on_payload(void *ctx, const struct pp_rx *rx, struct pp_bytes payload)
{
    struct pp_overlay *o = ctx;
    if (o->node) {
        o->plugin->receive(o->node, pp_loop_now(o->loop).mono, rx, payload);
    }
}

static void on_control(void *ctx, const struct pp_rx *rx, struct pp_bytes payload)
{
    pp_dial_control(ctx, rx, payload);
}

static void on_proved(void *ctx, const struct pp_peer *peer, unsigned flags)
{
    pp_join_proved(ctx, peer, flags);
}

/* The address is configured, or else what two different peers see. */
static void on_observed(void *ctx, const struct pp_peer *peer, const uint8_t address[16],
                        uint16_t port)
{
    struct pp_overlay *o = ctx;
    static const uint8_t any[16];
    bool fixed = memcmp(o->options.advertise, any, 16) != 0 || !o->wildcard;
    if (fixed || memcmp(o->self.address, address, 16) == 0) {
        return;
    }
    bool second = memcmp(o->observed.address, address, 16) == 0 &&
                  !pp_peer_same_endpoint(&o->observed_by, peer);
    if (o->address_known && !second) {
        memcpy(o->observed.address, address, 16);
        o->observed_by = *peer;
        return;
    }
    (void)port; /* ours is bound: another one would be a NAT's, and dial-back will say so */
    memcpy(o->self.address, address, 16);
    o->moved = o->address_known;
    o->address_known = true;
    o->instance_changed = true;
}

/* What of such a sentence is the same for every node of that other network. */
static const char *without_node(const char *sentence)
{
    const char *rest = strstr(sentence, " belongs to ");
    return rest ? rest : sentence;
}

static void on_mismatch(void *ctx, const struct pp_peer *peer, const char *sentence)
{
    struct pp_overlay *o = ctx;
    pp_join_refused(o, peer);
    if (strcmp(without_node(o->mismatch), without_node(sentence)) != 0) {
        snprintf(o->mismatch, sizeof o->mismatch, "%s", sentence);
        /* Once, not for each contact. A client's user hears it as the cause of what failed. */
        pp_log(o->options.key ? PP_LOG_ERROR : PP_LOG_INFO, "overlay", "%s", sentence);
    }
}

static void on_callback(void *ctx, const uint8_t nonce[PP_CALLBACK_NONCE])
{
    pp_dial_callback(ctx, nonce);
}

static int on_check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    struct pp_overlay *o = ctx;
    return o->options.check(o->options.check_ctx, der, wall, id);
}

static const struct pp_envelope_host envelope_host = {
    .send = from_envelope,
    .receive = on_payload,
    .control = on_control,
    .proved = on_proved,
    .observed = on_observed,
    .mismatch = on_mismatch,
    .callback = on_callback,
    .check = on_check,
};

/* ---- driving ---- */

static void on_datagram(void *ctx, const uint8_t address[16], uint16_t port, struct pp_bytes bytes)
{
    struct pp_overlay *o = ctx;
    o->counts.datagrams_in++;
    o->counts.octets_in += bytes.len;
    pp_envelope_input(o->envelope, pp_loop_now(o->loop), address, port, bytes);
}

static pp_ns min_ns(pp_ns a, pp_ns b)
{
    return a < b ? a : b;
}

static void set_timer(struct pp_overlay *o)
{
    pp_ns next = min_ns(pp_envelope_next(o->envelope), pp_join_next(o));
    if (o->node) {
        next = min_ns(next, o->plugin->next(o->node));
    }
    if (o->lookups) {
        next = min_ns(next, o->next_retry);
    }
    if (o->leave_until) {
        next = min_ns(next, o->leave_until);
    }
    pp_timer_set(o->timer, next);
}

static void on_timer(void *ctx)
{
    struct pp_overlay *o = ctx;
    struct pp_now now = pp_loop_now(o->loop);
    pp_envelope_tick(o->envelope, now);
    if (o->node && o->plugin->next(o->node) <= now.mono) {
        o->plugin->tick(o->node, now.mono);
    }
    pp_join_step(o, now);
    if (now.mono >= o->next_retry) {
        pp_lookups_try(o, now);
    }
}

static void tell_state(struct pp_overlay *o)
{
    if (o->state_changed) {
        o->state_changed = false;
        if (o->on_state) {
            o->on_state(o->on_state_ctx, o->state, o->text);
        }
    }
}

static bool has_left(struct pp_overlay *o)
{
    bool over = o->leave_until &&
                (!o->node || o->instance == PP_LEFT || pp_loop_now(o->loop).mono >= o->leave_until);
    if (over && o->left) {
        void (*left)(void *ctx) = o->left;
        o->left = NULL;
        left(o->left_ctx); /* may close us */
        return true;
    }
    return false;
}

static void on_turn_end(void *ctx)
{
    struct pp_overlay *o = ctx;
    pp_join_turn(o, pp_loop_now(o->loop));
    pp_lookups_deliver(o);
    tell_state(o);
    if (!has_left(o)) {
        set_timer(o);
    }
}

/* ---- states ---- */

void pp_overlay_set_state(struct pp_overlay *o, enum pp_state state, const char *format, ...)
{
    char text[sizeof o->text];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (o->state != state || strcmp(o->text, text) != 0) {
        o->state_changed = true;
        o->state = state;
        memcpy(o->text, text, sizeof text);
    }
}

bool pp_overlay_is_active(const struct pp_overlay *o)
{
    bool last = o->instance == PP_ALONE && o->was_whole; /* it still serves and lets others in */
    return o->node && (o->instance == PP_ACTIVE || o->instance == PP_DEGRADED || last);
}

int pp_overlay_become(struct pp_overlay *o, enum pp_role role)
{
    uint8_t seed[16];
    if (o->node) {
        o->plugin->destroy(o->node);
        o->node = NULL;
        pp_lookups_requeue(o, pp_loop_now(o->loop));
    }
    memset(&o->self.id, 0, sizeof o->self.id);
    if (role == PP_MEMBER) {
        o->self.id = o->own_id;
    }
    pp_random(seed, sizeof seed);
    o->role = role;
    o->instance = PP_JOINING;
    o->was_whole = false;
    o->instance_changed = false;
    o->node = o->plugin->create(o->net, o, role, &o->self, seed);
    return o->node ? PP_OK : PP_NOMEM;
}

/* ---- life ---- */

static int read_exempt(struct pp_overlay *o, struct pp_error *error)
{
    size_t n = o->options.n_exempt;
    o->exempt = calloc(n ? n : 1, sizeof *o->exempt);
    for (size_t i = 0; o->exempt && i < n; i++) {
        if (pp_cidr_parse(&o->exempt[i], o->options.exempt[i]) != PP_OK) {
            return pp_fail(error, PP_CONFIG,
                           "limits.exempt: \"%s\" is no address or CIDR such as 10.0.0.0/8",
                           o->options.exempt[i]);
        }
    }
    return o->exempt ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory for the overlay");
}

static void set_self(struct pp_overlay *o)
{
    static const uint8_t any6[16], any4[16] = {[10] = 0xff, [11] = 0xff};
    const struct pp_overlay_options *p = &o->options;
    o->wildcard = memcmp(p->listen, any6, 16) == 0 || memcmp(p->listen, any4, 16) == 0;
    bool advertised = memcmp(p->advertise, any6, 16) != 0;
    o->address_known = advertised || !o->wildcard;
    if (o->address_known) {
        memcpy(o->self.address, advertised ? p->advertise : p->listen, 16);
    }
    o->self.udp = pp_udp_port(o->udp);
    o->self.http = p->role == PP_MEMBER ? p->advertise_http : 0;
}

static int open_envelope(struct pp_overlay *o, struct pp_error *error)
{
    uint8_t point[PP_POINT];
    struct pp_envelope_options options = {
        .network = &o->network,
        .key = o->options.key,
        .certificate = o->options.certificate,
        .exempt = o->exempt,
        .n_exempt = o->options.n_exempt,
    };
    int code = pp_envelope_create(&o->envelope, &options, &envelope_host, o, error);
    if (code != PP_OK) {
        return code;
    }
    if (o->options.role == PP_MEMBER) {
        if (!o->options.key || o->options.certificate.len == 0) {
            return pp_fail(error, PP_CONFIG, "a node needs node.key and node.certificate");
        }
        pp_point_of(point, o->options.key);
        o->own_id = pp_point_id(point);
    }
    pp_envelope_say(o->envelope, 0, o->options.role == PP_MEMBER ? o->options.advertise_http : 0);
    return PP_OK;
}

static int open_parts(struct pp_overlay *o, struct pp_error *error)
{
    const struct pp_overlay_options *p = &o->options;
    int code = read_exempt(o, error);
    if (code == PP_OK && (pp_network_init(&o->network, o->plugin, p->plugin_options,
                                          p->network_name, p->k) != PP_OK)) {
        code = pp_fail(error, PP_NOMEM, "out of memory for the overlay");
    }
    if (code == PP_OK) {
        code = o->plugin->open(&o->net, p->plugin_options, &substrate_host, error);
    }
    if (code == PP_OK) {
        code = open_envelope(o, error);
    }
    if (code != PP_OK) {
        return code;
    }
    o->peers_file = p->peers_file ? strdup(p->peers_file) : NULL;
    o->timer = pp_timer_create(o->loop, on_timer, o);
    o->hook = pp_hook_create(o->loop, on_turn_end, o);
    o->workers = pp_workers_create(o->loop, 1, 1);
    if (!o->timer || !o->hook || !o->workers || (p->peers_file && !o->peers_file)) {
        return pp_fail(error, PP_NOMEM, "out of memory for the overlay");
    }
    return pp_udp_open(&o->udp, o->loop, p->listen, p->udp, on_datagram, o, error);
}

int pp_overlay_open(struct pp_overlay **out, struct pp_loop *loop,
                    const struct pp_overlay_options *options, struct pp_error *error)
{
    struct pp_overlay *o = calloc(1, sizeof *o);
    if (!o) {
        return pp_fail(error, PP_NOMEM, "out of memory for the overlay");
    }
    o->loop = loop;
    o->plugin = options->plugin;
    o->options = *options;
    o->options.found_after = options->found_after ? options->found_after : 30 * PP_SECOND;
    o->options.merge_period = options->merge_period ? options->merge_period : 5 * PP_MINUTE;
    o->next_retry = PP_NEVER;
    o->role = PP_CLIENT;
    int code = open_parts(o, error);
    if (code == PP_OK) {
        set_self(o);
        code = pp_join_start(o, error);
    }
    if (code != PP_OK) {
        pp_overlay_close(o);
        return code;
    }
    pp_timer_set(o->timer, pp_loop_now(loop).mono);
    *out = o;
    return PP_OK;
}

void pp_overlay_leave(struct pp_overlay *o, pp_ns until, void (*done)(void *ctx), void *ctx)
{
    o->leave_until = until ? until : 1;
    o->left = done;
    o->left_ctx = ctx;
    pp_envelope_say(o->envelope, o->role == PP_MEMBER ? PP_PEER_MEMBER : 0, o->self.http);
    if (o->node && pp_overlay_is_active(o)) {
        o->plugin->leave(o->node, pp_loop_now(o->loop).mono, until);
    } else {
        o->leave_until = 1; /* nobody to hand over to */
    }
    pp_lookups_fail(o, "this node is leaving the network");
    pp_timer_set(o->timer, 1);
}

void pp_overlay_close(struct pp_overlay *o)
{
    if (!o) {
        return;
    }
    if (o->node) {
        o->plugin->destroy(o->node);
    }
    if (o->net) {
        o->plugin->close(o->net);
    }
    pp_workers_destroy(o->workers);
    pp_join_save_now(o);
    pp_lookups_free(o);
    pp_contacts_finish(o);
    pp_udp_close(o->udp);
    pp_udp_close(o->probe);
    pp_hook_destroy(o->hook);
    pp_timer_destroy(o->timer);
    pp_envelope_destroy(o->envelope);
    pp_network_finish(&o->network);
    free(o->exempt);
    free(o->peers_file);
    free(o);
}

/* ---- what others may know ---- */

enum pp_covers pp_overlay_covers(const struct pp_overlay *o, const struct pp_id *key, unsigned k)
{
    bool member = o->node && o->role == PP_MEMBER && pp_overlay_is_active(o);
    return member ? o->plugin->covers(o->node, key, k) : PP_COVERS_UNKNOWN;
}

enum pp_state pp_overlay_state(const struct pp_overlay *o, const char **text)
{
    if (text) {
        *text = o->text;
    }
    return o->state;
}

enum pp_role pp_overlay_role(const struct pp_overlay *o)
{
    return o->role;
}

void pp_overlay_on_state(struct pp_overlay *o,
                         void (*fn)(void *ctx, enum pp_state state, const char *text), void *ctx)
{
    o->on_state = fn;
    o->on_state_ctx = ctx;
    o->state_changed = true;
}

struct pp_peer pp_overlay_self(const struct pp_overlay *o)
{
    struct pp_peer self = o->self;
    self.id = o->own_id;
    return self;
}

void pp_overlay_snapshot(const struct pp_overlay *o, const struct pp_sink *sink)
{
    if (o->node) {
        o->plugin->snapshot(o->node, sink);
    }
}

const char *pp_overlay_mismatch(const struct pp_overlay *o)
{
    return o->mismatch[0] ? o->mismatch : NULL;
}

void pp_overlay_counts(const struct pp_overlay *o, struct pp_overlay_counts *out)
{
    struct pp_envelope_counts e;
    pp_envelope_counts(o->envelope, &e);
    *out = o->counts;
    out->handshakes = e.handshakes;
    out->refused_network = e.refused_network;
    out->dropped_bad = e.dropped_bad;
    out->dropped_rate = e.dropped_rate;
    out->peers_cached = o->cache.n;
}
