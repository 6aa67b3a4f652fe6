/* A notification's content as text: comes back exactly, and hostile text does not. */
#include <check.h>
#include <seal/notification_text.h>

#include "sample.h"

static void test_round_trip(void)
{
    struct pp_notification n, back = {0};
    struct pp_buf text = {0};
    sample_fill(&n, NULL);
    pp_buf_reserve(&text, PP_NOTIFICATION_ROOM);
    const uint8_t *where = text.data;
    CU_ASSERT_EQUAL(pp_notification_encode(&text, &n), PP_OK);
    CU_ASSERT_PTR_EQUAL(text.data, where);
    CU_ASSERT_EQUAL(pp_notification_decode(&back, pp_buf_bytes(&text)), PP_OK);
    CU_ASSERT_TRUE(sample_same(&n, &back));
    CU_ASSERT_PTR_NOT_NULL(strstr((char *)text.data, "Subject: odd%0Done%0A%2541 %7F%00end\r\n"));
    pp_notification_finish(&n);
    pp_notification_finish(&back);
    pp_buf_free(&text);
}

static void test_least(void)
{
    struct pp_notification n = {0}, back = {0};
    struct pp_buf text = {0};
    pp_buf_add_str(&n.recipient, "b@x");
    pp_buf_add_str(&n.object_id, "i");
    CU_ASSERT_EQUAL(pp_notification_encode(&text, &n), PP_OK);
    CU_ASSERT_EQUAL(pp_notification_decode(&back, pp_buf_bytes(&text)), PP_OK);
    CU_ASSERT_TRUE(sample_same(&n, &back));
    /* A later version's field is passed over; one of ours doubled is not. */
    pp_notification_finish(&back);
    pp_buf_add_str(&text, "New-Thing: yes\r\n");
    CU_ASSERT_EQUAL(pp_notification_decode(&back, pp_buf_bytes(&text)), PP_OK);
    pp_notification_finish(&back);
    pp_buf_add_str(&text, "Life: 1\r\n");
    CU_ASSERT_EQUAL(pp_notification_decode(&back, pp_buf_bytes(&text)), PP_MALFORMED);
    pp_notification_finish(&back);
    pp_notification_finish(&n);
    pp_buf_free(&text);
}

/* Each line left out, or cut anywhere: malformed unless the line was one that need not be there. */
static void test_lines_missing(void)
{
    struct pp_notification n;
    struct pp_buf text = {0};
    size_t refused = 0;
    sample_fill(&n, NULL);
    pp_notification_encode(&text, &n);
    char *line = strstr((char *)text.data, "\r\n\r\n") + 4;
    while (*line) {
        size_t len = (size_t)(strchr(line, '\n') - line) + 1;
        struct pp_buf without = {0};
        struct pp_notification back = {0};
        pp_buf_add(&without, text.data, (size_t)(line - (char *)text.data));
        pp_buf_add_str(&without, line + len);
        refused += pp_notification_decode(&back, pp_buf_bytes(&without)) == PP_MALFORMED;
        pp_notification_finish(&back);
        pp_buf_free(&without);
        line += len;
    }
    CU_ASSERT_EQUAL(refused, 9); /* version and the eight required */
    for (size_t cut = 0; cut < text.len; cut++) {
        struct pp_notification back = {0};
        int code = pp_notification_decode(&back, pp_bytes(text.data, cut));
        CU_ASSERT_TRUE(code == PP_MALFORMED || (cut && text.data[cut - 1] == '\n'));
        pp_notification_finish(&back);
    }
    pp_notification_finish(&n);
    pp_buf_free(&text);
}

static void test_hostile_values(void)
{
    static const char *const bad[] = {"Asked: 00\r\n",
                                      "Asked:\r\n",
                                      "Life: -1\r\n",
                                      "Life: 1x\r\n",
                                      "Life: \r\n",
                                      "Subject: %4\r\n",
                                      "Subject: %zz\r\n",
                                      "From:x\r\n",
                                      "no colon\r\n",
                                      "From: x\n",
                                      "From: x",
                                      "Deletion-Seed: 00\r\n",
                                      "Rollover: !\r\n",
                                      ": x\r\nFrom: a\n",
                                      "\r\n",
                                      "Object-Size: 75497473\r\n"};
    struct pp_notification n = {0};
    struct pp_buf base = {0};
    pp_buf_add_str(&n.recipient, "b@x");
    pp_buf_add_str(&n.object_id, "i");
    pp_notification_encode(&base, &n);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct pp_buf text = {0};
        struct pp_notification back = {0};
        pp_buf_add(&text, base.data, base.len);
        pp_buf_add_str(&text, bad[i]);
        CU_ASSERT_EQUAL(pp_notification_decode(&back, pp_buf_bytes(&text)), PP_MALFORMED);
        pp_notification_finish(&back);
        pp_buf_free(&text);
    }
    pp_notification_finish(&n);
    pp_buf_free(&base);
}

static void test_cut(void)
{
    static const struct {
        const char *in;
        size_t max;
        const char *out;
    } cases[] = {{"abcdef", 6, "abcdef"},
                 {"abcdefg", 6, "abc\xe2\x80\xa6"},
                 {"ab\xc3\xa9\xc3\xa9g", 6, "ab\xe2\x80\xa6"},
                 {"", 0, ""},
                 {"a", 0, ""}};
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        struct pp_buf out = {0};
        CU_ASSERT_EQUAL(pp_notification_cut(&out, pp_str(cases[i].in), cases[i].max), PP_OK);
        CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&out), cases[i].out));
        pp_buf_free(&out);
    }
}

static void test_long_fields_are_cut(void)
{
    struct pp_notification n = {0}, back = {0};
    struct pp_buf text = {0};
    pp_buf_add_str(&n.recipient, "b@x");
    pp_buf_add_str(&n.object_id, "i");
    for (int i = 0; i < 3000; i++) {
        pp_buf_add_str(&n.subject, "\xc3\xa9");
        pp_buf_add_str(&n.to, "t");
        pp_buf_add_str(&n.cc, "c");
    }
    CU_ASSERT_EQUAL(pp_notification_encode(&text, &n), PP_OK);
    CU_ASSERT_EQUAL(pp_notification_decode(&back, pp_buf_bytes(&text)), PP_OK);
    CU_ASSERT_TRUE(back.subject.len <= PP_FROM_MAX && back.subject.len > PP_FROM_MAX - 3);
    CU_ASSERT_EQUAL(back.to.len, 3000);
    CU_ASSERT_EQUAL(back.cc.len, PP_TO_CC_MAX - 3000);
    pp_notification_finish(&n);
    pp_notification_finish(&back);
    pp_buf_free(&text);
}

CHECK_MAIN("notification_text", CHECK(test_round_trip), CHECK(test_least),
           CHECK(test_lines_missing), CHECK(test_hostile_values), CHECK(test_cut),
           CHECK(test_long_fields_are_cut))
