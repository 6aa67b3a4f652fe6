/* Each of Chord's messages: written, read, described; cut anywhere, refused. */
#include <check.h>

#include "chord_net.h"

static struct pp_peer peers[40];

static void some_peers(void)
{
    for (uint8_t i = 0; i < 40; i++) {
        memset(&peers[i], 0, sizeof peers[i]);
        peers[i].id.b[0] = (uint8_t)(i + 1);
        memset(peers[i].address + 10, 0xff, 2);
        peers[i].address[12] = 10;
        peers[i].address[15] = i;
        peers[i].udp = 4700;
    }
}

static void described(const struct pp_writer *w, const char *words)
{
    char text[120];
    chord_describe(pp_bytes(w->data, w->len), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, words));
    CU_ASSERT_PTR_NULL(strstr(text, "malformed"));
    for (size_t len = PP_WIRE_HEADER; len < w->len; len++) {
        chord_describe(pp_bytes(w->data, len), text, sizeof text);
        CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed"));
    }
    char tiny[4];
    chord_describe(pp_bytes(w->data, w->len), tiny, sizeof tiny);
    CU_ASSERT_PTR_NOT_NULL(memchr(tiny, 0, sizeof tiny));
}

static struct pp_reader begin(struct pp_writer *w, uint8_t kind)
{
    pp_writer_begin(w, kind, PP_WIRE_ACTIVE, 7);
    return pp_reader(pp_bytes(NULL, 0));
}

static struct pp_reader body(const struct pp_writer *w)
{
    return pp_reader(pp_bytes(w->data + PP_WIRE_HEADER, w->len - PP_WIRE_HEADER));
}

static void test_stabilise(void)
{
    struct pp_writer w;
    struct chord_stabilised reply;
    begin(&w, CHORD_STABILISE);
    pp_write64(&w, 1);
    pp_write64(&w, UINT64_MAX);
    described(&w, "STABILISE");
    begin(&w, CHORD_STABILISE | PP_WIRE_REPLY);
    chord_write_stabilised(&w, false, &peers[3], peers, 32);
    struct pp_reader r = body(&w);
    CU_ASSERT_EQUAL(chord_read_stabilised(&r, &reply), PP_OK);
    CU_ASSERT_TRUE(reply.has_predecessor && pp_id_equal(&reply.predecessor.id, &peers[3].id));
    CU_ASSERT_EQUAL(reply.page.n, 32);
    described(&w, "STABILISE reply flags 2 04000000, 32 peers");
    begin(&w, CHORD_STABILISE | PP_WIRE_REPLY);
    chord_write_stabilised(&w, true, NULL, peers, 32);
    r = body(&w);
    CU_ASSERT_EQUAL(chord_read_stabilised(&r, &reply), PP_OK);
    CU_ASSERT_TRUE(reply.same && !reply.has_predecessor && reply.page.n == 0);
}

static void test_state_and_join(void)
{
    struct pp_writer w;
    begin(&w, CHORD_STATE);
    pp_write8(&w, 1);
    pp_write8(&w, 27);
    described(&w, "STATE of 1 from 27");
    begin(&w, CHORD_STATE | PP_WIRE_REPLY);
    pp_write8(&w, 0);
    pp_write_page(&w, peers, 40, 30, NULL, 0);
    described(&w, "STATE reply of 0, 10 peers");
    begin(&w, CHORD_JOIN | PP_WIRE_REPLY);
    pp_write8(&w, CHORD_REFERRED);
    pp_write_page(&w, peers, 1, 0, NULL, 0);
    described(&w, "JOIN reply verdict 1, 1 peers");
    begin(&w, CHORD_JOIN);
    described(&w, "JOIN");
}

static void test_the_rest(void)
{
    struct pp_writer w;
    begin(&w, CHORD_LEAVE);
    pp_write_page(&w, peers, 12, 0, NULL, 0);
    pp_write_page(&w, peers, 3, 0, NULL, 0);
    described(&w, "LEAVE 12 successors, 3 predecessors");
    begin(&w, CHORD_INTRODUCE);
    pp_write_peer(&w, &peers[0]);
    described(&w, "INTRODUCE 01000000");
    begin(&w, CHORD_NUDGE);
    pp_write64(&w, 9);
    described(&w, "NUDGE");
    begin(&w, 99);
    char text[60];
    chord_describe(pp_bytes(w.data, w.len), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "unknown"));
    chord_describe(pp_bytes(w.data, 3), text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "malformed, 3 octets"));
}

static void test_all(void (*test)(void))
{
    some_peers();
    test();
}

static void test_stabilise_messages(void)
{
    test_all(test_stabilise);
}

static void test_state_and_join_messages(void)
{
    test_all(test_state_and_join);
}

static void test_other_messages(void)
{
    test_all(test_the_rest);
}

CHECK_MAIN("chord messages", CHECK(test_stabilise_messages), CHECK(test_state_and_join_messages),
           CHECK(test_other_messages))
