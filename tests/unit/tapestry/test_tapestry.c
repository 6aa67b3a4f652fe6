/* Tapestry whole over a small network: surrogate roots, every k and digit, joins, options. */
#include <check.h>

#include "tapestry_net.h"

static struct net net;

static void test_every_k_for_every_digit(void)
{
    static const unsigned bits[] = {1, 2, 4, 8}, k[] = {1, 2, 5, 16, 32};
    for (size_t i = 0; i < 4; i++) {
        uint64_t state = 55;
        tapestry_scatter(&net, bits[i], i < 2 ? 0 : 2, i < 3 ? 2 : 32, 90);
        CU_ASSERT_EQUAL(net_check(&net), 0);
        for (size_t j = 0; j < 60; j++) {
            struct pp_id key = net_random_id(&state);
            CU_ASSERT_TRUE(net_exact(&net, j, &key, k[j % 5]));
        }
        net_end(&net);
    }
}

/* The surrogate of a key, by the paper: digit by digit, the next that exists, round the base. */
static size_t surrogate(const struct pp_id *key, unsigned bits)
{
    bool in[NET_NODES];
    size_t left = net.n, found = 0;
    for (size_t i = 0; i < net.n; i++) {
        in[i] = true;
    }
    for (unsigned row = 0; left > 1 && row < PP_ID_BITS / bits; row++) {
        unsigned base = 1u << bits, wanted = pp_id_digit(key, row, bits), digit = wanted;
        for (bool any = false; !any; digit += !any) {
            for (size_t i = 0; i < net.n; i++) {
                any = any || (in[i] && pp_id_digit(&net.self[i].id, row, bits) == digit % base);
            }
            if (any) {
                break;
            }
        }
        for (size_t i = 0; i < net.n; i++) {
            if (in[i] && pp_id_digit(&net.self[i].id, row, bits) != digit % base) {
                in[i] = false;
                left--;
            }
        }
    }
    for (size_t i = 0; i < net.n; i++) {
        found = in[i] ? i : found;
    }
    return found;
}

static void test_roots_are_the_papers_surrogates(void)
{
    static const unsigned bits[] = {1, 2, 4, 8};
    for (size_t i = 0; i < 4; i++) {
        uint64_t state = 3;
        tapestry_scatter(&net, bits[i], 2, 8, 50);
        for (size_t j = 0; j < 50; j++) {
            struct pp_id key = net_random_id(&state);
            CU_ASSERT_EQUAL(net_lookup_id(&net, j, &key, 1), PP_OK);
            CHECK_FATAL(net.result.n_peers == 1);
            CU_ASSERT_TRUE(pp_id_equal(&net.peers[0].id, &net.self[surrogate(&key, bits[i])].id));
        }
        net_end(&net);
    }
}

static void test_covers_is_never_wrong(void)
{
    static const unsigned siblings[] = {2, 8, 64};
    for (size_t i = 0; i < 3; i++) {
        size_t sure;
        tapestry_scatter(&net, 4, 1, siblings[i], 60);
        for (unsigned k = 1; k <= 32; k = 2 * k + 1) {
            CU_ASSERT_EQUAL(net_false_covers(&net, 40, k, &sure), 0);
            CU_ASSERT_TRUE(sure > 0);
            CU_ASSERT_TRUE(siblings[i] < 64 || sure == 40 * 60);
        }
        net_end(&net);
    }
}

static void test_joining_one_by_one_and_all_at_once(void)
{
    uint64_t state = 6;
    tapestry_start(&net, 4, 1, 4);
    struct pp_id id = net_random_id(&state);
    net_add_at(&net, &id, PP_MEMBER);
    peerpost_plugin.meet(net.node[0], net.now, NULL, 0);
    for (size_t i = 1; i < 50; i++) {
        id = net_random_id(&state);
        size_t node = net_add_at(&net, &id, PP_MEMBER);
        net_meet(&net, node, i < 20 ? i - 1 : 0);
        net_run(&net, i < 20 ? PP_SECOND : PP_MS);
    }
    net_run(&net, 5 * PP_MINUTE);
    CU_ASSERT_EQUAL(net_check(&net), 0);
    for (size_t i = 0; i < 50; i++) {
        CU_ASSERT_TRUE(net.node[i]->t.r.m.a.active);
        struct pp_id key = net_random_id(&state);
        CU_ASSERT_TRUE(net_exact(&net, i, &key, 5));
    }
    net_end(&net);
}

static void test_options(void)
{
    static const struct pp_substrate_host host;
    for (int64_t bits = 1; bits <= 8; bits++) {
        const union pp_value values[] = {{.number = bits},
                                         {.number = 2},
                                         {.number = 32},
                                         {.number = 30 * (int64_t)PP_SECOND},
                                         {.number = 60 * (int64_t)PP_SECOND}};
        struct pp_net *made = NULL;
        struct pp_error error;
        bool good = bits == 1 || bits == 2 || bits == 4 || bits == 8;
        int code = peerpost_plugin.open(&made, values, &host, &error);
        CU_ASSERT_EQUAL(code, good ? PP_OK : PP_CONFIG);
        if (good) {
            CU_ASSERT_TRUE(made->tree.bits == (unsigned)bits && made->tree.cell == 3);
            CU_ASSERT_TRUE(made->tree.siblings == 32 && made->tree.ping == 30 * PP_SECOND);
            CU_ASSERT_EQUAL(made->tree.refresh, PP_MINUTE);
            peerpost_plugin.close(made);
        } else {
            CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "correct bits"));
        }
    }
    for (size_t i = 0; i < peerpost_plugin.plugin.n_options; i++) {
        const struct pp_option *option = &peerpost_plugin.plugin.options[i];
        bool shared = strcmp(option->name, "bits") == 0; /* it decides who is root */
        CU_ASSERT_EQUAL(option->scope, shared ? PP_SCOPE_NETWORK : PP_SCOPE_NODE);
    }
}

static void test_datagrams_in_words(void)
{
    struct pp_writer w;
    char text[120];
    pp_writer_begin(&w, TAPESTRY_ROWS, PP_WIRE_ACTIVE, 1);
    pp_write8(&w, 3);
    pp_write8(&w, 9);
    peerpost_plugin.describe(pp_bytes(w.data, w.len), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ROWS row 3 from 9 active"));
    peerpost_plugin.describe(pp_bytes(w.data, w.len - 1), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed"));
}

CHECK_MAIN("tapestry", CHECK(test_every_k_for_every_digit),
           CHECK(test_roots_are_the_papers_surrogates), CHECK(test_covers_is_never_wrong),
           CHECK(test_joining_one_by_one_and_all_at_once), CHECK(test_options),
           CHECK(test_datagrams_in_words))
