/*
 * The server's bounds in time and number: one heap of deadlines, the list of idle connections by
 * age, connections counted a source. Knows nothing of requests.
 */
#include <http/server_private.h>

#include <base/hash.h>
#include <peerpost/id.h>
#include <stdlib.h>

#define SOURCE_BUCKETS 1024

void pp_server_options_default(struct pp_server_options *o)
{
    struct pp_parser_limits limits;
    pp_parser_limits_default(&limits);
    *o = (struct pp_server_options){.connections = 4096,
                                    .connections_per_source = 64,
                                    .handshake_time = 10 * PP_SECOND,
                                    .header_time = 10 * PP_SECOND,
                                    .idle_time = 30 * PP_SECOND,
                                    .request_time = 60 * PP_SECOND,
                                    .requests_per_connection = 1000,
                                    .header_octets = limits.header,
                                    .request_line_octets = limits.line,
                                    .fields = limits.fields,
                                    .body_octets = limits.body,
                                    .buffers_all = 256ull << 20};
}

/* ---- deadlines: a binary heap whose keys may lag behind ---- */

static void place(struct pp_exchange **heap, size_t i, struct pp_exchange *x)
{
    heap[i] = x;
    x->heap_index = (uint32_t)i;
}

static void sift_up(struct pp_exchange **heap, size_t i)
{
    struct pp_exchange *x = heap[i];
    while (i > 0 && heap[(i - 1) / 2]->heap_key > x->heap_key) {
        place(heap, i, heap[(i - 1) / 2]);
        i = (i - 1) / 2;
    }
    place(heap, i, x);
}

static void sift_down(struct pp_exchange **heap, size_t n, size_t i)
{
    struct pp_exchange *x = heap[i];
    for (size_t child = 2 * i + 1; child < n; child = 2 * i + 1) {
        child += child + 1 < n && heap[child + 1]->heap_key < heap[child]->heap_key;
        if (heap[child]->heap_key >= x->heap_key) {
            break;
        }
        place(heap, i, heap[child]);
        i = child;
    }
    place(heap, i, x);
}

static void arm(struct pp_server *server)
{
    pp_timer_set(server->timer, server->counts.open > 0 ? server->heap[0]->heap_key : PP_NEVER);
}

void pp_deadline_add(struct pp_exchange *x, pp_ns at)
{
    struct pp_server *server = x->server;
    x->deadline = x->heap_key = at;
    place(server->heap, server->counts.open++, x);
    sift_up(server->heap, x->heap_index);
    arm(server);
}

void pp_deadline_set(struct pp_exchange *x, pp_ns at)
{
    x->deadline = at;
    if (at < x->heap_key) {
        x->heap_key = at;
        sift_up(x->server->heap, x->heap_index);
        arm(x->server);
    }
}

void pp_deadline_remove(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    size_t i = x->heap_index, n = --server->counts.open;
    if (i < n) {
        place(server->heap, i, server->heap[n]);
        sift_up(server->heap, i);
        sift_down(server->heap, n, server->heap[i]->heap_index);
    }
    arm(server);
}

/* A running exchange earns a second for each 16 KiB it moves, in or out. */
static pp_ns real_deadline(const struct pp_exchange *x)
{
    pp_ns earned = x->phase == PP_ACTIVE ? x->moved / 16384 * PP_SECOND : 0;
    return x->deadline + earned;
}

static void on_timer(void *ctx)
{
    struct pp_server *server = ctx;
    pp_ns now = pp_loop_now(server->loop).mono;
    while (server->counts.open > 0 && server->heap[0]->heap_key <= now) {
        struct pp_exchange *x = server->heap[0];
        pp_ns at = real_deadline(x);
        if (at <= now) {
            at = PP_NEVER; /* whoever lives on sets another */
            x->deadline = PP_NEVER;
            x->heap_key = at;
            sift_down(server->heap, server->counts.open, 0);
            pp_connection_expired(x);
            continue;
        }
        x->heap_key = at;
        sift_down(server->heap, server->counts.open, 0);
    }
    arm(server);
}

/* ---- the idle, oldest first ---- */

void pp_idle_enter(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    x->older = server->newest;
    x->newer = NULL;
    *(server->newest ? &server->newest->newer : &server->oldest) = x;
    server->newest = x;
}

void pp_idle_leave(struct pp_exchange *x)
{
    struct pp_server *server = x->server;
    *(x->older ? &x->older->newer : &server->oldest) = x->newer;
    *(x->newer ? &x->newer->older : &server->newest) = x->older;
}

/* ---- sources ---- */

static bool in_range(const struct pp_range *range, const uint8_t address[16])
{
    unsigned whole = range->bits / 8u, rest = range->bits % 8u;
    if (pp_address_is_v4(range->address) != pp_address_is_v4(address) ||
        memcmp(range->address, address, whole) != 0) {
        return false;
    }
    uint8_t mask = (uint8_t)(0xff00u >> rest);
    return rest == 0 || ((range->address[whole] ^ address[whole]) & mask) == 0;
}

static bool exempt(const struct pp_server *server, const uint8_t address[16])
{
    for (size_t i = 0; i < server->options.n_exempt; i++) {
        if (in_range(&server->exempt[i], address)) {
            return true;
        }
    }
    return false;
}

/* "192.0.2.0/24", "2001:db8::/32", or an address alone. */
static int parse_range(struct pp_range *range, const char *text)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof address) {
        return PP_INVALID;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    if (pp_address_parse(range->address, address)) {
        return PP_INVALID;
    }
    unsigned base = pp_address_is_v4(range->address) ? 96 : 0, most = 128 - base;
    char *end = NULL;
    unsigned long bits = slash ? strtoul(slash + 1, &end, 10) : most;
    if (bits > most || (slash && (end == slash + 1 || *end != '\0'))) {
        return PP_INVALID;
    }
    range->bits = (uint8_t)(base + bits);
    return 0;
}

/* A source is an IPv4 address or an IPv6 /64; unix sockets are one. */
static struct pp_source **find_source(struct pp_server *server, const uint8_t address[16],
                                      uint8_t key[16])
{
    memcpy(key, address, 16);
    if (!pp_address_is_v4(address)) {
        memset(key + 8, 0, 8);
    }
    uint64_t h = (pp_get64(key) ^ pp_get64(key + 8) * 0x9e3779b97f4a7c15u) * 0xff51afd7ed558ccdu;
    struct pp_source **at = &server->sources[(h >> 32) & (SOURCE_BUCKETS - 1)];
    while (*at && memcmp((*at)->key, key, 16) != 0) {
        at = &(*at)->next;
    }
    return at;
}

static bool close_oldest(struct pp_server *server, const struct pp_source *source)
{
    struct pp_exchange *x = server->oldest;
    while (x && source && x->source != source) {
        x = x->newer;
    }
    if (x) {
        pp_connection_close(x);
    }
    return x != NULL;
}

static bool grow_heap(struct pp_server *server)
{
    if (server->counts.open < server->heap_cap) {
        return true;
    }
    size_t cap = server->heap_cap ? server->heap_cap * 2 : 64;
    struct pp_exchange **heap = realloc(server->heap, cap * sizeof(*heap));
    if (heap) {
        server->heap = heap;
        server->heap_cap = cap;
    }
    return heap != NULL;
}

int pp_source_enter(struct pp_server *server, const uint8_t address[16], struct pp_source **out)
{
    uint8_t key[16];
    struct pp_source *source = *find_source(server, address, key);
    if (source && source->connections >= server->options.connections_per_source &&
        !exempt(server, address) && !close_oldest(server, source)) {
        return PP_LIMIT;
    }
    if ((server->counts.open >= server->options.connections && !close_oldest(server, NULL)) ||
        !grow_heap(server)) {
        return PP_LIMIT;
    }
    struct pp_source **at = find_source(server, address, key); /* may have been freed just now */
    if (!*at) {
        *at = calloc(1, sizeof **at);
        if (!*at) {
            return PP_LIMIT;
        }
        memcpy((*at)->key, key, 16);
    }
    (*at)->connections++;
    *out = *at;
    return 0;
}

void pp_source_leave(struct pp_server *server, struct pp_source *source)
{
    if (--source->connections == 0) {
        uint8_t key[16];
        struct pp_source **at = find_source(server, source->key, key);
        *at = source->next;
        free(source);
    }
}

int pp_limits_init(struct pp_server *server)
{
    const struct pp_server_options *o = &server->options;
    server->limits = (struct pp_parser_limits){.line = o->request_line_octets,
                                               .header = o->header_octets,
                                               .fields = o->fields,
                                               .chunk_extension = 256,
                                               .trailers = 1024,
                                               .body = o->body_octets};
    server->timer = pp_timer_create(server->loop, on_timer, server);
    server->sources = calloc(SOURCE_BUCKETS, sizeof(*server->sources));
    server->exempt = calloc(o->n_exempt + 1, sizeof *server->exempt);
    if (!server->timer || !server->sources || !server->exempt) {
        return PP_NOMEM;
    }
    for (size_t i = 0; i < o->n_exempt; i++) {
        if (parse_range(&server->exempt[i], o->exempt[i])) {
            return PP_INVALID;
        }
    }
    return 0;
}

void pp_limits_finish(struct pp_server *server)
{
    pp_timer_destroy(server->timer);
    free(server->sources);
    free(server->exempt);
    free(server->heap);
}
