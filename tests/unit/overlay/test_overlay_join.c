/* Meeting saved peers again, and refusals: an overlay over a substrate that notes whom it is to
 * meet and can never look anything up. */
#include "lone.h"

static unsigned met;
static struct pp_peer met_last;

static void s_meet(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *contacts,
                   size_t n)
{
    (void)now;
    if (n > 0) {
        met++;
        met_last = contacts[0];
    }
    node->net->host->state(node->ctx, PP_ACTIVE, "");
}

static void s_tick(struct pp_substrate_node *node, pp_ns now)
{
    (void)node;
    (void)now;
}

static pp_ns s_next(const struct pp_substrate_node *node)
{
    (void)node;
    return PP_NEVER;
}

static const struct pp_substrate substrate = {
    LONE_SUBSTRATE("meeting"),
    .meet = s_meet,
    .tick = s_tick,
    .next = s_next,
};

static void start(enum pp_role role, const char *const *contacts, size_t n)
{
    met = 0;
    lone_start((struct pp_overlay_options){.plugin = &substrate,
                                           .role = role,
                                           .contacts = contacts,
                                           .n_contacts = n,
                                           .merge_period = 20 * PP_MS},
               "127.3.41.1");
}

static void on_late(void *ctx)
{
    *(bool *)ctx = true;
}

/* A member that is whole goes on meeting those it once knew: so do the halves of a network that
 * was cut in two find each other. */
static void test_a_whole_member_meets_saved_peers(void)
{
    struct pp_peer saved = {.id = pp_id_power(7), .udp = 4700};
    bool late = false;
    pp_address_parse(saved.address, "127.3.41.2");
    start(PP_MEMBER, NULL, 0);
    CU_ASSERT_TRUE(pp_overlay_is_active(overlay));
    CU_ASSERT_PTR_NOT_NULL(pp_peer_cache_add(&overlay->cache, &saved, 0));
    struct pp_timer *limit = pp_timer_create(loop, on_late, &late);
    pp_timer_set(limit, pp_loop_now(loop).mono + 2 * PP_SECOND);
    while (met < 2 && !late) {
        pp_loop_turn(loop, true);
    }
    CU_ASSERT_EQUAL(met, 2);
    CU_ASSERT_TRUE(pp_id_equal(&met_last.id, &saved.id));
    pp_timer_destroy(limit);
    stop();
}

static int last_code, n_found;
static char last_reason[400];

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    (void)ctx;
    (void)token;
    n_found++;
    last_code = result->code;
    snprintf(last_reason, sizeof last_reason, "%s", result->reason ? result->reason : "");
}

/* The second of two contacts may be the right one; when it refuses too, nobody waits any more. */
static void test_refused_by_all(void)
{
    static const char *const contacts[] = {"127.3.41.3:4700", "127.3.41.4:4700"};
    struct pp_id id = pp_id_power(1);
    start(PP_CLIENT, contacts, 2);
    n_found = 0;
    CU_ASSERT_EQUAL(pp_overlay_lookup(overlay, &id, 3, 1, 1, on_found, NULL), PP_OK);
    snprintf(overlay->mismatch, sizeof overlay->mismatch, "k differs");
    pp_join_refused(overlay, &overlay->contacts[0]);
    CU_ASSERT_FALSE(pp_join_hopeless(overlay, pp_loop_now(loop)));
    pp_join_refused(overlay, &overlay->contacts[0]);
    CU_ASSERT_FALSE(pp_join_hopeless(overlay, pp_loop_now(loop)));
    pp_join_refused(overlay, &overlay->contacts[1]);
    CU_ASSERT_TRUE(pp_join_hopeless(overlay, pp_loop_now(loop)));
    pp_lookups_try(overlay, pp_loop_now(loop));
    pp_loop_turn(loop, false);
    CU_ASSERT_TRUE(n_found == 1 && last_code == PP_UNREACHABLE);
    CU_ASSERT_STRING_EQUAL(last_reason, "k differs");
    overlay->active_seen = 1; /* one of ours answered once */
    CU_ASSERT_FALSE(pp_join_hopeless(overlay, pp_loop_now(loop)));
    stop();
}

CHECK_MAIN("overlay join", CHECK(test_a_whole_member_meets_saved_peers), CHECK(test_refused_by_all))
