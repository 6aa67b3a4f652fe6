/* Pastry's datagrams: what is written is read, and nothing else is. */
#include <check.h>
#include <substrate-pastry/messages.h>

static struct pp_reader body(const struct pp_writer *w)
{
    struct pp_reader r = pp_reader(pp_bytes(w->data, w->len));
    struct pp_header header;
    CHECK_FATAL(pp_read_header(&r, &header) == PP_OK);
    return r;
}

static void begin(struct pp_writer *w)
{
    pp_writer_begin(w, PASTRY_JOIN, 0, 7);
}

static void fill(struct pp_peer *peers, size_t n)
{
    memset(peers, 0, n * sizeof *peers);
    for (size_t i = 0; i < n; i++) {
        peers[i].id.b[0] = (uint8_t)(i + 1);
        peers[i].address[10] = peers[i].address[11] = 0xff;
        peers[i].address[15] = (uint8_t)(i + 1);
        peers[i].udp = 4700;
    }
}

static void test_join(void)
{
    for (unsigned v = 0; v < 4; v++) {
        struct pp_writer w;
        enum pastry_side side;
        begin(&w);
        pp_write8(&w, (uint8_t)v);
        struct pp_reader r = body(&w);
        CU_ASSERT_EQUAL(pastry_read_join(&r, &side), v < 2 ? PP_OK : PP_MALFORMED);
        if (v < 2) {
            CU_ASSERT_EQUAL(side, v ? PASTRY_RIGHT : PASTRY_LEFT);
        }
        begin(&w);
        pastry_write_join(&w, v ? PASTRY_RIGHT : PASTRY_LEFT);
        r = body(&w);
        CU_ASSERT_EQUAL(pastry_read_join(&r, &side), PP_OK);
        CU_ASSERT_EQUAL(side, v ? PASTRY_RIGHT : PASTRY_LEFT);
        pp_write8(&w, 0);
        r = body(&w);
        CU_ASSERT_EQUAL(pastry_read_join(&r, &side), PP_MALFORMED); /* something is left over */
    }
}

static void test_verdict(void)
{
    struct pp_peer peers[5];
    fill(peers, 5);
    for (unsigned v = 0; v <= 3; v++) {
        struct pp_writer w;
        struct pastry_joined read;
        begin(&w);
        pastry_write_joined(&w, (enum pastry_verdict)v, peers, 5);
        struct pp_reader r = body(&w);
        CU_ASSERT_EQUAL(pastry_read_joined(&r, &read), v <= 2 ? PP_OK : PP_MALFORMED);
        CU_ASSERT_EQUAL(read.page.n, 5);
        if (v <= 2) {
            CU_ASSERT_EQUAL(read.verdict, v);
        }
        w.len--;
        r = body(&w);
        CU_ASSERT_EQUAL(pastry_read_joined(&r, &read), PP_MALFORMED); /* cut off */
    }
}

static void test_row(void)
{
    static const unsigned rows[] = {0, 39, 159, 160, 255};
    for (size_t i = 0; i < 5; i++) {
        struct pp_writer w;
        struct pastry_row sent = {(uint8_t)rows[i], 9}, read;
        begin(&w);
        pastry_write_row(&w, &sent);
        struct pp_reader r = body(&w);
        CU_ASSERT_EQUAL(pastry_read_row(&r, &read), rows[i] < 160 ? PP_OK : PP_MALFORMED);
        CU_ASSERT_TRUE(read.row == rows[i] && read.from == 9);
    }
}

/* A row of 255 peers is told in pages. */
static void test_rows_in_pages(void)
{
    static struct pp_peer peers[255];
    size_t seen = 0;
    fill(peers, 255);
    for (bool more = true; more && seen < 255;) {
        struct pp_writer w;
        struct pastry_rows read;
        begin(&w);
        pastry_write_rows(&w, 3, peers, 255, (uint8_t)seen);
        struct pp_reader r = body(&w);
        CHECK_FATAL(!w.failed && pastry_read_rows(&r, &read) == PP_OK && read.page.n > 0);
        CU_ASSERT_TRUE(read.row == 3 && read.page.from == seen);
        CU_ASSERT_EQUAL(memcmp(read.page.peers, peers + seen, read.page.n * sizeof *peers), 0);
        seen += read.page.n;
        more = read.page.more;
        CU_ASSERT_EQUAL(more, seen < 255);
    }
    CU_ASSERT_EQUAL(seen, 255);
}

CHECK_MAIN("pastry messages", CHECK(test_join), CHECK(test_verdict), CHECK(test_row),
           CHECK(test_rows_in_pages))
