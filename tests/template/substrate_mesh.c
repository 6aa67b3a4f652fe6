/*
 * The smallest legal substrate, to be copied by authors: every member knows every other one (at
 * most MESH_MAX). Each period a member asks each it knows for its list; whoever answers stays, who
 * misses three answers goes, and whom a list names is asked in turn, so that only a peer that
 * answered us itself ever stands in our table. The k closest are those with the smallest XOR
 * distance. It must not know sockets, clocks, threads or randomness: see peerpost/substrate.h.
 *
 * Datagrams: kind 1, ask id 8, active 1; a LIST adds total 2, first 2, count 1, then so many peers
 * of 40 octets.
 */
#include <peerpost/substrate.h>

#include <stdio.h>
#include <stdlib.h>

#define MESH_MAX 128
#define LOOKUPS_MAX 64
#define PAGE 27 /* peers in one LIST: 15 + 27 * 40 octets fit PP_PAYLOAD_MAX */
#define TRIES 3

enum kind { ASK = 1, LIST = 2, BYE = 3 };

enum { OPTION_PERIOD, N_OPTIONS };
static const struct pp_option options[N_OPTIONS] = {
    [OPTION_PERIOD] = {"period", PP_OPT_TIME, "5s", 1000000, INT64_MAX, PP_SCOPE_NODE,
                       "How often every known member is asked for its list"},
};

struct pp_net {
    const struct pp_substrate_host *host;
    pp_ns period;
};

struct entry {
    struct pp_peer peer;
    bool member;     /* it answered, as an active member */
    unsigned missed; /* asks without an answer */
    uint64_t ask;    /* id of the last ask */
    bool waiting;    /* for its answer */
};

struct lookup {
    uint64_t token;
    struct pp_id key;
    unsigned k;
};

struct pp_substrate_node {
    struct pp_net *net;
    void *ctx;
    enum pp_role role;
    struct pp_peer self;
    enum pp_state state;
    uint64_t random[2];
    struct entry entries[MESH_MAX];
    size_t n;
    struct lookup lookups[LOOKUPS_MAX];
    size_t n_lookups;
    pp_ns next; /* round of asks; PP_NEVER before the first meeting */
    pp_ns now;  /* of the entry that runs */
};

/* xorshift128+, keyed by the seed: the only randomness there is. */
static uint64_t next_random(struct pp_substrate_node *node)
{
    uint64_t a = node->random[0], b = node->random[1];
    node->random[0] = b;
    a ^= a << 23;
    node->random[1] = a ^ b ^ (a >> 18) ^ (b >> 5);
    return node->random[1] + b;
}

static void set_state(struct pp_substrate_node *node, enum pp_state state, const char *text)
{
    if (node->state != state) {
        node->state = state;
        node->net->host->state(node->ctx, state, text);
    }
}

static bool is_active(const struct pp_substrate_node *node)
{
    return node->state == PP_ACTIVE;
}

/* ---- the table ---- */

static struct entry *find(struct pp_substrate_node *node, const struct pp_peer *peer)
{
    for (size_t i = 0; i < node->n; i++) {
        struct entry *e = &node->entries[i];
        bool same_id = !pp_id_is_zero(&peer->id) && pp_id_equal(&e->peer.id, &peer->id);
        bool nameless = pp_id_is_zero(&peer->id) || pp_id_is_zero(&e->peer.id);
        if (same_id || (nameless && pp_peer_same_endpoint(&e->peer, peer))) {
            return e;
        }
    }
    return NULL;
}

static struct entry *add(struct pp_substrate_node *node, const struct pp_peer *peer)
{
    struct entry *e = find(node, peer);
    bool self = (!pp_id_is_zero(&peer->id) && pp_id_equal(&peer->id, &node->self.id)) ||
                pp_peer_same_endpoint(peer, &node->self);
    if (e || self || node->n == MESH_MAX) {
        return e;
    }
    e = &node->entries[node->n++];
    *e = (struct entry){.peer = *peer};
    return e;
}

static void ask(struct pp_substrate_node *node, struct entry *e)
{
    uint8_t out[10] = {ASK};
    e->ask = next_random(node);
    e->waiting = true;
    pp_put64(out + 1, e->ask);
    out[9] = is_active(node);
    node->net->host->send(node->ctx, &e->peer, pp_bytes(out, sizeof out));
}

static size_t count_members(const struct pp_substrate_node *node)
{
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) {
        n += node->entries[i].member;
    }
    return n;
}

/* ---- messages ---- */

static void send_list(struct pp_substrate_node *node, const struct pp_rx *rx, const uint8_t *id)
{
    size_t sent = 0, total = count_members(node), i = 0;
    do {
        uint8_t out[PP_PAYLOAD_MAX] = {LIST}, *at = out + 15;
        memcpy(out + 1, id, 8);
        out[9] = is_active(node);
        pp_put16(out + 10, (uint16_t)total);
        pp_put16(out + 12, (uint16_t)sent);
        for (; i < node->n && out[14] < PAGE; i++) {
            if (node->entries[i].member) {
                memcpy(at, &node->entries[i].peer, sizeof(struct pp_peer));
                at += sizeof(struct pp_peer);
                out[14]++;
                sent++;
            }
        }
        node->net->host->send(node->ctx, &rx->from, pp_bytes(out, (size_t)(at - out)));
    } while (sent < total);
}

static void on_ask(struct pp_substrate_node *node, const struct pp_rx *rx, struct pp_bytes in)
{
    if (node->role == PP_CLIENT || in.len != 10) {
        return;
    }
    send_list(node, rx, in.data + 1);
    struct entry *e = rx->facts & PP_ID_PROVED ? add(node, &rx->from) : NULL;
    if (e && in.data[9]) {
        e->peer = rx->from; /* a proved id at a new endpoint replaces the old */
        if (!e->member && !e->waiting) {
            ask(node, e);
        }
    }
}

static void on_list(struct pp_substrate_node *node, const struct pp_rx *rx, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    pp_read8(&r);
    uint64_t id = pp_read64(&r);
    bool active = pp_read8(&r) != 0;
    pp_read32(&r);
    size_t n = pp_read8(&r);
    const uint8_t *peers = pp_read(&r, n * sizeof(struct pp_peer));
    struct entry *e = find(node, &rx->from);
    if (r.failed || !e || e->ask != id || !pp_peer_same_endpoint(&e->peer, &rx->from) ||
        !(rx->facts & PP_ID_PROVED)) {
        return;
    }
    e->waiting = false;
    e->missed = 0;
    e->peer = rx->from;
    e->member = active;
    if (!active) {
        return;
    }
    bool first = !is_active(node);
    set_state(node, PP_ACTIVE, "");
    for (size_t i = 0; i < n; i++) {
        struct pp_peer peer;
        memcpy(&peer, peers + i * sizeof peer, sizeof peer);
        struct entry *new = find(node, &peer) ? NULL : add(node, &peer);
        if (new) {
            ask(node, new);
        }
    }
    if (first) { /* tell all we asked that we are whole */
        node->next = node->now;
    }
}

static void mesh_receive(struct pp_substrate_node *node, pp_ns now, const struct pp_rx *rx,
                         struct pp_bytes in)
{
    node->now = now;
    if (in.len < 1 || node->state == PP_LEFT) {
        return;
    }
    if (in.data[0] == ASK) {
        on_ask(node, rx, in);
    } else if (in.data[0] == LIST) {
        on_list(node, rx, in);
    } else if (in.data[0] == BYE && (rx->facts & PP_ID_PROVED)) {
        struct entry *e = find(node, &rx->from);
        if (e) {
            *e = node->entries[--node->n];
        }
    }
}

/* ---- time ---- */

static void round_of_asks(struct pp_substrate_node *node)
{
    for (size_t i = 0; i < node->n;) {
        struct entry *e = &node->entries[i];
        e->missed += e->waiting;
        if (e->missed >= TRIES) {
            *e = node->entries[--node->n];
            continue;
        }
        ask(node, e);
        i++;
    }
    if (node->n == 0 && (!is_active(node) || node->role == PP_CLIENT)) {
        set_state(node, PP_ALONE, "nobody that we were told of answers");
    }
    pp_ns jitter = node->net->period / 2 * (next_random(node) % 1024) / 1024;
    node->next = node->now + node->net->period * 3 / 4 + jitter;
}

static struct pp_id distance(const struct pp_id *key, const struct pp_peer *peer)
{
    return pp_id_xor(key, &peer->id);
}

static void insert_nearest(struct pp_peer *out, size_t *n, unsigned k, const struct pp_id *key,
                           const struct pp_peer *peer)
{
    struct pp_id d = distance(key, peer);
    size_t i = *n;
    for (; i > 0; i--) {
        struct pp_id other = distance(key, &out[i - 1]);
        if (pp_id_compare(&other, &d) <= 0) {
            break;
        }
        if (i < k) {
            out[i] = out[i - 1];
        }
    }
    if (i < k) {
        out[i] = *peer;
        *n += *n < k;
    }
}

static void answer_lookup(struct pp_substrate_node *node, const struct lookup *l)
{
    struct pp_peer peers[PP_K_MAX];
    size_t n = 0;
    for (size_t i = 0; i < node->n; i++) {
        if (node->entries[i].member) {
            insert_nearest(peers, &n, l->k, &l->key, &node->entries[i].peer);
        }
    }
    if (node->role == PP_MEMBER) {
        insert_nearest(peers, &n, l->k, &l->key, &node->self);
    }
    struct pp_result result = {.code = PP_OK, .peers = peers, .n_peers = n};
    if (n > 0) {
        struct pp_id far = distance(&l->key, &peers[n - 1]);
        result.spacing = pp_id_high(&far) / n;
    }
    node->net->host->found(node->ctx, l->token, &result);
}

static void mesh_tick(struct pp_substrate_node *node, pp_ns now)
{
    node->now = now;
    for (size_t i = 0; i < node->n_lookups; i++) {
        answer_lookup(node, &node->lookups[i]);
    }
    node->n_lookups = 0;
    if (node->next <= now) {
        round_of_asks(node);
    }
}

static pp_ns mesh_next(const struct pp_substrate_node *node)
{
    return node->n_lookups > 0 ? 0 : node->next;
}

/* ---- life ---- */

static int mesh_open(struct pp_net **net, const union pp_value *values,
                     const struct pp_substrate_host *host, struct pp_error *error)
{
    *net = calloc(1, sizeof **net);
    if (!*net) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    (*net)->host = host;
    (*net)->period = (pp_ns)values[OPTION_PERIOD].number;
    return PP_OK;
}

static void mesh_close(struct pp_net *net)
{
    free(net);
}

static struct pp_substrate_node *mesh_create(struct pp_net *net, void *ctx, enum pp_role role,
                                             const struct pp_peer *self, const uint8_t seed[16])
{
    struct pp_substrate_node *node = calloc(1, sizeof *node);
    if (node) {
        node->net = net;
        node->ctx = ctx;
        node->role = role;
        node->self = *self;
        node->random[0] = pp_get64(seed) | 1;
        node->random[1] = pp_get64(seed + 8);
        node->next = PP_NEVER;
    }
    return node;
}

static void mesh_destroy(struct pp_substrate_node *node)
{
    free(node);
}

static void mesh_meet(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *contacts,
                      size_t n)
{
    node->now = now;
    if (node->state == PP_LEFT) {
        return;
    }
    if (n == 0) {
        set_state(node, PP_ACTIVE, "");
    } else if (!is_active(node)) {
        set_state(node, PP_JOINING, "");
    }
    for (size_t i = 0; i < n; i++) {
        struct entry *e = find(node, &contacts[i]) ? NULL : add(node, &contacts[i]);
        if (e) {
            ask(node, e);
        }
    }
    if (node->next == PP_NEVER) {
        node->next = now + node->net->period;
    }
}

static void mesh_move(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *self)
{
    node->self = *self;
    node->next = now;
}

static void mesh_leave(struct pp_substrate_node *node, pp_ns now, pp_ns until)
{
    (void)until;
    static const uint8_t bye[1] = {BYE};
    node->now = now;
    for (size_t i = 0; i < node->n; i++) {
        node->net->host->send(node->ctx, &node->entries[i].peer, pp_bytes(bye, sizeof bye));
    }
    struct pp_result result = {.code = PP_OFFLINE, .reason = "leaving"};
    for (size_t i = 0; i < node->n_lookups; i++) {
        node->net->host->found(node->ctx, node->lookups[i].token, &result);
    }
    node->n = node->n_lookups = 0;
    node->next = PP_NEVER;
    set_state(node, PP_LEFT, "");
}

static int mesh_lookup(struct pp_substrate_node *node, pp_ns now, const struct pp_id *key,
                       unsigned k, unsigned paths, unsigned flags, uint64_t token)
{
    (void)now;
    (void)paths;
    (void)flags;
    if (!is_active(node)) {
        return PP_OFFLINE;
    }
    if (node->n_lookups == LOOKUPS_MAX) {
        return PP_BUSY;
    }
    node->lookups[node->n_lookups++] = (struct lookup){token, *key, k};
    return PP_OK;
}

static void mesh_cancel(struct pp_substrate_node *node, uint64_t token)
{
    for (size_t i = 0; i < node->n_lookups; i++) {
        if (node->lookups[i].token == token) {
            node->lookups[i] = node->lookups[--node->n_lookups];
            return;
        }
    }
}

/* ---- what can be known without asking ---- */

static enum pp_covers mesh_covers(const struct pp_substrate_node *node, const struct pp_id *key,
                                  unsigned k)
{
    struct pp_id own = distance(key, &node->self);
    unsigned nearer = 0;
    if (!is_active(node) || node->role == PP_CLIENT) {
        return PP_COVERS_UNKNOWN;
    }
    for (size_t i = 0; i < node->n; i++) {
        struct pp_id other = distance(key, &node->entries[i].peer);
        nearer += node->entries[i].member && pp_id_compare(&other, &own) < 0;
    }
    return nearer < k ? PP_COVERS_YES : PP_COVERS_NO;
}

static void mesh_rank(const struct pp_substrate_node *node, const struct pp_id *key,
                      uint8_t out[PP_RANK_LEN])
{
    struct pp_id d = distance(key, &node->self);
    memcpy(out, d.b, PP_ID_LEN);
    memcpy(out + PP_ID_LEN, node->self.id.b, PP_ID_LEN);
}

static void mesh_snapshot(const struct pp_substrate_node *node, const struct pp_sink *sink)
{
    for (size_t i = 0; i < node->n; i++) {
        char id[2 * PP_ID_LEN + 1], line[80];
        pp_hex(id, node->entries[i].peer.id.b, PP_ID_LEN);
        snprintf(line, sizeof line, "%s %s", id, node->entries[i].member ? "member" : "asked");
        sink->line(sink->ctx, line);
    }
}

/* Global: everybody knows everybody. */
static size_t mesh_check(struct pp_substrate_node *const *nodes, size_t n,
                         const struct pp_sink *sink)
{
    size_t faults = 0;
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            struct entry *e = i == j ? NULL : find(nodes[i], &nodes[j]->self);
            if (i != j && (!e || !e->member)) {
                char line[96];
                snprintf(line, sizeof line, "node %zu does not know node %zu", i, j);
                sink->line(sink->ctx, line);
                faults++;
            }
        }
    }
    return faults;
}

static void mesh_arrange(struct pp_substrate_node *const *nodes, size_t n, pp_ns now)
{
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            struct entry *e = add(nodes[i], &nodes[j]->self);
            if (e) {
                e->member = true;
            }
        }
        nodes[i]->next = now + nodes[i]->net->period;
        nodes[i]->state = PP_ACTIVE;
    }
}

static void mesh_describe(struct pp_bytes in, char *text, size_t cap)
{
    static const char *const names[] = {"?", "ASK", "LIST", "BYE"};
    unsigned kind = in.len > 0 && in.data[0] <= BYE ? in.data[0] : 0;
    snprintf(text, cap, "%s", names[kind]);
}

PP_EXPORT const struct pp_substrate peerpost_plugin = {
    .plugin = {.abi = PP_SUBSTRATE_ABI,
               .kind = PP_KIND_SUBSTRATE,
               .name = "mesh",
               .version = "1",
               .options = options,
               .n_options = N_OPTIONS},
    .wire = 1,
    .open = mesh_open,
    .close = mesh_close,
    .create = mesh_create,
    .destroy = mesh_destroy,
    .meet = mesh_meet,
    .move = mesh_move,
    .leave = mesh_leave,
    .receive = mesh_receive,
    .tick = mesh_tick,
    .next = mesh_next,
    .lookup = mesh_lookup,
    .cancel = mesh_cancel,
    .covers = mesh_covers,
    .rank = mesh_rank,
    .snapshot = mesh_snapshot,
    .check = mesh_check,
    .arrange = mesh_arrange,
    .describe = mesh_describe,
};
