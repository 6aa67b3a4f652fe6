/*
 * Look-ups of a live overlay: they wait until the substrate can ask, come back on a later turn, and
 * a result whose ids lie too far apart is asked for again over disjoint paths (the routing failure
 * test of Castro et al. 2002, section 5; docs/security.md).
 */
#include <overlay/overlay_internal.h>

#include <stdio.h>
#include <stdlib.h>

#define PATIENCE (20 * PP_SECOND)
#define RETRY (100 * PP_MS)
#define SUSPICIOUS_PATHS 4

int pp_overlay_lookup(struct pp_overlay *o, const struct pp_id *key, unsigned k, unsigned paths,
                      uint64_t token, pp_overlay_found_fn *found, void *ctx)
{
    if (k < 1 || k > PP_K_MAX || o->n_lookups >= PP_LOOKUPS_MAX) {
        return k < 1 || k > PP_K_MAX ? PP_INVALID : PP_BUSY;
    }
    struct pp_overlay_lookup *l = calloc(1, sizeof *l), **at = &o->lookups;
    if (!l) {
        return PP_NOMEM;
    }
    struct pp_now now = pp_loop_now(o->loop);
    l->token = token;
    l->inner = ++o->last_inner;
    l->key = *key;
    l->k = k;
    l->paths = paths ? paths : 1;
    l->until = now.mono + PATIENCE;
    l->found = found;
    l->ctx = ctx;
    while (*at) {
        at = &(*at)->next;
    }
    *at = l;
    o->n_lookups++;
    o->counts.lookups++;
    pp_lookups_try(o, now);
    pp_loop_stir(o->loop);
    return PP_OK;
}

static void end_lookup(struct pp_overlay *o, struct pp_overlay_lookup *l, int code,
                       const char *reason)
{
    snprintf(l->reason, sizeof l->reason, "%s", reason);
    l->result = (struct pp_result){.code = code, .reason = l->reason};
    l->stage = PP_LOOKUP_DONE;
    o->lookups_ready = true;
    o->counts.lookups_failed++;
}

static void start_lookup(struct pp_overlay *o, struct pp_now now, struct pp_overlay_lookup *l)
{
    int code = o->node ? o->plugin->lookup(o->node, now.mono, &l->key, l->k, l->paths, 0, l->inner)
                       : PP_OFFLINE;
    if (code == PP_OK) {
        l->stage = PP_LOOKUP_RUNNING;
    } else if (code != PP_BUSY && code != PP_OFFLINE) {
        end_lookup(o, l, code, pp_error_text(code));
    } else if (pp_join_hopeless(o, now)) {
        end_lookup(o, l, PP_UNREACHABLE, o->mismatch);
    } else if (now.mono >= l->until) {
        end_lookup(o, l, PP_UNREACHABLE,
                   code == PP_BUSY ? "too many look-ups at once"
                                   : "no node of the network answers");
    } else {
        o->next_retry = now.mono + RETRY;
    }
}

void pp_lookups_try(struct pp_overlay *o, struct pp_now now)
{
    o->next_retry = PP_NEVER;
    for (struct pp_overlay_lookup *l = o->lookups; l; l = l->next) {
        if (l->stage == PP_LOOKUP_WAITING) {
            start_lookup(o, now, l);
        }
    }
}

void pp_lookups_requeue(struct pp_overlay *o, struct pp_now now)
{
    for (struct pp_overlay_lookup *l = o->lookups; l; l = l->next) {
        if (l->stage == PP_LOOKUP_RUNNING) {
            l->stage = PP_LOOKUP_WAITING;
            l->inner = ++o->last_inner;
            l->until = now.mono + PATIENCE;
        }
    }
    o->next_retry = now.mono;
}

void pp_lookups_fail(struct pp_overlay *o, const char *reason)
{
    for (struct pp_overlay_lookup *l = o->lookups; l; l = l->next) {
        if (l->stage != PP_LOOKUP_DONE) {
            end_lookup(o, l, PP_OFFLINE, reason);
        }
    }
}

/* Are these ids too thinly spread against what this node usually sees? */
static bool is_suspicious(const struct pp_overlay *o, const struct pp_overlay_lookup *l,
                          const struct pp_result *r)
{
    return l->paths == 1 && r->n_peers >= l->k && pp_density_doubts(&o->density, l->k, r->spacing);
}

static void copy_result(struct pp_overlay_lookup *l, const struct pp_result *r)
{
    l->result = *r;
    l->result.n_peers = r->n_peers < PP_K_MAX ? r->n_peers : PP_K_MAX;
    l->result.path = NULL;
    l->result.n_path = 0;
    if (l->result.n_peers > 0) {
        memcpy(l->peers, r->peers, l->result.n_peers * sizeof *l->peers);
    }
    l->result.peers = l->peers;
    if (r->reason) {
        snprintf(l->reason, sizeof l->reason, "%s", r->reason);
        l->result.reason = l->reason;
    }
    l->stage = PP_LOOKUP_DONE;
}

void pp_lookups_found(struct pp_overlay *o, uint64_t inner, const struct pp_result *r)
{
    struct pp_overlay_lookup *l = o->lookups;
    while (l && (l->inner != inner || l->stage != PP_LOOKUP_RUNNING)) {
        l = l->next;
    }
    if (!l) {
        return;
    }
    if (r->code == PP_OFFLINE && pp_loop_now(o->loop).mono < l->until) {
        l->stage = PP_LOOKUP_WAITING;
        o->next_retry = pp_loop_now(o->loop).mono + RETRY;
        return;
    }
    if (r->code == PP_OK && is_suspicious(o, l, r)) {
        l->suspicious = true;
        l->paths = SUSPICIOUS_PATHS;
        l->inner = ++o->last_inner;
        l->stage = PP_LOOKUP_WAITING;
        o->next_retry = pp_loop_now(o->loop).mono;
        return;
    }
    if (r->code == PP_OK && r->n_peers >= l->k) {
        pp_density_note(&o->density, l->k, r->spacing);
    }
    copy_result(l, r);
    o->counts.lookups_failed += r->code != PP_OK;
    o->lookups_ready = true;
}

static struct pp_overlay_lookup *take_done(struct pp_overlay *o)
{
    for (struct pp_overlay_lookup **at = &o->lookups; *at; at = &(*at)->next) {
        struct pp_overlay_lookup *l = *at;
        if (l->stage == PP_LOOKUP_DONE) {
            *at = l->next;
            o->n_lookups--;
            return l;
        }
    }
    return NULL;
}

void pp_lookups_deliver(struct pp_overlay *o)
{
    while (o->lookups_ready) {
        struct pp_overlay_lookup *l = take_done(o);
        if (!l) {
            o->lookups_ready = false;
            return;
        }
        l->found(l->ctx, l->token, &l->result);
        free(l);
    }
}

void pp_overlay_cancel(struct pp_overlay *o, uint64_t token, void *ctx)
{
    for (struct pp_overlay_lookup **at = &o->lookups; *at;) {
        struct pp_overlay_lookup *l = *at;
        if (l->token != token || l->ctx != ctx) {
            at = &l->next;
            continue;
        }
        if (l->stage == PP_LOOKUP_RUNNING) {
            o->plugin->cancel(o->node, l->inner);
        }
        *at = l->next;
        o->n_lookups--;
        free(l);
    }
}

void pp_lookups_free(struct pp_overlay *o)
{
    while (o->lookups) {
        struct pp_overlay_lookup *l = o->lookups;
        o->lookups = l->next;
        free(l);
    }
    o->n_lookups = 0;
}
