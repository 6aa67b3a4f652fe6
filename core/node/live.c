/* The live node's whole: creation, time, ends of writes; see live.h. */
#include <node/live_internal.h>

#include <base/log.h>
#include <stdio.h>
#include <stdlib.h>

static void live_tick(void *ctx)
{
    struct pp_live *live = ctx;
    live->timer_at = PP_NEVER;
    pp_node_tick(live->node, pp_loop_now(live->options.loop));
}

/* At the end of each turn: the node's next deadline may have moved. */
static void live_arm(void *ctx)
{
    struct pp_live *live = ctx;
    pp_ns next = pp_node_next(live->node);
    if (next != live->timer_at) {
        live->timer_at = next;
        pp_timer_set(live->timer, next);
    }
}

/* Damage that the store met is told once, when it grew. */
static void live_tell_damage(struct pp_live *live)
{
    const struct pp_live_options *o = &live->options;
    struct pp_usage u = {0};
    struct pp_view *view = o->api->begin_view(o->store);
    if (!view) {
        return;
    }
    o->api->usage(view, &u);
    o->api->end_view(view);
    if (u.damaged > live->damaged) {
        live->damaged = u.damaged;
        pp_log(PP_LOG_ERROR, "store",
               "unreadable and set aside since the start: %llu; other nodes hold copies, the rest "
               "is served on; look at the disk, and run --check-store at the next stop",
               (unsigned long long)u.damaged);
    }
}

static void live_done(void *ctx, struct pp_op *list, bool broken)
{
    struct pp_live *live = ctx;
    struct pp_now now = pp_loop_now(live->options.loop);
    while (list) {
        struct pp_op *op = list;
        list = op->next;
        pp_node_done(live->node, op, now, op->status);
    }
    if (!broken) {
        live_tell_damage(live);
    }
    if (broken && !live->broken) {
        live->broken = true;
        live->options.broken(live->options.ctx);
    }
}

struct pp_live *pp_live_create(const struct pp_live_options *options)
{
    char id[2 * PP_ID_LEN + 1];
    struct pp_live *live = calloc(1, sizeof *live);
    if (!live) {
        return NULL;
    }
    live->options = *options;
    live->timer_at = PP_NEVER;
    pp_hex(id, options->node->self.b, PP_ID_LEN);
    snprintf(live->authority, sizeof live->authority, "%s.peerpost.alt", id);
    live->node = pp_node_create(options->node, options->api, options->store, &live_host, live,
                                pp_loop_now(options->loop));
    live->timer = pp_timer_create(options->loop, live_tick, live);
    live->writer = live_writer_create(options->loop, options->api, options->store, live_done, live);
    live->hook = pp_hook_create(options->loop, live_arm, live);
    if (!live->node || !live->timer || !live->writer || !live->hook) {
        pp_live_destroy(live);
        return NULL;
    }
    return live;
}

struct pp_node *pp_live_node(struct pp_live *live)
{
    return live->node;
}

void pp_live_found(struct pp_live *live, uint64_t token, const struct pp_result *result)
{
    pp_node_found(live->node, pp_loop_now(live->options.loop), token, result);
}

void pp_live_destroy(struct pp_live *live)
{
    if (!live) {
        return;
    }
    if (live->writer) {
        live_writer_destroy(live->writer);
    }
    if (live->hook) {
        pp_hook_destroy(live->hook);
    }
    if (live->timer) {
        pp_timer_destroy(live->timer);
    }
    pp_node_destroy(live->node);
    free(live);
}
