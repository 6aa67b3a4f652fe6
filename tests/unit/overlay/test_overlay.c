/* Overlays on loopback: growing, clients, dial-back, a power cut of everything, a partition, other
 * networks, new addresses, leaving. */
#include "swarm.h"

#include <check.h>
#include <overlay/overlay_internal.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static struct swarm s;

static void grow(size_t n)
{
    for (size_t i = 0; i < n; i++) {
        const struct swarm_node *first = &s.nodes[0];
        struct pp_error error = {0};
        struct swarm_node *node = swarm_add(&s, PP_MEMBER);
        int code = swarm_start(node, &first, i > 0, &error);
        CU_ASSERT_EQUAL(code, PP_OK);
        CHECK_FATAL(code == PP_OK);
    }
}

static void test_eight_become_one(void)
{
    swarm_init(&s, 1);
    grow(8);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    struct pp_id key = pp_id_power(5);
    unsigned covering = 0;
    for (size_t i = 0; i < s.n; i++) {
        covering += pp_overlay_covers(s.nodes[i].overlay, &key, 3) == PP_COVERS_YES;
    }
    CU_ASSERT_EQUAL(covering, 3);
    struct pp_overlay_counts counts;
    pp_overlay_counts(s.nodes[0].overlay, &counts);
    CU_ASSERT_TRUE(counts.peers_cached == 7 && counts.datagrams_in > 0 && counts.lookups > 0);
    CU_ASSERT_PTR_NULL(pp_overlay_mismatch(s.nodes[0].overlay));
    swarm_finish(&s);
}

static bool first_found(struct swarm *swarm)
{
    return swarm->nodes[swarm->n - 1].n_found > 0;
}

static void test_a_client_asks_and_is_in_nobodys_result(void)
{
    swarm_init(&s, 2);
    grow(3);
    const struct swarm_node *contacts[] = {&s.nodes[1], &s.nodes[2]};
    struct swarm_node *client = swarm_add(&s, PP_CLIENT);
    CU_ASSERT_EQUAL(swarm_start(client, contacts, 2, NULL), PP_OK);
    struct pp_id key = pp_id_power(9);
    swarm_lookup(client, &key); /* before anybody is there: it waits */
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, first_found));
    CU_ASSERT_EQUAL(client->found.code, PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    CU_ASSERT_EQUAL(pp_overlay_role(client->overlay), PP_CLIENT);
    CU_ASSERT_EQUAL(pp_overlay_covers(client->overlay, &key, 3), PP_COVERS_UNKNOWN);
    swarm_lookup(client, &key);
    pp_overlay_cancel(client->overlay, 7, client);
    CU_ASSERT_FALSE(swarm_until(&s, 300 * PP_MS, first_found));
    swarm_finish(&s);
}

static bool client_is_stuck(struct swarm *swarm)
{
    const char *text;
    pp_overlay_state(swarm->nodes[3].overlay, &text);
    return strstr(text, "could call back") != NULL;
}

static bool fourth_is_member(struct swarm *swarm)
{
    return pp_overlay_role(swarm->nodes[3].overlay) == PP_MEMBER && swarm_all_active(swarm);
}

static void test_who_cannot_be_called_back_stays_a_client(void)
{
    swarm_init(&s, 3);
    grow(3);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    const struct swarm_node *first = &s.nodes[0];
    struct swarm_node *node = swarm_add(&s, PP_MEMBER);
    node->far_side = true;
    CU_ASSERT_EQUAL(swarm_start(node, &first, 1, NULL), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 20 * PP_SECOND, client_is_stuck));
    CU_ASSERT_EQUAL(pp_overlay_role(node->overlay), PP_CLIENT);
    struct pp_id key = pp_id_power(3);
    swarm_lookup(node, &key); /* it may ask all the same */
    CU_ASSERT_TRUE(swarm_until(&s, 5 * PP_SECOND, first_found));
    CU_ASSERT_EQUAL(node->found.n_peers, 3);
    node->far_side = false;
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, fourth_is_member));
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    swarm_finish(&s);
}

static bool everybody_is_saved(struct swarm *swarm)
{
    for (size_t i = 0; i < swarm->n; i++) {
        struct pp_peer_cache cache = {0};
        size_t bad;
        if (pp_peer_cache_load(&cache, swarm->nodes[i].peers_file, &bad, NULL) != PP_OK ||
            cache.n < swarm->n - 1 || !cache.member || bad > 0) {
            return false;
        }
    }
    return true;
}

/* All killed, all started at once, no contact configured: saved peers and the founding rule. */
static void test_power_cut_of_everything(void)
{
    swarm_init(&s, 4);
    grow(8);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    for (size_t i = 0; i < s.n; i++) {
        swarm_kill(&s.nodes[i]);
    }
    CU_ASSERT_TRUE(everybody_is_saved(&s));
    for (size_t i = 0; i < s.n; i++) {
        CU_ASSERT_EQUAL(swarm_start(&s.nodes[i], NULL, 0, NULL), PP_OK);
        CU_ASSERT_NOT_EQUAL(pp_overlay_state(s.nodes[i].overlay, NULL), PP_ACTIVE);
    }
    CU_ASSERT_TRUE(swarm_until(&s, 30 * PP_SECOND, swarm_is_one));
    swarm_finish(&s);
}

static void test_one_alone_after_the_cut_serves_alone(void)
{
    swarm_init(&s, 5);
    grow(3);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    for (size_t i = 0; i < s.n; i++) {
        swarm_kill(&s.nodes[i]);
    }
    CU_ASSERT_EQUAL(swarm_start(&s.nodes[2], NULL, 0, NULL), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 10 * PP_SECOND, swarm_is_one)); /* of one */
    CU_ASSERT_EQUAL(swarm_start(&s.nodes[0], NULL, 0, NULL), PP_OK);
    CU_ASSERT_EQUAL(swarm_start(&s.nodes[1], NULL, 0, NULL), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    swarm_finish(&s);
}

static int side_of(const struct swarm *swarm, const struct pp_id *id)
{
    for (size_t i = 0; i < swarm->n; i++) {
        if (pp_id_equal(&swarm->nodes[i].id, id)) {
            return swarm->nodes[i].side;
        }
    }
    return 0;
}

/* Whatever is looked up, each half finds itself alone. */
static bool halves_are_whole(struct swarm *swarm)
{
    for (size_t k = 0; k < swarm->n; k++) {
        for (size_t i = 0; i < swarm->n; i++) {
            swarm_lookup(&swarm->nodes[i], &swarm->nodes[k].id);
        }
        swarm_await_all(swarm);
        for (size_t i = 0; i < swarm->n; i++) {
            const struct swarm_node *node = &swarm->nodes[i];
            bool whole = node->found.code == PP_OK && node->found.n_peers == 3;
            for (size_t p = 0; whole && p < 3; p++) {
                whole = side_of(swarm, &node->peers[p].id) == node->side;
            }
            if (!whole) {
                return false;
            }
        }
    }
    return true;
}

static void test_a_healed_partition_is_one_again(void)
{
    swarm_init(&s, 6);
    s.merge_period = PP_SECOND;
    grow(6);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    for (size_t i = 0; i < s.n; i++) {
        s.nodes[i].side = i < 3 ? 1 : 2;
    }
    CU_ASSERT_TRUE(swarm_until(&s, 40 * PP_SECOND, halves_are_whole));
    for (size_t i = 0; i < s.n; i++) {
        s.nodes[i].side = 0;
    }
    CU_ASSERT_TRUE(swarm_until(&s, 20 * PP_SECOND, swarm_is_one));
    swarm_finish(&s);
}

static bool second_sees_mismatch(struct swarm *swarm)
{
    return pp_overlay_mismatch(swarm->nodes[1].overlay) != NULL;
}

static void test_another_k_is_named(void)
{
    swarm_init(&s, 7);
    grow(1);
    const struct swarm_node *first = &s.nodes[0];
    s.k = 4;
    CU_ASSERT_EQUAL(swarm_start(swarm_add(&s, PP_MEMBER), &first, 1, NULL), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 10 * PP_SECOND, second_sees_mismatch));
    const char *sentence = pp_overlay_mismatch(s.nodes[1].overlay);
    CU_ASSERT_PTR_NOT_NULL(strstr(sentence, "network.k is \"3\", ours is \"4\""));
    CU_ASSERT_NOT_EQUAL(pp_overlay_state(s.nodes[1].overlay, NULL), PP_ACTIVE);
    swarm_finish(&s);
}

static bool first_sees_new_address(struct swarm *swarm)
{
    swarm_lookup(&swarm->nodes[0], &swarm->nodes[3].id);
    while (swarm->nodes[0].n_found == 0 && !swarm->late) {
        pp_loop_turn(swarm->loop, true);
    }
    char text[46];
    pp_address_text(text, swarm->nodes[0].peers[0].address);
    return strcmp(text, "127.3.8.99") == 0;
}

/* The contact is dead and so is the old address: saved peers, and the others learn the new one. */
static void test_back_with_another_address(void)
{
    swarm_init(&s, 8);
    grow(4);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    swarm_kill(&s.nodes[3]);
    snprintf(s.nodes[3].address, sizeof s.nodes[3].address, "127.3.8.99");
    CU_ASSERT_EQUAL(swarm_start(&s.nodes[3], NULL, 0, NULL), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    CU_ASSERT_TRUE(swarm_until(&s, 10 * PP_SECOND, first_sees_new_address));
    swarm_finish(&s);
}

/* Bound to every address, nothing advertised: the others tell it where it is. */
static void test_a_node_learns_its_address_from_others(void)
{
    swarm_init(&s, 11);
    grow(2);
    struct swarm_node *node = swarm_add(&s, PP_MEMBER);
    const struct swarm_node *first = &s.nodes[0];
    struct pp_error error = {0};
    snprintf(node->address, sizeof node->address, "0.0.0.0");
    CU_ASSERT_EQUAL(swarm_start(node, NULL, 0, &error), PP_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "overlay.advertise"));
    CU_ASSERT_EQUAL(swarm_start(node, &first, 1, &error), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    struct pp_peer self = pp_overlay_self(node->overlay);
    char text[46];
    pp_address_text(text, self.address);
    CU_ASSERT_STRING_EQUAL(text, "127.0.0.1");
    swarm_finish(&s);
}

static void on_left(void *ctx)
{
    ((struct swarm_node *)ctx)->left++;
}

static bool first_left(struct swarm *swarm)
{
    return swarm->nodes[0].left > 0;
}

static void test_leaving_tells_the_others(void)
{
    swarm_init(&s, 9);
    grow(3);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    pp_overlay_leave(s.nodes[0].overlay, pp_loop_now(s.loop).mono + 5 * PP_SECOND, on_left,
                     &s.nodes[0]);
    CU_ASSERT_TRUE(swarm_until(&s, 6 * PP_SECOND, first_left));
    swarm_kill(&s.nodes[0]);
    CU_ASSERT_TRUE(swarm_until(&s, 300 * PP_MS, swarm_is_one)); /* no time-out was needed */
    CU_ASSERT_EQUAL(s.nodes[0].left, 1);
    swarm_finish(&s);
}

static void test_a_contact_by_its_name(void)
{
    swarm_init(&s, 11);
    struct swarm_node *first = swarm_add(&s, PP_MEMBER), *second = swarm_add(&s, PP_MEMBER);
    snprintf(first->address, sizeof first->address, "127.0.0.1");
    CU_ASSERT_EQUAL(swarm_start(first, NULL, 0, NULL), PP_OK);
    struct swarm_node named = *first;
    snprintf(named.contact, sizeof named.contact, "localhost:%u", first->port);
    const struct swarm_node *contact = &named;
    CU_ASSERT_EQUAL(swarm_start(second, &contact, 1, NULL), PP_OK);
    CU_ASSERT_TRUE(swarm_until(&s, 15 * PP_SECOND, swarm_is_one));
    swarm_finish(&s);
}

static void test_refusals_say_what_to_do(void)
{
    swarm_init(&s, 10);
    struct pp_error error = {0};
    struct swarm_node *client = swarm_add(&s, PP_CLIENT);
    CU_ASSERT_EQUAL(swarm_start(client, NULL, 0, &error), PP_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "overlay.contacts"));
    struct swarm_node wrong = *client;
    snprintf(wrong.contact, sizeof wrong.contact, "nowhere");
    const struct swarm_node *contacts[] = {&wrong};
    CU_ASSERT_EQUAL(swarm_start(client, contacts, 1, &error), PP_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "\"nowhere\" is neither ADDRESS:PORT"));
    grow(1);
    struct swarm_node *twin = swarm_add(&s, PP_MEMBER);
    memcpy(twin->address, s.nodes[1].address, sizeof twin->address);
    twin->port = s.nodes[1].port;
    CU_ASSERT_EQUAL(swarm_start(twin, NULL, 0, &error), PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "choose another port"));
    swarm_finish(&s);
}

CHECK_MAIN("overlay", CHECK(test_eight_become_one),
           CHECK(test_a_client_asks_and_is_in_nobodys_result),
           CHECK(test_who_cannot_be_called_back_stays_a_client),
           CHECK(test_power_cut_of_everything), CHECK(test_one_alone_after_the_cut_serves_alone),
           CHECK(test_a_healed_partition_is_one_again), CHECK(test_another_k_is_named),
           CHECK(test_a_contact_by_its_name), CHECK(test_back_with_another_address),
           CHECK(test_a_node_learns_its_address_from_others), CHECK(test_leaving_tells_the_others),
           CHECK(test_refusals_say_what_to_do))
