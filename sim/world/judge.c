/*
 * The oracle: who is closest to a key now. Was an answer right? Compared with the oracle as it
 * stands when the answer comes, leaving to chance what no protocol can decide: whoever became a
 * member, or ceased to be one, while the look-up ran is right in the answer and right out of it.
 */
#include <sim/world/internal.h>

#include <string.h>

static void rank_of(const struct pp_world *w, size_t node, const struct pp_id *key,
                    uint8_t out[PP_RANK_LEN])
{
    w->options.plugin->rank(w->members[node]->instance, key, out);
}

/* Was it what it is now, a member or none, all the time since? */
static bool constant(const struct pp_world *w, size_t node, pp_ns since)
{
    return w->members[node]->changed < since;
}

/* The k closest of those that have been active since then, the closest first, and their ranks. */
static size_t closest(const struct pp_world *w, const struct pp_id *key, unsigned k, pp_ns since,
                      size_t out[PP_K_MAX], uint8_t ranks[PP_K_MAX][PP_RANK_LEN])
{
    size_t n = 0;
    for (size_t i = 0; i < w->n_members; i++) {
        uint8_t rank[PP_RANK_LEN];
        if (w->members[i]->role != PP_MEMBER || !pp_world_active(w, i) || !constant(w, i, since)) {
            continue;
        }
        rank_of(w, i, key, rank);
        if (n == k && memcmp(rank, ranks[n - 1], PP_RANK_LEN) >= 0) {
            continue;
        }
        size_t at = n < k ? n++ : n - 1;
        for (; at > 0 && memcmp(rank, ranks[at - 1], PP_RANK_LEN) < 0; at--) {
            memcpy(ranks[at], ranks[at - 1], PP_RANK_LEN);
            out[at] = out[at - 1];
        }
        memcpy(ranks[at], rank, PP_RANK_LEN);
        out[at] = i;
    }
    return n;
}

size_t pp_world_closest(const struct pp_world *w, const struct pp_id *key, unsigned k,
                        size_t out[PP_K_MAX])
{
    uint8_t ranks[PP_K_MAX][PP_RANK_LEN];
    return closest(w, key, k, PP_NEVER, out, ranks);
}

size_t pp_world_right(const struct pp_world *w, const struct pp_id *key, unsigned k, pp_ns asked_at,
                      const struct pp_peer *peers, size_t n_peers)
{
    size_t right[PP_K_MAX], next = 0, i = 0;
    uint8_t ranks[PP_K_MAX][PP_RANK_LEN], last[PP_RANK_LEN] = {0};
    size_t n = closest(w, key, k, asked_at, right, ranks);
    for (; i < n_peers && i < k; i++) {
        size_t node = pp_world_at(w, &peers[i]);
        if (next < n && node == right[next]) {
            memcpy(last, ranks[next++], PP_RANK_LEN);
            continue;
        }
        if (node == SIZE_MAX || constant(w, node, asked_at)) {
            return i; /* long dead, or not the next */
        }
        if (!w->members[node]->instance) {
            continue;
        }
        uint8_t rank[PP_RANK_LEN];
        rank_of(w, node, key, rank);
        if (memcmp(rank, last, PP_RANK_LEN) < 0 ||
            (next < n && memcmp(rank, ranks[next], PP_RANK_LEN) > 0)) {
            return i;
        }
        memcpy(last, rank, PP_RANK_LEN);
    }
    return i == k || next == n ? k : i;
}
