/*
 * The strictness table: every request RFC 9112 forbids, or leaves to a lenient reader, is refused,
 * and what must be accepted is. Each is fed whole and octet by octet, with the same verdict.
 */
#include <check.h>
#include <http/parser.h>
#include <stdio.h>

struct result {
    int status; /* 0: accepted and complete; -1: wants more */
    char body[256];
    size_t body_len, used;
    char path[64], host[64], query[64];
    size_t fields;
    int64_t length;
    bool keep_alive, expect, has_query;
};

static void copy(char *out, size_t cap, struct pp_bytes b)
{
    snprintf(out, cap, "%.*s", (int)b.len, (const char *)b.data);
}

static void note_head(struct result *r, const struct pp_parser *p, const struct pp_parsed *out)
{
    copy(r->path, sizeof r->path, out->head.path);
    copy(r->host, sizeof r->host, out->head.host);
    copy(r->query, sizeof r->query, out->head.query);
    r->fields = out->head.n_fields;
    r->length = out->head.length;
    r->keep_alive = p->keep_alive;
    r->expect = out->head.expect_continue;
    r->has_query = out->head.has_query;
}

/* Offers `step` octets more each time, as a socket would. */
static struct result run(const void *data, size_t len, size_t step,
                         const struct pp_parser_limits *limits)
{
    static struct pp_parsed out;
    struct result r = {0};
    struct pp_parser p = {0};
    size_t start = 0, have = 0;
    for (;;) {
        size_t used = 0;
        /* An exact copy, so that a sanitizer sees one octet read too many. */
        uint8_t *copy_of = malloc(have - start + 1);
        memcpy(copy_of, (const uint8_t *)data + start, have - start);
        int event = pp_parser_next(&p, limits, pp_bytes(copy_of, have - start), &used, &out);
        if (event == PP_PARSE_HEAD) {
            note_head(&r, &p, &out);
        }
        if (event == PP_PARSE_BODY) {
            size_t n = out.body.len > 3 ? 3 : out.body.len; /* takes less than is offered */
            if (r.body_len + n < sizeof r.body) {
                memcpy(r.body + r.body_len, out.body.data, n);
            }
            r.body_len += n;
            pp_parser_took(&p, n);
            used += n;
        }
        free(copy_of);
        start += used;
        if (event == PP_PARSE_END || event < 0 || (event == PP_PARSE_MORE && have == len)) {
            r.status = event == PP_PARSE_END ? 0 : event < 0 ? out.status : -1;
            r.used = start;
            return r;
        }
        if (event == PP_PARSE_MORE) {
            have = have + step > len ? len : have + step;
        }
    }
}

static struct result parse(const char *text, size_t len)
{
    struct pp_parser_limits limits;
    pp_parser_limits_default(&limits);
    struct result whole = run(text, len, len ? len : 1, &limits);
    struct result drip = run(text, len, 1, &limits);
    CU_ASSERT_EQUAL(whole.status, drip.status);
    CU_ASSERT_EQUAL(whole.body_len, drip.body_len);
    if (whole.status == 0) {
        CU_ASSERT_EQUAL(whole.used, drip.used);
        CU_ASSERT_STRING_EQUAL(whole.path, drip.path);
    }
    return whole;
}

#define LIT(s) s, sizeof(s) - 1
#define H "Host: a\r\n"

struct line {
    const char *what, *text;
    size_t len;
    int status;
};

static const struct line table[] = {
    {"CL and TE",
     LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 3\r\nTransfer-Encoding: chunked\r\n"
         "\r\nabc"),
     400},
    {"TE and CL",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\nContent-Length: 3\r\n"
         "\r\n0\r\n\r\n"),
     400},
    {"two CL", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 3\r\nContent-Length: 4\r\n\r\n"), 400},
    {"two equal CL", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 3\r\ncontent-length: 3\r\n\r\n"),
     400},
    {"CL list", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 3, 3\r\n\r\nabc"), 400},
    {"CL +2", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: +2\r\n\r\nab"), 400},
    {"CL -1", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: -1\r\n\r\n"), 400},
    {"CL 0x2", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 0x2\r\n\r\nab"), 400},
    {"CL 2 2", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 2 2\r\n\r\nab"), 400},
    {"CL empty", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length:\r\n\r\n"), 400},
    {"CL 2^64+2", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 18446744073709551618\r\n\r\nab"),
     400},
    {"CL over the bound", LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 75497473\r\n\r\n"), 413},
    {"TE xchunked", LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n"),
     400},
    {"TE chunked, identity",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n"), 400},
    {"TE gzip, chunked",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), 400},
    {"TE identity", LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: identity\r\n\r\n"), 400},
    {"TE empty", LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding:\r\n\r\n"), 400},
    {"TE vertical tab", LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: \vchunked\r\n\r\n"), 400},
    {"two TE",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
         "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     400},
    {"TE in HTTP/1.0", LIT("PUT /a HTTP/1.0\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
     400},
    {"bare CR in a value", LIT("GET /a HTTP/1.1\r\n" H "X: a\rb\r\n\r\n"), 400},
    {"CR CR LF", LIT("GET /a HTTP/1.1\r\n" H "X: a\r\r\n\r\n"), 400},
    {"LF-only chunk line",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\nabc\r\n0\r\n\r\n"), 400},
    {"LF-only chunk data end",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabc\n0\r\n\r\n"), 400},
    {"chunk longer than its size",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3\r\nabcd\r\n0\r\n\r\n"), 400},
    {"chunk without size", LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n\r\n"),
     400},
    {"chunk size 0x3", LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0x3\r\n"),
     400},
    {"chunk size with space",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3 \r\nabc\r\n0\r\n\r\n"), 400},
    {"space before chunk size",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n 3\r\nabc\r\n0\r\n\r\n"), 400},
    {"chunk size of 16 digits",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0000000000000003\r\n"), 400},
    {"chunk over the bound",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\nfffffff\r\n"), 413},
    {"control in chunk extension",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;a=\1\r\nabc\r\n"), 400},
    {"bare LF in chunk extension",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3;a\nabc\r\n"), 400},
    {"malformed trailer",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nnonsense\r\n\r\n"), 400},
    {"folded trailer",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\r\n c\r\n\r\n"), 400},
    {"LF-only trailer",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n0\r\nA: b\n\r\n"), 400},
    {"space before colon", LIT("GET /a HTTP/1.1\r\nHost : a\r\n\r\n"), 400},
    {"tab before colon", LIT("GET /a HTTP/1.1\r\n" H "X\t: a\r\n\r\n"), 400},
    {"no colon", LIT("GET /a HTTP/1.1\r\n" H "nonsense\r\n\r\n"), 400},
    {"no name", LIT("GET /a HTTP/1.1\r\n" H ": a\r\n\r\n"), 400},
    {"bare LF after the request line", LIT("GET /a HTTP/1.1\nHost: a\r\n\r\n"), 400},
    {"bare LF after a field", LIT("GET /a HTTP/1.1\r\nHost: a\n\r\n"), 400},
    {"bare LF as the empty line", LIT("GET /a HTTP/1.1\r\n" H "\n"), 400},
    {"obs-fold", LIT("GET /a HTTP/1.1\r\n" H "X: a\r\n b\r\n\r\n"), 400},
    {"obs-fold by tab", LIT("GET /a HTTP/1.1\r\n" H "X: a\r\n\tb\r\n\r\n"), 400},
    {"space before the first field", LIT("GET /a HTTP/1.1\r\n Host: a\r\n\r\n"), 400},
    {"no Host", LIT("GET /a HTTP/1.1\r\nX: a\r\n\r\n"), 400},
    {"two Host", LIT("GET /a HTTP/1.1\r\n" H H "\r\n"), 400},
    {"empty Host", LIT("GET /a HTTP/1.1\r\nHost:\r\n\r\n"), 400},
    {"Host with user", LIT("GET /a HTTP/1.1\r\nHost: u@a\r\n\r\n"), 400},
    {"Host list", LIT("GET /a HTTP/1.1\r\nHost: a, b\r\n\r\n"), 400},
    {"Host with path", LIT("GET /a HTTP/1.1\r\nHost: a/b\r\n\r\n"), 400},
    {"HTTP/9.9", LIT("GET /a HTTP/9.9\r\n" H "\r\n"), 400},
    {"HTTP/2.0", LIT("GET /a HTTP/2.0\r\n" H "\r\n"), 400},
    {"HTTP/1.10", LIT("GET /a HTTP/1.10\r\n" H "\r\n"), 400},
    {"http/1.1", LIT("GET /a http/1.1\r\n" H "\r\n"), 400},
    {"no version", LIT("GET /a\r\n" H "\r\n"), 400},
    {"two spaces", LIT("GET  /a HTTP/1.1\r\n" H "\r\n"), 400},
    {"tab in the request line", LIT("GET\t/a HTTP/1.1\r\n" H "\r\n"), 400},
    {"space in the target", LIT("GET /a b HTTP/1.1\r\n" H "\r\n"), 400},
    {"space after the version", LIT("GET /a HTTP/1.1 \r\n" H "\r\n"), 400},
    {"control octet in a value", LIT("GET /a HTTP/1.1\r\n" H "X: a\1b\r\n\r\n"), 400},
    {"DEL in a value", LIT("GET /a HTTP/1.1\r\n" H "X: a\177b\r\n\r\n"), 400},
    {"NUL in a value", LIT("GET /a HTTP/1.1\r\n" H "X: a\0b\r\n\r\n"), 400},
    {"NUL in a name", LIT("GET /a HTTP/1.1\r\n" H "X\0: a\r\n\r\n"), 400},
    {"NUL in the target", LIT("GET /a\0b HTTP/1.1\r\n" H "\r\n"), 400},
    {"octet above ASCII in the target", LIT("GET /\xc3\xa4 HTTP/1.1\r\n" H "\r\n"), 400},
    {"octet above ASCII in a name", LIT("GET /a HTTP/1.1\r\n" H "\xc3\xa4: a\r\n\r\n"), 400},
    {"fragment in the target", LIT("GET /a#b HTTP/1.1\r\n" H "\r\n"), 400},
    {"asterisk-form", LIT("OPTIONS * HTTP/1.1\r\n" H "\r\n"), 400},
    {"authority-form", LIT("CONNECT a:443 HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute-form with user", LIT("GET http://u@h/a HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute-form of another scheme", LIT("GET ftp://h/a HTTP/1.1\r\n" H "\r\n"), 400},
    {"absolute-form without host", LIT("GET http:///a HTTP/1.1\r\n" H "\r\n"), 400},
    {"another expectation", LIT("PUT /a HTTP/1.1\r\n" H "Expect: 200-ok\r\n\r\n"), 417},
    {"TLS on a plain port", LIT("\x16\x03\x01\x02\x00\x01"), 400},
    {"two empty lines first", LIT("\r\n\r\nGET /a HTTP/1.1\r\n" H "\r\n"), 400},
    {"bare CR first", LIT("\r\r\n\r\n"), 400},
    {"bare LF first", LIT("\nGET /a HTTP/1.1\r\n" H "\r\n"), 400},
    /* to be accepted */
    {"plain", LIT("GET /a HTTP/1.1\r\n" H "\r\n"), 0},
    {"one empty line first", LIT("\r\nGET /a HTTP/1.1\r\n" H "\r\n"), 0},
    {"pipelined", LIT("GET /a HTTP/1.1\r\n" H "\r\nGET /b HTTP/1.1\r\n" H "\r\n"), 0},
    {"chunk extension",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
         "3;a=b;c=\"d e\" \r\nabc\r\n0\r\n\r\n"),
     0},
    {"white space before an extension",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n"
         "\r\n3 ;a\r\nabc\r\n0\r\n\r\n"),
     0},
    {"trailers",
     LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: Chunked\r\n\r\n"
         "3\r\nabc\r\n0\r\nA: b\r\nC:\r\n\r\n"),
     0},
    {"expect", LIT("PUT /a HTTP/1.1\r\n" H "Expect: 100-Continue\r\nContent-Length: 3\r\n\r\nabc"),
     0},
    {"absolute-form", LIT("GET http://h:80/a?q HTTP/1.1\r\n" H "\r\n"), 0},
    {"absolute-form without path", LIT("GET https://h HTTP/1.1\r\n" H "\r\n"), 0},
    {"HTTP/1.0", LIT("GET /a HTTP/1.0\r\n\r\n"), 0},
    {"HTTP/1.0 keep-alive", LIT("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n"), 0},
    {"IPv6 Host", LIT("GET /a HTTP/1.1\r\nHost: [::1]:80\r\n\r\n"), 0},
    {"obs-text and HTAB in a value", LIT("GET /a HTTP/1.1\r\n" H "X: \xc3\xa4\tb\r\n\r\n"), 0},
    {"empty value", LIT("GET /a HTTP/1.1\r\n" H "X:\r\n\r\n"), 0},
    {"unknown method", LIT("BREW /a HTTP/1.1\r\n" H "\r\n"), 0},
};

static void test_the_strictness_table(void)
{
    for (size_t i = 0; i < sizeof table / sizeof *table; i++) {
        struct result r = parse(table[i].text, table[i].len);
        if (r.status != table[i].status) {
            printf("\n    %s: %d, wanted %d", table[i].what, r.status, table[i].status);
        }
        CU_ASSERT_EQUAL(r.status, table[i].status);
    }
}

/* A head with `n` octets of request line, or fields, around a bound. */
static struct result sized(size_t line, size_t fields, size_t value)
{
    struct pp_buf b = {0};
    pp_buf_add_str(&b, "GET /");
    for (size_t i = strlen("GET / HTTP/1.1"); i < line; i++) {
        pp_buf_add_str(&b, "a");
    }
    pp_buf_add_str(&b, " HTTP/1.1\r\n" H);
    for (size_t i = 1; i < fields; i++) {
        pp_buf_add_str(&b, "X: ");
        for (size_t j = 0; j < value; j++) {
            pp_buf_add_str(&b, "v");
        }
        pp_buf_add_str(&b, "\r\n");
    }
    pp_buf_add_str(&b, "\r\n");
    struct result r = parse((const char *)b.data, b.len);
    pp_buf_free(&b);
    return r;
}

static void test_lines_headers_and_fields_are_bounded(void)
{
    CU_ASSERT_EQUAL(sized(8192, 1, 0).status, 0);
    CU_ASSERT_EQUAL(sized(8193, 1, 0).status, 414);
    CU_ASSERT_EQUAL(sized(20, 64, 1).status, 0);
    CU_ASSERT_EQUAL(sized(20, 65, 1).status, 431);
    CU_ASSERT_EQUAL(sized(20, 2, 32000).status, 0);
    CU_ASSERT_EQUAL(sized(20, 2, 32768).status, 431);
    CU_ASSERT_EQUAL(sized(20, 60, 600).status, 431);
}

/* Refused as soon as it is known, without waiting for a line end that never comes. */
static void test_an_endless_line_is_refused_before_its_end(void)
{
    char endless[40000];
    memset(endless, 'a', sizeof endless);
    CU_ASSERT_EQUAL(parse(endless, 9000).status, 414);
    memcpy(endless, "GET /a HTTP/1.1\r\n", 17);
    CU_ASSERT_EQUAL(parse(endless, 33000).status, 431);
    CU_ASSERT_EQUAL(parse(endless, 1000).status, -1);
}

static struct result chunked(const char *size_line_tail, size_t extension, const char *trailer_name,
                             size_t trailer)
{
    struct pp_buf b = {0};
    pp_buf_add_str(&b, "PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n3");
    pp_buf_add_str(&b, size_line_tail);
    for (size_t i = 0; i < extension; i++) {
        pp_buf_add_str(&b, "e");
    }
    pp_buf_add_str(&b, "\r\nabc\r\n0\r\n");
    pp_buf_add_str(&b, trailer_name);
    for (size_t i = 0; i < trailer; i++) {
        pp_buf_add_str(&b, "t");
    }
    pp_buf_add_str(&b, trailer > 0 ? "\r\n\r\n" : "\r\n");
    struct result r = parse((const char *)b.data, b.len);
    pp_buf_free(&b);
    return r;
}

static void test_chunk_extensions_and_trailers_are_bounded(void)
{
    CU_ASSERT_EQUAL(chunked(";", 200, "", 0).status, 0);
    CU_ASSERT_EQUAL(chunked(";", 300, "", 0).status, 400);
    CU_ASSERT_EQUAL(chunked("", 0, "T:", 900).status, 0);
    CU_ASSERT_EQUAL(chunked("", 0, "T:", 1100).status, 400);
}

static void test_bodies_come_out_as_they_went_in(void)
{
    struct result r = parse(LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 11\r\n\r\nhello world"));
    CU_ASSERT_EQUAL(r.body_len, 11);
    CU_ASSERT_EQUAL(memcmp(r.body, "hello world", 11), 0);
    CU_ASSERT_EQUAL(r.length, 11);
    r = parse(LIT("PUT /a HTTP/1.1\r\n" H "Transfer-Encoding: chunked\r\n\r\n"
                  "5\r\nhello\r\n001;x\r\n \r\n5\r\nworld\r\n0\r\nT: x\r\n\r\nGET"));
    CU_ASSERT_EQUAL(r.body_len, 11);
    CU_ASSERT_EQUAL(memcmp(r.body, "hello world", 11), 0);
    CU_ASSERT_EQUAL(r.length, -1);
    r = parse(LIT("PUT /a HTTP/1.1\r\n" H "Content-Length: 0\r\n\r\nGET"));
    CU_ASSERT_EQUAL(r.body_len, 0);
    CU_ASSERT_EQUAL(r.status, 0);
}

static void test_what_follows_belongs_to_the_next_request(void)
{
    const char two[] = "PUT /a HTTP/1.1\r\n" H "Content-Length: 3\r\n\r\nabcGET /b HTTP/1.1\r\n";
    struct result r = parse(two, sizeof two - 1);
    CU_ASSERT_STRING_EQUAL(two + r.used, "GET /b HTTP/1.1\r\n");
}

static void test_targets_are_taken_apart(void)
{
    struct result r = parse(LIT("GET /a%2Fb?k=1?2 HTTP/1.1\r\n" H "\r\n"));
    CU_ASSERT_STRING_EQUAL(r.path, "/a%2Fb");
    CU_ASSERT_STRING_EQUAL(r.query, "k=1?2");
    CU_ASSERT_STRING_EQUAL(r.host, "a");
    r = parse(LIT("GET http://other:8080?q HTTP/1.1\r\n" H "\r\n"));
    CU_ASSERT_STRING_EQUAL(r.path, "/");
    CU_ASSERT_STRING_EQUAL(r.query, "q");
    CU_ASSERT_STRING_EQUAL(r.host, "other:8080");
    r = parse(LIT("GET /a? HTTP/1.1\r\n" H "\r\n"));
    CU_ASSERT_TRUE(r.has_query);
    r = parse(LIT("GET /a HTTP/1.1\r\n" H "\r\n"));
    CU_ASSERT_FALSE(r.has_query);
}

static void test_who_may_send_another_request(void)
{
    CU_ASSERT_TRUE(parse(LIT("GET /a HTTP/1.1\r\n" H "\r\n")).keep_alive);
    CU_ASSERT_FALSE(parse(LIT("GET /a HTTP/1.1\r\n" H "Connection: x, Close\r\n\r\n")).keep_alive);
    CU_ASSERT_TRUE(parse(LIT("GET /a HTTP/1.1\r\n" H "Connection: closet\r\n\r\n")).keep_alive);
    CU_ASSERT_FALSE(parse(LIT("GET /a HTTP/1.0\r\nConnection: keep-alive\r\n\r\n")).keep_alive);
}

static void test_an_expectation_needs_http_1_1(void)
{
    CU_ASSERT_TRUE(parse(LIT("PUT /a HTTP/1.1\r\n" H "Expect: 100-continue\r\n"
                             "Content-Length: 1\r\n\r\na"))
                       .expect);
    CU_ASSERT_FALSE(parse(LIT("PUT /a HTTP/1.0\r\n" H "Expect: 100-continue\r\n"
                              "Content-Length: 1\r\n\r\na"))
                        .expect);
}

CHECK_MAIN("parser", CHECK(test_the_strictness_table),
           CHECK(test_lines_headers_and_fields_are_bounded),
           CHECK(test_an_endless_line_is_refused_before_its_end),
           CHECK(test_chunk_extensions_and_trailers_are_bounded),
           CHECK(test_bodies_come_out_as_they_went_in),
           CHECK(test_what_follows_belongs_to_the_next_request),
           CHECK(test_targets_are_taken_apart), CHECK(test_who_may_send_another_request),
           CHECK(test_an_expectation_needs_http_1_1))
