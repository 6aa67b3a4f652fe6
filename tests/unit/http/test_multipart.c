/* multipart/form-data: parts come out whole however the octets are cut, and nothing else does. */
#include <check.h>
#include <http/multipart.h>
#include <stdio.h>

struct sink {
    struct pp_buf log;
    size_t greed; /* most octets taken at once */
    unsigned refusals;
};

static int on_part(void *ctx, struct pp_bytes name)
{
    struct sink *s = ctx;
    pp_buf_printf(&s->log, "[%.*s:", (int)name.len, (const char *)name.data);
    return pp_bytes_is(name, "bad") ? PP_DENIED : 0;
}

/* Every second call takes nothing at all. */
static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    struct sink *s = ctx;
    if (s->greed < bytes.len && s->refusals++ % 2 == 0) {
        return 0;
    }
    size_t n = bytes.len < s->greed ? bytes.len : s->greed;
    pp_buf_add(&s->log, bytes.data, n);
    return n;
}

static void on_part_end(void *ctx)
{
    struct sink *s = ctx;
    pp_buf_add_str(&s->log, "]");
}

static const struct pp_multipart_events events = {on_part, on_data, on_part_end};

/* Feeds in steps; returns the verdict, leaves what came out in `out`. */
static int feed(struct pp_bytes body, size_t step, size_t greed, char *out, size_t cap)
{
    struct sink sink = {.greed = greed};
    struct pp_multipart *m = NULL;
    int err = pp_multipart_create(&m, pp_str("multipart/form-data; boundary=XyZ"), &events, &sink);
    CU_ASSERT_EQUAL_FATAL(err, 0);
    size_t at = 0, limit = step;
    while (err == 0 && at < body.len) {
        size_t taken = 0, end = limit < body.len ? limit : body.len;
        uint8_t *copy = malloc(end - at + 1);
        memcpy(copy, body.data + at, end - at);
        err = pp_multipart_feed(m, pp_bytes(copy, end - at), &taken);
        free(copy);
        at += taken;
        limit += at == end ? step : 0;
    }
    if (err == 0) {
        err = pp_multipart_end(m);
    }
    snprintf(out, cap, "%.*s", (int)sink.log.len, (const char *)sink.log.data);
    pp_multipart_destroy(m);
    pp_buf_free(&sink.log);
    return err;
}

static const char two_parts[] =
    "--XyZ\r\nContent-Disposition: form-data; name=\"certificates\"; filename=\"set.pem\"\r\n"
    "Content-Type: application/x-pem-file\r\n\r\nPEM\r\n"
    "\r\n--XyZ\r\ncontent-disposition: form-data; name=object\r\n\r\n"
    "a\r\n--Xy\r\r\n--XyQ\r\n-\r\n--XyZ--\r\n";
static const char two_parts_out[] = "[certificates:PEM\r\n][object:a\r\n--Xy\r\r\n--XyQ\r\n-]";

static void test_parts_come_out_however_they_are_cut(void)
{
    char out[256];
    for (size_t step = 1; step < sizeof two_parts; step++) {
        for (size_t greed = 1; greed < 64; greed += 7) {
            CU_ASSERT_EQUAL(feed(pp_str(two_parts), step, greed, out, sizeof out), 0);
            CU_ASSERT_STRING_EQUAL(out, two_parts_out);
        }
    }
}

static void test_every_cut_short_body_is_malformed(void)
{
    char out[256];
    size_t whole = sizeof two_parts - 1 - 2; /* the last line end may be missing */
    for (size_t len = 0; len < whole; len++) {
        CU_ASSERT_EQUAL(feed(pp_bytes(two_parts, len), 1000, 1000, out, sizeof out), PP_MALFORMED);
    }
    CU_ASSERT_EQUAL(feed(pp_bytes(two_parts, whole), 1000, 1000, out, sizeof out), 0);
}

#define PART "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\r\n\r\n"

static void test_malformed_bodies_are_refused(void)
{
    static const char *const bad[] = {
        "preamble\r\n" PART "x\r\n--XyZ--\r\n",
        PART "x\r\n--XyZ--\r\nepilogue",
        PART "x\r\n--XyZ--\r\n\r\n",
        PART "x\r\n--XyZ \r\n",
        PART "x\r\n--XyZ-\r\n",
        "--XyZ\r\n\r\nx\r\n--XyZ--\r\n",
        "--XyZ\r\nContent-Disposition: form-data\r\n\r\nx\r\n--XyZ--\r\n",
        "--XyZ\r\nContent-Disposition: attachment; name=\"a\"\r\n\r\nx\r\n--XyZ--\r\n",
        "--XyZ\r\nContent-Disposition: form-data; name=\"a\r\n\r\nx\r\n--XyZ--\r\n",
        "--XyZ\r\nContent-Disposition: form-data; name=\"a\"; name=\"b\"\r\n\r\nx\r\n--XyZ--\r\n",
        "--XyZ\r\nContent-Disposition: form-data; name=\"a\"\n\n\r\n\r\nx\r\n--XyZ--\r\n",
    };
    char out[256];
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        int err = feed(pp_str(bad[i]), 1000, 1000, out, sizeof out);
        if (err != PP_MALFORMED) {
            printf("\n    body %zu: %d", i, err);
        }
        CU_ASSERT_EQUAL(err, PP_MALFORMED);
    }
}

static void test_a_part_can_be_refused(void)
{
    char out[64];
    const char body[] = "--XyZ\r\nContent-Disposition: form-data; name=\"bad\"\r\n\r\nx";
    CU_ASSERT_EQUAL(feed(pp_str(body), 1000, 1000, out, sizeof out), PP_DENIED);
}

static void test_a_part_header_is_bounded(void)
{
    char body[2000], out[64];
    int n = snprintf(body, sizeof body, "--XyZ\r\nX: ");
    memset(body + n, 'x', 1500);
    body[n + 1500] = '\0';
    CU_ASSERT_EQUAL(feed(pp_str(body), 100, 1000, out, sizeof out), PP_MALFORMED);
}

static void test_content_types(void)
{
    static const struct {
        const char *type;
        int err;
    } cases[] = {
        {"multipart/form-data; boundary=abc", 0},
        {"Multipart/Form-Data;boundary=\"a b\"", 0},
        {"multipart/form-data; charset=utf-8; boundary=a'()+_,-./:=?b", PP_MALFORMED},
        {"multipart/form-data; charset=utf-8; boundary=\"a'()+_,-./:=?b\"", 0},
        {"multipart/mixed; boundary=abc", PP_MALFORMED},
        {"multipart/form-data", PP_MALFORMED},
        {"multipart/form-data; boundary=", PP_MALFORMED},
        {"multipart/form-data; boundary=\"\"", PP_MALFORMED},
        {"multipart/form-data; boundary=\"a \"", PP_MALFORMED},
        {"multipart/form-data; boundary=\"a", PP_MALFORMED},
        {"multipart/form-data; boundary=a; boundary=b", PP_MALFORMED},
        {"multipart/form-data; boundary="
         "0123456789012345678901234567890123456789012345678901234567890123456789x",
         PP_MALFORMED},
        {"", PP_MALFORMED},
    };
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pp_multipart *m = NULL;
        int err = pp_multipart_create(&m, pp_str(cases[i].type), &events, NULL);
        if (err != cases[i].err) {
            printf("\n    %s: %d", cases[i].type, err);
        }
        CU_ASSERT_EQUAL(err, cases[i].err);
        pp_multipart_destroy(m);
    }
}

static void test_the_writer_pleases_the_reader(void)
{
    struct pp_buf b = {0};
    char out[128];
    pp_multipart_open_part(&b, "XyZ", "certificates", "application/x-pem-file", true);
    pp_buf_add_str(&b, "PEM");
    pp_multipart_open_part(&b, "XyZ", "object", "application/octet-stream", false);
    pp_buf_add_str(&b, "octets");
    pp_multipart_close(&b, "XyZ");
    CU_ASSERT_EQUAL(feed(pp_buf_bytes(&b), 5, 1000, out, sizeof out), 0);
    CU_ASSERT_STRING_EQUAL(out, "[certificates:PEM][object:octets]");
    pp_buf_free(&b);
}

CHECK_MAIN("multipart", CHECK(test_parts_come_out_however_they_are_cut),
           CHECK(test_every_cut_short_body_is_malformed), CHECK(test_malformed_bodies_are_refused),
           CHECK(test_a_part_can_be_refused), CHECK(test_a_part_header_is_bounded),
           CHECK(test_content_types), CHECK(test_the_writer_pleases_the_reader))
