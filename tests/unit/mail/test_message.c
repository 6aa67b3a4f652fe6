/* Header lines: what is added, stripped, renamed, and that all else stays octet for octet. */
#include <mail/message.h>

#include <check.h>
#include <stdio.h>

static struct pp_buf out;

static struct pp_bytes lit(const char *s, size_t n)
{
    return pp_bytes(s, n - 1);
}
#define LIT(s) lit(s, sizeof(s))

static bool is(const char *s)
{
    bool same = pp_bytes_is(pp_buf_bytes(&out), s);
    if (!same) {
        printf("\n--- got\n%.*s\n--- wanted\n%s\n", (int)out.len, (const char *)out.data, s);
    }
    pp_buf_free(&out);
    return same;
}

static size_t length(const char *text)
{
    size_t n = 99;
    CU_ASSERT_TRUE(pp_header_length(pp_str(text), true, &n));
    return n;
}

static void test_header_length(void)
{
    size_t n;
    CU_ASSERT_EQUAL(length("A: b\n\nbody"), 6);
    CU_ASSERT_EQUAL(length("A: b\r\nC: d\r\n\r\nbody"), 14);
    CU_ASSERT_EQUAL(length("A: b\n"), 5);
    CU_ASSERT_EQUAL(length("A: b"), 4);
    CU_ASSERT_EQUAL(length("hello there\n\nA: b\n"), 0);
    CU_ASSERT_EQUAL(length(""), 0);
    CU_ASSERT_EQUAL(length("\nbody"), 0);
    CU_ASSERT_EQUAL(length("From x Mon\nA: b\n\nc"), 17);
    CU_ASSERT_FALSE(pp_header_length(pp_str("A: b\nC: d\n"), false, &n));
    CU_ASSERT_FALSE(pp_header_length(pp_str("A"), false, &n));
    CU_ASSERT_TRUE(pp_header_length(pp_str("A: b\n\n"), false, &n));
}

static void test_fields_and_folds(void)
{
    struct pp_bytes header = pp_str("A: one\r\n two\r\nno field here\r\nb :  three\r\n\r\n");
    struct pp_header_field f;
    size_t at = 0;
    CU_ASSERT(pp_header_next(header, &at, &f) && pp_bytes_is(f.name, "A"));
    pp_header_text(&out, f.value, 100);
    CU_ASSERT(is("one two"));
    CU_ASSERT(pp_header_next(header, &at, &f) && f.name.len == 0);
    CU_ASSERT(pp_header_next(header, &at, &f) && pp_bytes_is(f.name, "b"));
    CU_ASSERT_FALSE(pp_header_next(header, &at, &f));
    CU_ASSERT(pp_header_find(header, "B", &f));
    CU_ASSERT_FALSE(pp_header_find(header, "C", &f));
}

static void test_texts_are_cut_on_a_character(void)
{
    pp_header_text(&out, pp_str(" \xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4\xc3\xa4 "), 8);
    CU_ASSERT(is("\xc3\xa4\xc3\xa4\xe2\x80\xa6"));
    pp_header_text(&out, LIT("a\0b\x1b[2J"), 100);
    CU_ASSERT(is("a b [2J"));
    pp_header_texts(&out, pp_str("To: a@x\nCc: c@x\nTo: b@x\n\n"), "To", 100);
    CU_ASSERT(is("a@x, b@x"));
}

static int collect(void *ctx, struct pp_bytes address)
{
    (void)ctx;
    pp_buf_add(&out, address.data, address.len);
    return pp_buf_add_str(&out, "|");
}

static void addresses(const char *text)
{
    CU_ASSERT_EQUAL(pp_header_addresses(pp_str(text), collect, NULL), 0);
}

static void test_addresses(void)
{
    addresses("a@x, Bob <b@x>, \"C, D\" <c@x> (note, e@x)");
    CU_ASSERT(is("a@x|b@x|c@x|"));
    addresses("friends: a@x, b@x;, c@x");
    CU_ASSERT(is("a@x|b@x|c@x|"));
    addresses("undisclosed-recipients:;");
    CU_ASSERT(is(""));
    addresses("\"odd local\"@x,\r\n <@relay:d@x>, (comment (nested)) e@x");
    CU_ASSERT(is("\"odd local\"@x|d@x|e@x|"));
    addresses("<a@x");
    CU_ASSERT(is("a@x|"));
    addresses("nobody, <>, ,");
    CU_ASSERT(is(""));
}

static void prepare(struct pp_bytes text)
{
    struct pp_prepare p = {pp_str("me@x"), 1764036389, pp_str("id@y")};
    size_t n;
    CU_ASSERT(pp_header_length(text, true, &n));
    CU_ASSERT_EQUAL(pp_message_prepare(&out, pp_bytes(text.data, n), &p), 0);
}

static void test_prepare(void)
{
    prepare(pp_str("From: a@x\nBcc: b@x,\n c@x\nDate: d\nTo: e@x\nBCC: f@x\nMessage-Id: <1>\n\nb"));
    CU_ASSERT(is("From: a@x\r\nDate: d\r\nTo: e@x\r\nMessage-Id: <1>\r\n\r\n"));
    prepare(pp_str("Subject: s\n\n"));
    CU_ASSERT(is("From: me@x\r\nDate: Tue, 25 Nov 2025 02:06:29 +0000\r\nMessage-ID: <id@y>\r\n"
                 "Subject: s\r\n\r\n"));
    prepare(pp_str("just text\n"));
    CU_ASSERT(is("From: me@x\r\nDate: Tue, 25 Nov 2025 02:06:29 +0000\r\nMessage-ID: <id@y>\r\n"
                 "\r\n"));
    prepare(pp_str("From me Mon\nFrom: a\nDate: d\nMessage-ID: i\n"));
    CU_ASSERT(is("From: a\r\nDate: d\r\nMessage-ID: i\r\n"));
}

static void test_line_ends_both_ways(void)
{
    static const char mixed[] = "a\nb\r\nc\rd\0e\r\r\nf\xff\r";
    struct pp_buf crlf = {0}, lf = {0};
    /* in every cut into two pieces the same octets */
    for (size_t cut = 0; cut < sizeof mixed; cut++) {
        struct pp_crlf to = {0};
        struct pp_lf back = {0};
        crlf.len = lf.len = 0;
        pp_crlf_add(&to, &crlf, pp_bytes(mixed, cut));
        pp_crlf_add(&to, &crlf, pp_bytes(mixed + cut, sizeof mixed - 1 - cut));
        CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&crlf), LIT("a\r\nb\r\nc\rd\0e\r\r\nf\xff\r")));
        size_t half = cut < crlf.len ? cut : crlf.len;
        pp_lf_add(&back, &lf, pp_bytes(crlf.data, half), false);
        pp_lf_add(&back, &lf, pp_bytes(crlf.data + half, crlf.len - half), true);
        CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&lf), LIT("a\nb\nc\rd\0e\r\nf\xff\r")));
    }
    pp_buf_free(&crlf);
    pp_buf_free(&lf);
}

static void test_deliver(void)
{
    struct pp_delivery d = {pp_str("a@x"), pp_str("b@x"), "z; smime=none"};
    struct pp_bytes header =
        pp_str("Return-Path: <evil@x>\r\nSubject: s\r\n more\r\nauthentication-results: pass\r\n"
               "Delivered-To: q@x\r\n\r\n");
    CU_ASSERT_EQUAL(pp_message_deliver(&out, header, &d), 0);
    CU_ASSERT(is("Return-Path: <a@x>\nDelivered-To: b@x\nAuthentication-Results: z; smime=none\n"
                 "X-Original-Return-Path: <evil@x>\nSubject: s\n more\n"
                 "X-Original-authentication-results: pass\nX-Original-Delivered-To: q@x\n\n"));
}

CHECK_MAIN("message", CHECK(test_header_length), CHECK(test_fields_and_folds),
           CHECK(test_texts_are_cut_on_a_character), CHECK(test_addresses), CHECK(test_prepare),
           CHECK(test_line_ends_both_ways), CHECK(test_deliver))
