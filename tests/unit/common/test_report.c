/* Words for people: sets, orders, datagrams with their bodies. */
#include <check.h>
#include <common/report.h>
#include <stdio.h>

#include <common/find.h>

#include "peers.h"

static char lines[2048];

static void take(void *ctx, const char *text)
{
    size_t used = strlen(lines);
    (void)ctx;
    snprintf(lines + used, sizeof lines - used, "%s\n", text);
}

static const struct pp_sink sink = {take, NULL};

static void test_sets(void)
{
    struct pp_entry at[2] = {pp_entry_now(&(struct pp_peer){.udp = 1}, 0)};
    struct pp_peerset set = {at, 2, 2};
    struct pp_id self = {{0}};
    struct pp_order order = {pp_distance_clockwise, self};
    at[0] = pp_entry_now(&(struct pp_peer){.udp = 1}, 0);
    at[0].peer = peer_number(5);
    at[1] = at[0];
    at[1].peer = peer_number(9);
    at[1].flags = PP_ENTRY_SUSPECT;
    lines[0] = '\0';
    pp_say_set(&sink, "friend", &set);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "friend 0 0500000000000000 10.0.0.5 4700 rtt 0 us\n"));
    CU_ASSERT_PTR_NOT_NULL(
        strstr(lines, "friend 1 0900000000000000 10.0.0.9 4700 rtt 0 us suspect"));
    CU_ASSERT_EQUAL(pp_check_order(&self, "friends", &set, &order, 2, &sink), 0);
    CU_ASSERT_EQUAL(pp_check_order(&self, "friends", &set, &order, 1, &sink), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "2 of friends, at most 1"));
    at[1] = at[0]; /* twice the same */
    CU_ASSERT_EQUAL(pp_check_order(&self, "friends", &set, &order, 2, &sink), 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "friends 1 is out of order"));
}

static const char *const own[] = {"FLAGGED| %1%?2p|", "HELLO|%8 to %i| %P and %1", "SHORT"};

static const char *words(const struct pp_writer *w, size_t len)
{
    static char text[120];
    pp_describe_bodies(pp_bytes(w->data, len), own, 3, 0, text, sizeof text);
    return text;
}

static void test_bodies(void)
{
    struct pp_writer w;
    struct pp_peer peer = peer_number(0xab);
    pp_writer_begin(&w, PP_WIRE_OWN, PP_WIRE_ACTIVE, 7);
    pp_write8(&w, 3);
    pp_write_peer(&w, &peer);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "FLAGGED 3ab000000 active 0000000000000007, "));
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len - 1), "FLAGGED malformed"));
    w.data[PP_WIRE_HEADER] = 1; /* then no peer follows */
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "FLAGGED malformed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, PP_WIRE_HEADER + 1), "FLAGGED 1 active"));
    pp_writer_begin(&w, PP_WIRE_OWN + 1, 0, 7);
    pp_write64(&w, 1);
    pp_write(&w, peer.id.b, PP_ID_LEN);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "HELLO to ab000000 0000"));
    pp_writer_begin(&w, (PP_WIRE_OWN + 1) | PP_WIRE_REPLY, 0, 7);
    pp_write_page(&w, &peer, 1, 0, NULL, 0);
    pp_write8(&w, 9);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "HELLO reply 1 and 9 0000"));
    pp_writer_begin(&w, PP_WIRE_OWN + 3, 0, 7);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "unknown malformed"));
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, 4), "malformed, 4 octets"));
}

static void test_what_all_share(void)
{
    struct pp_writer w;
    struct pp_find find = {peer_number(3).id, 5, 2};
    char text[120], tiny[4];
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 7);
    pp_write_find(&w, &find);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "FIND key 03000000 k 5 from 2 "));
    pp_describe(pp_bytes(w.data, w.len - 1), own, 3, text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "FIND 0000000000000007, 31 octets")); /* by name alone */
    pp_writer_begin(&w, PP_WIRE_PING, 0, 7);
    pp_write_ping(&w, NULL);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "PING key 0"));
    pp_writer_begin(&w, PP_WIRE_PING | PP_WIRE_REPLY, 0, 7);
    pp_write_page(&w, NULL, 0, 0, NULL, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(words(&w, w.len), "PING reply 0 nearer"));
    pp_writer_begin(&w, PP_WIRE_OWN + 2, 0, 7);
    pp_describe(pp_bytes(w.data, w.len), own, 3, text, sizeof text);
    CU_ASSERT_PTR_NOT_NULL(strstr(text, "SHORT 0000"));
    pp_describe(pp_bytes(w.data, w.len), own, 3, tiny, sizeof tiny);
    CU_ASSERT_STRING_EQUAL(tiny, "SHO");
}

CHECK_MAIN("report", CHECK(test_sets), CHECK(test_bodies), CHECK(test_what_all_share))
