/* Meeting saved peers again, and refusals: an overlay over a substrate that notes whom it is to
 * meet and can never look anything up. */
#include <check.h>
#include <openssl/evp.h>
#include <overlay/envelope_crypto.h>
#include <overlay/overlay_internal.h>
#include <stdlib.h>

static unsigned met;
static struct pp_peer met_last;

static int s_open(struct pp_net **net, const union pp_value *options,
                  const struct pp_substrate_host *host, struct pp_error *error)
{
    (void)options;
    (void)error;
    *net = (struct pp_net *)(uintptr_t)host;
    return PP_OK;
}

static void s_close(struct pp_net *net)
{
    (void)net;
}

struct pp_substrate_node {
    const struct pp_substrate_host *host;
    void *ctx;
};

static struct pp_substrate_node *s_create(struct pp_net *net, void *ctx, enum pp_role role,
                                          const struct pp_peer *self, const uint8_t seed[16])
{
    (void)role;
    (void)self;
    (void)seed;
    struct pp_substrate_node *node = calloc(1, sizeof *node);
    *node = (struct pp_substrate_node){(const struct pp_substrate_host *)net, ctx};
    return node;
}

static void s_destroy(struct pp_substrate_node *node)
{
    free(node);
}

static void s_meet(struct pp_substrate_node *node, pp_ns now, const struct pp_peer *contacts,
                   size_t n)
{
    (void)now;
    if (n > 0) {
        met++;
        met_last = contacts[0];
    }
    node->host->state(node->ctx, PP_ACTIVE, "");
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
    .plugin = {.abi = PP_SUBSTRATE_ABI, .kind = PP_KIND_SUBSTRATE, .name = "meeting"},
    .open = s_open,
    .close = s_close,
    .create = s_create,
    .destroy = s_destroy,
    .meet = s_meet,
    .tick = s_tick,
    .next = s_next,
};

static struct pp_loop *loop;
static struct pp_overlay *overlay;
static EVP_PKEY *key;

static int check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    (void)ctx;
    (void)der;
    (void)wall;
    (void)id;
    return PP_UNTRUSTED;
}

static void start(enum pp_role role, const char *const *contacts, size_t n)
{
    struct pp_error error = {0};
    met = 0;
    loop = pp_loop_create();
    CHECK_FATAL(loop && pp_ephemeral_key(&key) == PP_OK);
    struct pp_overlay_options o = {
        .plugin = &substrate,
        .network_name = "meeting",
        .k = 3,
        .role = role,
        .key = role == PP_MEMBER ? key : NULL,
        .certificate = pp_str(role == PP_MEMBER ? "never shown" : ""),
        .contacts = contacts,
        .n_contacts = n,
        .merge_period = 20 * PP_MS,
        .check = check,
    };
    pp_address_parse(o.listen, "127.3.41.1");
    CHECK_FATAL(pp_overlay_open(&overlay, loop, &o, &error) == PP_OK);
    pp_loop_turn(loop, false);
}

static void stop(void)
{
    pp_overlay_close(overlay);
    pp_loop_destroy(loop);
    EVP_PKEY_free(key);
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
