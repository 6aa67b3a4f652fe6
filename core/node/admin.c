/*
 * The administrator's pages, on this machine alone: status and holdings as JSON, metrics, health,
 * and the start of a collector run. They show hashes, never identifiers or addresses.
 */
#include <node/daemon.h>

#include <inttypes.h>
#include <node/problem.h>

#define HOLDINGS_MAX 10000

const char *daemon_state_word(enum pp_state state)
{
    switch (state) {
    case PP_JOINING:
        return "joining";
    case PP_ACTIVE:
        return "active";
    case PP_DEGRADED:
        return "degraded";
    case PP_ALONE:
        return "alone";
    case PP_REFUSED:
        return "refused";
    case PP_LEFT:
        return "left";
    }
    return "unknown";
}

static void add_line(void *ctx, const char *text)
{
    struct pp_buf *out = ctx;
    pp_buf_add_str(out, out->data[out->len - 1] == '[' ? "" : ",");
    pp_json_string(out, pp_str(text));
}

static void status_overlay(struct daemon *d, struct pp_buf *out)
{
    const char *text = NULL, *mismatch = pp_overlay_mismatch(d->overlay);
    enum pp_state state = pp_overlay_state(d->overlay, &text);
    struct pp_overlay_counts c;
    pp_overlay_counts(d->overlay, &c);
    pp_buf_printf(out, "\"overlay\":{\"substrate\":\"%s\",\"state\":\"%s\",\"text\":",
                  d->substrate->plugin.name, daemon_state_word(state));
    pp_json_string(out, pp_str(text ? text : ""));
    pp_buf_printf(out, ",\"role\":\"%s\",\"mismatch\":",
                  pp_overlay_role(d->overlay) == PP_MEMBER ? "member" : "client");
    pp_json_string(out, pp_str(mismatch ? mismatch : ""));
    pp_buf_printf(out,
                  ",\"datagrams_in\":%" PRIu64 ",\"datagrams_out\":%" PRIu64
                  ",\"octets_in\":%" PRIu64 ",\"octets_out\":%" PRIu64 ",\"lookups\":%" PRIu64
                  ",\"lookups_failed\":%" PRIu64 ",\"peers_saved\":%" PRIu64 ",\"tables\":[",
                  c.datagrams_in, c.datagrams_out, c.octets_in, c.octets_out, c.lookups,
                  c.lookups_failed, c.peers_cached);
    struct pp_sink sink = {add_line, out};
    pp_overlay_snapshot(d->overlay, &sink);
    pp_buf_add_str(out, "]}");
}

static void status_store(struct daemon *d, struct pp_buf *out)
{
    struct pp_usage u = {0};
    struct pp_view *view = d->api->begin_view(d->store);
    if (view) {
        d->api->usage(view, &u);
        d->api->end_view(view);
    }
    pp_buf_printf(out,
                  "\"store\":{\"plugin\":\"%s\",\"octets\":%" PRIu64 ",\"capacity\":%" PRIu64
                  ",\"objects\":%" PRIu64 ",\"inboxes\":%" PRIu64 ",\"tombstones\":%" PRIu64 "}",
                  d->api->plugin.name, u.octets, u.capacity, u.objects, u.inboxes, u.tombstones);
}

static void status_collector(struct daemon *d, struct pp_buf *out)
{
    struct pp_node_counts c;
    pp_node_counts(pp_live_node(d->live), &c);
    pp_buf_printf(out,
                  "\"collector\":{\"runs\":%" PRIu64 ",\"expired\":%" PRIu64 ",\"foreign\":%" PRIu64
                  ",\"pressure\":%" PRIu64 ",\"octets\":%" PRIu64 ",\"kept_due\":%" PRIu64 "}",
                  c.collector_runs, c.collected_expired, c.collected_foreign, c.collected_pressure,
                  c.collected_octets, c.kept_due);
}

static void status_probe(struct daemon *d, struct pp_buf *out)
{
    struct daemon_probe_counts c;
    daemon_probe_counts(d->probe, &c);
    pp_buf_printf(out,
                  "\"probe\":{\"on\":%s,\"rounds\":%" PRIu64 ",\"stored\":%" PRIu64
                  ",\"samples\":%zu,\"asked\":%" PRIu64 ",\"good\":%" PRIu64
                  ",\"p\":%.4f,\"target\":%g,\"operations\":%u,\"advised_k\":%u}",
                  d->probe ? "true" : "false", c.rounds, c.stored, c.estimate.samples,
                  c.estimate.asked, c.estimate.good, c.estimate.p, c.target, c.operations,
                  c.estimate.copies);
}

static void status(struct daemon *d, struct pp_live_page *page)
{
    char id[2 * PP_ID_LEN + 1], address[46];
    struct pp_peer self = pp_overlay_self(d->overlay);
    struct pp_server_counts s;
    pp_server_counts(d->server, &s);
    pp_hex(id, d->node.self.b, PP_ID_LEN);
    pp_address_text(address, self.address);
    pp_buf_printf(&page->body,
                  "{\"version\":\"" PP_VERSION "\",\"id\":\"%s\",\"address\":\"%s\",\"udp\":%u,"
                  "\"http\":%u,\"uptime\":%" PRIu64 ",\"network\":",
                  id, address, self.udp, self.http,
                  (uint64_t)((pp_loop_now(d->loop).mono - d->started) / PP_SECOND));
    pp_json_string(&page->body, pp_str(pp_config_text(d->config, "network.name")));
    pp_buf_printf(&page->body, ",\"k\":%u,\"leaving\":%s,", d->node.k,
                  d->stopping ? "true" : "false");
    status_overlay(d, &page->body);
    pp_buf_add_str(&page->body, ",");
    status_store(d, &page->body);
    pp_buf_add_str(&page->body, ",");
    status_collector(d, &page->body);
    pp_buf_add_str(&page->body, ",");
    status_probe(d, &page->body);
    pp_buf_printf(&page->body,
                  ",\"http_server\":{\"open\":%" PRIu64 ",\"accepted\":%" PRIu64
                  ",\"requests\":%" PRIu64 "}}\n",
                  s.open, s.accepted, s.requests);
    pp_live_page_answer(page, 200, "application/json");
}

static void add_holding(struct daemon *d, struct pp_buf *out, const struct pp_listed *l)
{
    static const char *const due[] = {"unknown", "yes", "no"};
    char name[65];
    struct pp_id key = pp_name_key(&l->name);
    unsigned k = l->head.copies > d->node.k ? l->head.copies : d->node.k;
    pp_hex(name, l->name.b, 32);
    pp_buf_printf(out, "%s{\"kind\":\"%s\",\"hash\":\"%s\",\"expires\":%" PRIu64,
                  out->data[out->len - 1] == '[' ? "" : ",\n",
                  l->tombstone           ? "tombstone"
                  : l->kind == PP_OBJECT ? "object"
                                         : "inbox",
                  name, (uint64_t)(l->head.expires / PP_SECOND));
    if (!l->tombstone) {
        pp_buf_printf(out, ",\"octets\":%" PRIu64 ",\"accessed\":%" PRIu64 ",\"due\":\"%s\"",
                      l->head.size, (uint64_t)(l->head.stamp / PP_SECOND),
                      due[pp_overlay_covers(d->overlay, &key, k)]);
    }
    if (!l->tombstone && l->kind == PP_OBJECT) {
        pp_buf_printf(out, ",\"members\":%u", l->head.members);
    } else if (!l->tombstone) {
        pp_buf_printf(out, ",\"notifications\":%u", l->head.entries[0] + l->head.entries[1]);
    }
    pp_buf_add_str(out, "}");
}

/* Least recently used first; the first ten thousand. */
static void holdings(struct daemon *d, struct pp_live_page *page)
{
    static struct pp_listed listed[PP_OLDEST_MAX];
    struct pp_cursor cursor = {{0}};
    int n = 1, all = 0;
    pp_buf_add_str(&page->body, "[");
    while (n > 0 && all < HOLDINGS_MAX) {
        struct pp_view *view = d->api->begin_view(d->store);
        n = view ? d->api->oldest(view, &cursor, listed) : 0;
        for (int i = 0; i < n; i++) {
            add_holding(d, &page->body, &listed[i]);
        }
        if (view) {
            d->api->end_view(view);
        }
        all += n > 0 ? n : 0;
    }
    pp_buf_add_str(&page->body, "]\n");
    pp_live_page_answer(page, 200, "application/json");
}

static void metrics(struct daemon *d, struct pp_live_page *page)
{
    daemon_metrics(d, &page->body);
    pp_live_page_answer(page, 200, "text/plain; version=0.0.4; charset=utf-8");
}

static void health(struct daemon *d, struct pp_live_page *page)
{
    pp_buf_printf(&page->body, "{\"state\":\"%s\"}\n",
                  daemon_state_word(pp_overlay_state(d->overlay, NULL)));
    pp_live_page_answer(page, 200, "application/json");
}

static void collect(struct daemon *d, struct pp_live_page *page)
{
    pp_node_collect(pp_live_node(d->live), pp_loop_now(d->loop));
    pp_buf_add_str(&page->body, "{\"started\":true}\n");
    pp_live_page_answer(page, 202, "application/json");
}

void daemon_admin_page(void *ctx, struct pp_live_page *page)
{
    static const struct {
        const char *method, *path;
        void (*answer)(struct daemon *d, struct pp_live_page *page);
    } pages[] = {{"GET", "/", status},           {"GET", "/status", status},
                 {"GET", "/health", health},     {"GET", "/metrics", metrics},
                 {"GET", "/holdings", holdings}, {"POST", "/collect", collect}};
    bool known = false;
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (!pp_bytes_is(page->path, pages[i].path)) {
            continue;
        }
        known = true;
        if (pp_bytes_is(page->method, pages[i].method)) {
            pages[i].answer(ctx, page);
            return;
        }
    }
    if (known) {
        pp_live_page_problem(page, PP_INVALID,
                             "GET is for pages, and POST for /collect, which changes something.");
    } else {
        pp_live_page_problem(page, PP_NOT_FOUND,
                             "There are /status, /health, /metrics, /holdings and POST /collect.");
    }
}

void daemon_admin_gone(void *ctx, struct pp_live_page *page)
{
    (void)ctx, (void)page; /* every page is answered at once */
}
