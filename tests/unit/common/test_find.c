/* FIND and PING on the wire. */
#include <check.h>
#include <common/find.h>

#include "peers.h"

static struct pp_reader body_of(const struct pp_writer *w)
{
    return pp_reader(pp_bytes(w->data + PP_WIRE_HEADER, w->len - PP_WIRE_HEADER));
}

static void test_find(void)
{
    struct pp_find in = {{{1, 2, 3}}, 32, 27}, out;
    struct pp_writer w;
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 1);
    pp_write_find(&w, &in);
    struct pp_reader r = body_of(&w);
    CU_ASSERT_EQUAL(pp_read_find(&r, &out), PP_OK);
    CU_ASSERT_TRUE(pp_id_equal(&in.key, &out.key));
    CU_ASSERT_EQUAL(out.k, 32);
    CU_ASSERT_EQUAL(out.from, 27);
    static const uint8_t bad[] = {0, 33, 255};
    for (size_t i = 0; i < sizeof bad; i++) {
        in.k = bad[i];
        pp_writer_begin(&w, PP_WIRE_FIND, 0, 1);
        pp_write_find(&w, &in);
        r = body_of(&w);
        CU_ASSERT_EQUAL(pp_read_find(&r, &out), PP_MALFORMED);
    }
}

static void test_find_reply(void)
{
    struct pp_peer peer = peer_number(5);
    struct pp_find_reply out;
    struct pp_writer w;
    pp_writer_begin(&w, PP_WIRE_FIND | PP_WIRE_REPLY, 0, 1);
    pp_write8(&w, 1);
    pp_write_page(&w, &peer, 1, 0, NULL, 0);
    struct pp_reader r = body_of(&w);
    CU_ASSERT_EQUAL(pp_read_find_reply(&r, &out, 0), PP_OK);
    CU_ASSERT_TRUE(out.complete);
    CU_ASSERT_EQUAL(out.page.n, 1);
    CU_ASSERT_TRUE(pp_id_equal(&out.page.peers[0].id, &peer.id));
    pp_write8(&w, 0);
    r = body_of(&w);
    CU_ASSERT_EQUAL(pp_read_find_reply(&r, &out, 0), PP_MALFORMED);
}

static void test_ping(void)
{
    struct pp_id key = {{9}};
    struct pp_ping out;
    struct pp_page page;
    struct pp_writer w;
    pp_writer_begin(&w, PP_WIRE_PING, 0, 1);
    pp_write_ping(&w, &key);
    struct pp_reader r = body_of(&w);
    CU_ASSERT_EQUAL(pp_read_ping(&r, &out), PP_OK);
    CU_ASSERT_TRUE(out.has_key && pp_id_equal(&out.key, &key));
    pp_writer_begin(&w, PP_WIRE_PING, 0, 1);
    pp_write_ping(&w, NULL);
    r = body_of(&w);
    CU_ASSERT_EQUAL(pp_read_ping(&r, &out), PP_OK);
    CU_ASSERT_FALSE(out.has_key);
    r = body_of(&w);
    CU_ASSERT_EQUAL(pp_read_ping_reply(&r, &page, 0), PP_MALFORMED);
}

CHECK_MAIN("find", CHECK(test_find), CHECK(test_find_reply), CHECK(test_ping))
