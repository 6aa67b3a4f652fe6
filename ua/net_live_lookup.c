/*
 * Look-ups of the live pp_net: through the overlay, or at once an answer that there is no network
 * here. More than the overlay takes wait here.
 */
#include <net_live_internal.h>

#include <stdlib.h>

struct pp_live_lookup {
    struct pp_live_lookup *next;
    struct pp_net_impl *net;
    struct pp_act *act;
    uint64_t token;
    struct pp_id key;
    unsigned k, paths;
    bool running;
};

static void unlink_lookup(struct pp_live_lookup *l)
{
    struct pp_live_lookup **at = &l->net->lookups;
    while (*at != l) {
        at = &(*at)->next;
    }
    *at = l->next;
    l->net->n_lookups_running -= l->running;
}

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct pp_live_lookup *l = ctx;
    struct pp_act *act = l->act;
    uint64_t outer = l->token;
    (void)token;
    int code = result->code == PP_OK ? PP_OK : PP_UNREACHABLE;
    if (code != PP_OK && !pp_live_has_route(l->net)) {
        code = PP_LOCAL;
    }
    unlink_lookup(l);
    free(l);
    act->found(act, outer, code, code == PP_OK ? result->peers : NULL,
               code == PP_OK ? result->n_peers : 0);
}

/* False: no room now. */
static bool start(struct pp_live_lookup *l)
{
    int code = pp_overlay_lookup(l->net->overlay, &l->key, l->k, l->paths, 0, on_found, l);
    l->running = code == PP_OK;
    l->net->n_lookups_running += l->running;
    return l->running;
}

void pp_live_lookup_more(struct pp_net_impl *net)
{
    for (struct pp_live_lookup *l = net->lookups; l; l = l->next) {
        if (!l->running && !start(l)) {
            return;
        }
    }
}

void pp_live_lookup(struct pp_net_impl *net, struct pp_act *act, const struct pp_id *key,
                    unsigned k, unsigned paths, uint64_t token)
{
    if (net->behind_proxy) {
        pp_live_inquire(net, act, key, k, token);
        return;
    }
    enum pp_state state = net->overlay ? pp_overlay_state(net->overlay, NULL) : PP_LEFT;
    bool ready = state == PP_ACTIVE || state == PP_DEGRADED;
    struct pp_live_lookup *l = NULL;
    if (net->overlay && (ready || pp_live_has_route(net))) {
        l = calloc(1, sizeof *l);
    }
    if (!l) {
        pp_live_tell(net, PP_LIVE_FOUND, act, token, PP_LOCAL, NULL);
        return;
    }
    *l = (struct pp_live_lookup){
        .net = net, .act = act, .token = token, .key = *key, .k = k, .paths = paths};
    struct pp_live_lookup **at = &net->lookups;
    while (*at) {
        at = &(*at)->next;
    }
    *at = l;
    start(l);
}

void pp_live_lookup_drop(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token)
{
    for (struct pp_live_lookup *l = net->lookups, *next; l; l = next) {
        next = l->next;
        if ((act && l->act != act) || (token && l->token != *token)) {
            continue;
        }
        if (l->running) {
            pp_overlay_cancel(net->overlay, 0, l);
        }
        unlink_lookup(l);
        free(l);
    }
}
