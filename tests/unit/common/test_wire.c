/* Headers, peers and pages: what is written is read; what is cut or bent is refused. */
#include <check.h>
#include <common/wire.h>

#include "peers.h"

static void test_page_round_trip(void)
{
    struct pp_peer peers[3] = {peer_number(1), peer_v6(2), peer_number(3)};
    uint8_t extra[3 * 5];
    struct pp_writer w;
    struct pp_header header;
    struct pp_page page;
    memset(extra, 7, sizeof extra);
    pp_writer_begin(&w, 9, PP_WIRE_ACTIVE, 0x1122334455667788u);
    CU_ASSERT_EQUAL(w.len, PP_WIRE_HEADER);
    CU_ASSERT_EQUAL(pp_write_page(&w, peers, 3, 1, extra, 5), 2);
    struct pp_reader r = pp_reader(pp_bytes(w.data, w.len));
    CU_ASSERT_EQUAL(pp_read_header(&r, &header), PP_OK);
    CU_ASSERT_EQUAL(header.kind, 9);
    CU_ASSERT_EQUAL(header.flags, PP_WIRE_ACTIVE);
    CU_ASSERT_EQUAL(header.id, 0x1122334455667788u);
    pp_read_page(&r, &page, 5);
    CU_ASSERT_TRUE(pp_read_done(&r));
    CU_ASSERT_EQUAL(page.from, 1);
    CU_ASSERT_EQUAL(page.n, 2);
    CU_ASSERT_FALSE(page.more);
    CU_ASSERT_EQUAL(memcmp(page.peers, peers + 1, 2 * sizeof *peers), 0);
    CU_ASSERT_EQUAL(memcmp(page.extra[1], extra, 5), 0);
}

static void test_pages_hold_what_fits(void)
{
    struct pp_peer v4[64], v6[64];
    struct pp_writer w;
    for (uint8_t i = 0; i < 64; i++) {
        v4[i] = peer_number((uint8_t)(i + 1));
        v6[i] = peer_v6((uint8_t)(i + 1));
    }
    pp_writer_begin(&w, 1, 0, 1);
    CU_ASSERT_EQUAL(pp_write_page(&w, v4, 64, 0, NULL, 0), 38);
    CU_ASSERT_TRUE(w.len <= PP_PAYLOAD_MAX && !w.failed);
    pp_writer_begin(&w, 1, 0, 1);
    size_t first = pp_write_page(&w, v6, 32, 0, NULL, 0);
    CU_ASSERT_EQUAL(first, 27);
    CU_ASSERT_EQUAL(w.data[PP_WIRE_HEADER + 1], 1); /* more */
    pp_writer_begin(&w, 1, 0, 1);
    CU_ASSERT_EQUAL(pp_write_page(&w, v6, 32, first, NULL, 0), 5);
    CU_ASSERT_EQUAL(w.data[PP_WIRE_HEADER + 1], 0);
    pp_writer_begin(&w, 1, 0, 1);
    CU_ASSERT_EQUAL(pp_write_page(&w, v6, 3, 200, NULL, 0), 0); /* from beyond the end */
}

static void test_every_cut_is_refused(void)
{
    struct pp_peer peers[2] = {peer_number(1), peer_v6(2)};
    struct pp_writer w;
    pp_writer_begin(&w, 1, 0, 1);
    pp_write_page(&w, peers, 2, 0, NULL, 0);
    for (size_t len = 0; len < w.len; len++) {
        struct pp_reader r = pp_reader(pp_bytes(w.data, len));
        struct pp_header header;
        struct pp_page page;
        int code = pp_read_header(&r, &header);
        CU_ASSERT_EQUAL(code, len < PP_WIRE_HEADER ? PP_MALFORMED : PP_OK);
        pp_read_page(&r, &page, 0);
        CU_ASSERT_FALSE(pp_read_done(&r));
        CU_ASSERT_EQUAL(page.n, 0);
    }
    struct pp_reader r = pp_reader(pp_bytes(w.data, w.len));
    struct pp_header header;
    pp_read_header(&r, &header);
    CU_ASSERT_FALSE(pp_read_done(&r)); /* something is left over */
}

static void refused(void (*bend)(uint8_t *page))
{
    struct pp_peer peer = peer_number(1);
    struct pp_writer w;
    struct pp_page page;
    pp_writer_begin(&w, 1, 0, 1);
    pp_write_page(&w, &peer, 1, 0, NULL, 0);
    bend(w.data + PP_WIRE_HEADER);
    struct pp_reader r = pp_reader(pp_bytes(w.data + PP_WIRE_HEADER, w.len - PP_WIRE_HEADER));
    pp_read_page(&r, &page, 0);
    CU_ASSERT_FALSE(pp_read_done(&r));
}

static void too_many(uint8_t *page)
{
    page[2] = PP_PAGE_MAX + 1;
}

static void unknown_flag(uint8_t *page)
{
    page[3] = 2;
}

static void no_id(uint8_t *page)
{
    page[4] = 0;
}

static void no_port(uint8_t *page)
{
    page[3 + 1 + PP_ID_LEN + 4] = page[3 + 1 + PP_ID_LEN + 5] = 0;
}

static void test_bent_pages_are_refused(void)
{
    refused(too_many);
    refused(unknown_flag);
    refused(no_id);
    refused(no_port);
}

static void test_writer_never_overflows(void)
{
    struct pp_writer w;
    pp_writer_begin(&w, 1, 0, 1);
    for (int i = 0; i < 1000; i++) {
        pp_write64(&w, 1);
    }
    CU_ASSERT_TRUE(w.failed);
    CU_ASSERT_TRUE(w.len <= PP_PAYLOAD_MAX);
}

CHECK_MAIN("wire", CHECK(test_page_round_trip), CHECK(test_pages_hold_what_fits),
           CHECK(test_every_cut_is_refused), CHECK(test_bent_pages_are_refused),
           CHECK(test_writer_never_overflows))
