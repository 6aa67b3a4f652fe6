/*
 * The walk of a rehoming node over what it holds; see rehome.h. Passes follow each other until one
 * of them found everything where the network says it belongs: after a change of substrate the
 * nodes come back one after the other, and each arrival may move what is due where.
 */
#include <node/rehome.h>

#include <base/log.h>
#include <inttypes.h>
#include <stdlib.h>

#define CONNECTIONS 64u
#define WAIT_MAX (10 * PP_MINUTE)

static void pass_begin(struct rehome *r);

static pp_ns option(const struct rehome *r, const char *name)
{
    return (pp_ns)pp_config_number(r->daemon->config, name);
}

/* ---- what went where in earlier passes ---- */

static void make_key(uint8_t key[33], const struct rehome_item *item)
{
    key[0] = (uint8_t)item->kind;
    memcpy(key + 1, item->name.b, 32);
}

static struct rehome_seen *find_seen(const struct rehome *r, const struct rehome_item *item)
{
    struct rehome_seen *s = NULL;
    uint8_t key[33];
    make_key(key, item);
    HASH_FIND(hh, r->seen, key, sizeof key, s);
    return s;
}

bool rehome_is_where_it_was(const struct rehome_lane *lane)
{
    const struct rehome_seen *s = find_seen(lane->rehome, &lane->item);
    return s && s->places == lane->places;
}

static void remember(struct rehome_lane *lane)
{
    struct rehome *r = lane->rehome;
    struct rehome_seen *s = find_seen(r, &lane->item);
    if (!s) {
        s = calloc(1, sizeof *s);
        if (!s) {
            return; /* the next pass sends it once more */
        }
        make_key(s->key, &lane->item);
        HASH_ADD(hh, r->seen, key, sizeof s->key, s);
    }
    s->places = lane->places;
}

static void forget_all(struct rehome *r)
{
    struct rehome_seen *s, *next;
    HASH_ITER(hh, r->seen, s, next)
    {
        HASH_DEL(r->seen, s);
        free(s);
    }
}

/* ---- the walk ---- */

static bool is_worth_it(const struct rehome *r, const struct pp_listed *l)
{
    pp_ns wall = pp_loop_now(r->daemon->loop).wall;
    bool lives = l->kind == PP_INBOX || l->head.expires > wall + PP_SECOND;
    /* What came since was stored by the new network's look-ups. */
    bool old = l->kind == PP_INBOX || l->head.created < r->began_wall;
    return !l->tombstone && lives && old;
}

static bool list_more(struct rehome *r)
{
    const struct pp_store_plugin *api = r->daemon->api;
    struct pp_view *view = api->begin_view(r->daemon->store);
    r->at = 0;
    r->n_listed = view ? api->oldest(view, &r->cursor, r->listed) : 0;
    if (view) {
        api->end_view(view);
    }
    return r->n_listed > 0;
}

static const struct pp_listed *next_listed(struct rehome *r)
{
    while (r->walking && !r->daemon->stopping) {
        if (r->at >= r->n_listed && !list_more(r)) {
            r->walking = false;
            break;
        }
        const struct pp_listed *l = &r->listed[r->at++];
        if (is_worth_it(r, l)) {
            return l;
        }
    }
    return NULL;
}

static void count_loaded(struct rehome *r, const struct rehome_item *item)
{
    r->objects += item->kind == PP_OBJECT;
    r->notifications += item->kind == PP_INBOX;
}

/* The next of what is held, or false. */
static bool lane_take(struct rehome_lane *lane)
{
    struct rehome *r = lane->rehome;
    const struct pp_listed *l;
    while ((l = next_listed(r)) != NULL) {
        rehome_item_finish(&lane->item);
        lane->item = (struct rehome_item){.kind = l->kind, .name = l->name};
        lane->n_targets = 0;
        lane->tries = 0;
        lane->skip = lane->missed = false;
        if (rehome_item_load(r, &lane->item) == PP_OK) {
            count_loaded(r, &lane->item);
            return true;
        }
    }
    return false;
}

static bool is_idle(const struct rehome *r)
{
    for (size_t i = 0; i < REHOME_LANES; i++) {
        if (r->lane[i].busy) {
            return false;
        }
    }
    return true;
}

static void on_time(void *ctx)
{
    struct rehome *r = ctx;
    enum pp_state state = pp_overlay_state(r->daemon->overlay, NULL);
    bool member = pp_overlay_role(r->daemon->overlay) == PP_MEMBER;
    if (r->daemon->stopping) {
        return;
    }
    if ((state == PP_ACTIVE || state == PP_DEGRADED) && member) {
        pass_begin(r);
    } else {
        pp_timer_set(r->timer, pp_loop_now(r->daemon->loop).mono + option(r, "rehome.settle"));
    }
}

static void pass_end(struct rehome *r)
{
    bool again = r->left > 0 || r->stored > 0;
    free(r->listed);
    r->listed = NULL;
    pp_log(PP_LOG_INFO, "rehome",
           "pass %u: %" PRIu64 " objects and %" PRIu64 " notifications looked at; %" PRIu64
           " copies stored on other nodes, %" PRIu64 " there already, %" PRIu64
           " deleted there, %" PRIu64 " refused; %" PRIu64 " left for another pass",
           r->pass, r->objects, r->notifications, r->stored, r->known, r->deleted, r->refused,
           r->left);
    if (again) {
        r->wait = r->wait > 0 && r->stored == 0 ? 2 * r->wait : option(r, "rehome.again");
        r->wait = r->wait < WAIT_MAX ? r->wait : WAIT_MAX;
        pp_timer_set(r->timer, pp_loop_now(r->daemon->loop).mono + r->wait);
        return;
    }
    r->over = true;
    pp_log(PP_LOG_INFO, "rehome",
           "done after %u passes: all that this node holds is on its k closest; what is not due "
           "here stays until the collector takes it",
           r->pass);
}

static void lane_end(struct rehome_lane *lane)
{
    lane->busy = false;
    rehome_item_finish(&lane->item);
    if (!lane->rehome->daemon->stopping && is_idle(lane->rehome)) {
        pass_end(lane->rehome);
    }
}

static void settle_none(struct rehome_lane *lane)
{
    for (size_t i = 0; i < lane->n_targets; i++) {
        lane->target[i].settled = false;
    }
    lane->tries = 0;
}

void rehome_go_on(struct rehome_lane *lane)
{
    struct rehome *r = lane->rehome;
    bool more = lane->item.kind == PP_INBOX && !lane->skip && !r->daemon->stopping;
    if (more && rehome_item_load(r, &lane->item) == PP_OK) {
        count_loaded(r, &lane->item);
        settle_none(lane);
        rehome_send_item(lane); /* the same inbox: the same nodes */
        return;
    }
    if (!lane->missed) {
        remember(lane);
    }
    if (lane_take(lane)) {
        rehome_send_look(lane);
    } else {
        lane_end(lane);
    }
}

static void pass_begin(struct rehome *r)
{
    r->listed = malloc(PP_OLDEST_MAX * sizeof *r->listed);
    if (!r->listed) {
        pp_timer_set(r->timer, pp_loop_now(r->daemon->loop).mono + PP_MINUTE);
        return;
    }
    r->objects = r->notifications = r->stored = r->known = r->deleted = r->refused = r->left = 0;
    r->cursor = (struct pp_cursor){{0}};
    r->n_listed = r->at = 0;
    r->walking = true;
    r->pass++;
    pp_log(PP_LOG_INFO, "rehome", "pass %u begins", r->pass);
    for (size_t i = 0; i < REHOME_LANES; i++) {
        r->lane[i].busy = true; /* none ends the pass before all have begun */
    }
    for (size_t i = 0; i < REHOME_LANES; i++) {
        if (lane_take(&r->lane[i])) {
            rehome_send_look(&r->lane[i]);
        } else {
            lane_end(&r->lane[i]);
        }
    }
}

/* ---- life ---- */

static int verify_node(void *ctx, X509 *leaf, STACK_OF(X509) * chain, const struct pp_id *expected)
{
    struct daemon *d = ((struct rehome *)ctx)->daemon;
    (void)chain;
    return pp_authority_check_node(d->authority, leaf, expected, pp_loop_now(d->loop).wall);
}

static int open_client(struct rehome *r, struct pp_error *error)
{
    struct daemon *d = r->daemon;
    const char *listen = pp_config_text(d->config, "node.listen");
    uint8_t any[16] = {0}, address[16];
    bool is_any = pp_address_parse(address, listen) != PP_OK || memcmp(address, any, 16) == 0 ||
                  (pp_address_is_v4(address) && memcmp(address + 12, any, 4) == 0);
    struct pp_client_options o = {.connections = CONNECTIONS,
                                  .bind = is_any ? NULL : listen,
                                  .tls = pp_config_flag(d->config, "http.tls"),
                                  .certificate = d->certificate->x509,
                                  .key = d->key,
                                  .verify = verify_node,
                                  .verify_ctx = r};
    return pp_client_create(&r->client, d->loop, &o, error);
}

static int note_seq(struct rehome *r)
{
    struct pp_view *view = r->daemon->api->begin_view(r->daemon->store);
    if (!view) {
        return PP_NOMEM;
    }
    r->upto_seq = r->daemon->api->last_seq(view);
    r->daemon->api->end_view(view);
    return PP_OK;
}

int rehome_start(struct rehome *r, struct daemon *d, struct pp_error *error)
{
    *r = (struct rehome){.daemon = d, .began_wall = pp_loop_now(d->loop).wall};
    int code = open_client(r, error);
    if (code != PP_OK) {
        return code;
    }
    r->timer = pp_timer_create(d->loop, on_time, r);
    bool ok = r->timer && note_seq(r) == PP_OK;
    for (size_t i = 0; i < REHOME_LANES; i++) {
        r->lane[i].rehome = r;
        r->lane[i].timer = pp_timer_create(d->loop, rehome_send_again, &r->lane[i]);
        ok = ok && r->lane[i].timer;
    }
    if (!ok) {
        return pp_fail(error, PP_NOMEM, "no memory for rehoming");
    }
    pp_timer_set(r->timer, pp_loop_now(d->loop).mono + option(r, "rehome.settle"));
    return PP_OK;
}

void rehome_stop(struct rehome *r)
{
    if (!r->daemon) {
        return;
    }
    for (size_t i = 0; i < REHOME_LANES; i++) {
        if (r->lane[i].timer) {
            rehome_send_cancel(&r->lane[i]);
            pp_timer_destroy(r->lane[i].timer);
        }
        rehome_item_finish(&r->lane[i].item);
    }
    if (r->timer) {
        pp_timer_destroy(r->timer);
    }
    if (r->client) {
        pp_client_destroy(r->client);
    }
    forget_all(r);
    free(r->listed);
}
