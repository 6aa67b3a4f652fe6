/* The descriptor: options refused in words, instances, datagrams in words, who may ask what. */
#include <check.h>

#include "pastry_net.h"

static struct net net;

static int open_with(int64_t bits, int64_t leaves, struct pp_error *error)
{
    const union pp_value values[] = {{.number = bits},
                                     {.number = leaves},
                                     {.number = 30 * (int64_t)PP_SECOND},
                                     {.number = 60 * (int64_t)PP_SECOND}};
    static const struct pp_substrate_host host;
    struct pp_net *made = NULL;
    int code = peerpost_plugin.open(&made, values, &host, error);
    if (code == PP_OK) {
        CU_ASSERT_TRUE(made->b == (unsigned)bits && made->half == (unsigned)leaves / 2);
        peerpost_plugin.close(made);
    }
    return code;
}

static void test_options(void)
{
    struct pp_error error;
    for (int64_t bits = 1; bits <= 8; bits++) {
        bool good = bits == 1 || bits == 2 || bits == 4 || bits == 8;
        CU_ASSERT_EQUAL(open_with(bits, 32, &error), good ? PP_OK : PP_CONFIG);
        if (!good) {
            CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "set it to 1, 2, 4 or 8"));
        }
    }
    CU_ASSERT_EQUAL(open_with(4, 7, &error), PP_CONFIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "even"));
    CU_ASSERT_EQUAL(open_with(4, 2, &error), PP_OK);
    CU_ASSERT_EQUAL(open_with(4, 64, &error), PP_OK);
}

/* All nodes must agree on what decides who is root and which cells there are. */
static void test_what_the_network_shares(void)
{
    for (size_t i = 0; i < peerpost_plugin.plugin.n_options; i++) {
        const struct pp_option *option = &peerpost_plugin.plugin.options[i];
        bool shared = strcmp(option->name, "bits") == 0 || strcmp(option->name, "leaves") == 0;
        CU_ASSERT_EQUAL(option->scope, shared ? PP_SCOPE_NETWORK : PP_SCOPE_NODE);
    }
}

static void test_datagrams_in_words(void)
{
    struct pp_writer w;
    char text[120];
    pp_writer_begin(&w, PASTRY_ROW, PP_WIRE_ACTIVE, 0xabc);
    pastry_write_row(&w, &(struct pastry_row){3, 9});
    peerpost_plugin.describe(pp_bytes(w.data, w.len), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "ROW row 3 from 9 active"));
    pp_writer_begin(&w, PASTRY_JOIN | PP_WIRE_REPLY, 0, 1);
    pastry_write_joined(&w, PASTRY_WAIT, NULL, 0);
    peerpost_plugin.describe(pp_bytes(w.data, w.len), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "JOIN reply verdict 2, 0 peers"));
    peerpost_plugin.describe(pp_bytes(w.data, w.len - 1), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed"));
}

/* Whoever has not proved its id may ask for the way, and for nothing else. */
static void test_strangers_may_only_ask_the_way(void)
{
    struct pp_writer w;
    struct pp_peer stranger = {.udp = 4700};
    struct pp_find find = {{{0x40}}, 3, 0};
    pastry_start(&net, 4, 8);
    net_ring(&net, 20);
    memset(net.sent, 0, sizeof net.sent);
    stranger.address[15] = 9;
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 1);
    pp_write_find(&w, &find);
    net_inject(&net, &stranger, 3, &w, 0);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_FIND | PP_WIRE_REPLY], 1);
    pp_writer_begin(&w, PP_WIRE_PING, 0, 2);
    pp_write_ping(&w, NULL);
    net_inject(&net, &stranger, 3, &w, 0);
    CU_ASSERT_EQUAL(net.sent[PP_WIRE_PING | PP_WIRE_REPLY], 1);
    pp_writer_begin(&w, PASTRY_ROW, 0, 3);
    pastry_write_row(&w, &(struct pastry_row){0, 0});
    net_inject(&net, &stranger, 3, &w, 0);
    CU_ASSERT_EQUAL(net.sent[PASTRY_ROW | PP_WIRE_REPLY], 0);
    for (unsigned kind = 0; kind < 0x80; kind++) { /* what it does not know it does not answer */
        if (kind != PP_WIRE_FIND && kind != PP_WIRE_PING) {
            pp_writer_begin(&w, (uint8_t)kind, 0, 4);
            net_inject(&net, &stranger, 3, &w, 0);
            CU_ASSERT_EQUAL(net.sent[kind | PP_WIRE_REPLY], 0);
        }
    }
    net_end(&net);
}

CHECK_MAIN("pastry", CHECK(test_options), CHECK(test_what_the_network_shares),
           CHECK(test_datagrams_in_words), CHECK(test_strangers_may_only_ask_the_way))
