/*
 * What anyone may ask of a node beside the primitives: /.well-known/peerpost/ health, version, crl
 * and lookup, the last for user agents behind a proxy and for people with curl.
 */
#include <node/daemon.h>

#define ROOT "/.well-known/peerpost/"

static void answer_json(struct pp_live_page *page, int status)
{
    pp_live_page_answer(page, status, "application/json");
}

static void health(struct daemon *d, struct pp_live_page *page)
{
    enum pp_state state = pp_overlay_state(d->overlay, NULL);
    bool well = (state == PP_ACTIVE || state == PP_DEGRADED) && !d->stopping;
    pp_buf_printf(&page->body, "{\"healthy\":%s,\"state\":\"%s\"}\n", well ? "true" : "false",
                  d->stopping ? "leaving" : daemon_state_word(state));
    answer_json(page, well ? 200 : 503);
}

static void version(struct daemon *d, struct pp_live_page *page)
{
    char id[2 * PP_ID_LEN + 1];
    pp_hex(id, d->node.self.b, PP_ID_LEN);
    pp_buf_printf(&page->body,
                  "{\"name\":\"peerpost\",\"version\":\"" PP_VERSION
                  "\",\"id\":\"%s\",\"k\":%u,\"substrate\":\"%s\"}\n",
                  id, d->node.k, d->substrate->plugin.name);
    answer_json(page, 200);
}

static void crl(struct daemon *d, struct pp_live_page *page)
{
    struct pp_bytes der = pp_authority_crl(d->authority);
    if (der.len == 0) {
        pp_live_page_problem(page, PP_NOT_FOUND, "This node has no revocation list.");
        return;
    }
    pp_buf_add(&page->body, der.data, der.len);
    pp_live_page_answer(page, 200, "application/pkix-crl");
}

/* The value of a query's parameter, or empty. */
static struct pp_bytes parameter(struct pp_bytes query, const char *name)
{
    size_t n = strlen(name);
    while (query.len > 0) {
        const uint8_t *end = memchr(query.data, '&', query.len);
        size_t len = end ? (size_t)(end - query.data) : query.len;
        if (len > n && memcmp(query.data, name, n) == 0 && query.data[n] == '=') {
            return pp_bytes(query.data + n + 1, len - n - 1);
        }
        size_t skip = end ? len + 1 : len;
        query = pp_bytes(query.data + skip, query.len - skip);
    }
    return pp_bytes(NULL, 0);
}

/* 1 to 32; 0: bad. */
static unsigned parse_k(struct pp_bytes text, unsigned otherwise)
{
    unsigned k = 0;
    if (text.len == 0) {
        return otherwise;
    }
    for (size_t i = 0; i < text.len && k <= PP_K_MAX; i++) {
        if (text.data[i] < '0' || text.data[i] > '9') {
            return 0;
        }
        k = k * 10 + (unsigned)(text.data[i] - '0');
    }
    return k <= PP_K_MAX ? k : 0;
}

static void write_peers(struct pp_buf *out, const struct pp_result *result)
{
    pp_buf_add_str(out, "[");
    for (size_t i = 0; i < result->n_peers; i++) {
        const struct pp_peer *p = &result->peers[i];
        char id[2 * PP_ID_LEN + 1], address[46];
        pp_hex(id, p->id.b, PP_ID_LEN);
        pp_address_text(address, p->address);
        pp_buf_printf(out, "%s{\"id\":\"%s\",\"address\":\"%s\",\"udp\":%u,\"http\":%u}",
                      i ? "," : "", id, address, p->udp, p->http);
    }
    pp_buf_add_str(out, "]\n");
}

static void found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct daemon *d = ctx;
    for (size_t i = 0; i < DAEMON_LOOKUPS_MAX; i++) {
        struct daemon_lookup *l = &d->lookup[i];
        if (!l->page || l->token != token) {
            continue;
        }
        struct pp_live_page *page = l->page;
        l->page = NULL;
        if (result->code != PP_OK && result->n_peers == 0) {
            pp_live_page_problem(page, PP_BUSY,
                                 "The look-up reached no node of the overlay; try again.");
        } else {
            write_peers(&page->body, result);
            answer_json(page, 200);
        }
        return;
    }
}

static bool is_exempt(const struct daemon *d, const uint8_t source[16])
{
    for (size_t i = 0; i < d->n_exempt; i++) {
        if (pp_cidr_holds(&d->exempt[i], source)) {
            return true;
        }
    }
    return false;
}

static bool within_rate(struct daemon *d, const uint8_t source[16])
{
    float a_minute = (float)pp_config_number(d->config, "limits.lookups");
    return is_exempt(d, source) ||
           pp_rates_take(&d->lookup_rates, source, pp_loop_now(d->loop).mono, a_minute / 60.0F,
                         2 * a_minute);
}

static void lookup(struct daemon *d, struct pp_live_page *page)
{
    struct pp_id key;
    struct daemon_lookup *l = NULL;
    unsigned k = parse_k(parameter(page->query, "k"), d->node.k);
    if (pp_unhex(key.b, PP_ID_LEN, parameter(page->query, "key")) != PP_OK || k == 0) {
        pp_live_page_problem(page, PP_MALFORMED,
                             "Wanted: lookup?key=<40 hexadecimal digits>&k=<1 to 32>.");
        return;
    }
    if (!within_rate(d, pp_exchange_source(page->exchange))) {
        pp_live_page_problem(page, PP_LIMIT, "Too many look-ups from this source; wait.");
        return;
    }
    for (size_t i = 0; i < DAEMON_LOOKUPS_MAX && !l; i++) {
        l = d->lookup[i].page ? NULL : &d->lookup[i];
    }
    if (!l || pp_overlay_lookup(d->overlay, &key, k, 1, ++d->last_token, found, d) != PP_OK) {
        pp_live_page_problem(page, PP_BUSY, "Too many look-ups are under way; try again.");
        return;
    }
    *l = (struct daemon_lookup){page, d->last_token};
}

void daemon_public_page(void *ctx, struct pp_live_page *page)
{
    static const struct {
        const char *path;
        void (*answer)(struct daemon *d, struct pp_live_page *page);
    } pages[] = {{ROOT "health", health},
                 {ROOT "version", version},
                 {ROOT "crl", crl},
                 {ROOT "lookup", lookup}};
    if (!pp_bytes_is(page->method, "GET") && !pp_bytes_is(page->method, "HEAD")) {
        pp_live_page_problem(page, PP_INVALID, "These pages are read with GET.");
        return;
    }
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (pp_bytes_is(page->path, pages[i].path)) {
            pages[i].answer(ctx, page);
            return;
        }
    }
    pp_live_page_problem(page, PP_NOT_FOUND, "There are health, version, crl and lookup.");
}

void daemon_public_gone(void *ctx, struct pp_live_page *page)
{
    struct daemon *d = ctx;
    for (size_t i = 0; i < DAEMON_LOOKUPS_MAX; i++) {
        if (d->lookup[i].page == page) {
            pp_overlay_cancel(d->overlay, d->lookup[i].token, d);
            d->lookup[i].page = NULL;
        }
    }
}
