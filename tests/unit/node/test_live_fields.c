/* The fields of a request: what is read, what is 400. */
#include <check.h>
#include <node/live_internal.h>

static struct pp_live live = {.authority = "00.peerpost.alt"};

static int parse(struct live_request *q, enum pp_primitive primitive, const char *const *pairs)
{
    struct pp_field fields[8];
    size_t n = 0;
    const char *why = NULL;
    memset(q, 0, sizeof *q);
    q->live = &live;
    q->r.primitive = primitive;
    for (; pairs[2 * n]; n++) {
        fields[n] = (struct pp_field){pp_str(pairs[2 * n]), pp_str(pairs[2 * n + 1])};
    }
    struct pp_request_head head = {
        .method = pp_str("PUT"), .path = pp_str("/x"), .fields = fields, .n_fields = n};
    int code = live_parse_fields(q, &head, &why);
    CU_ASSERT_TRUE(code == PP_OK || strlen(why) > 20);
    return code;
}

static void finish(struct live_request *q)
{
    pp_buf_free(&q->certificate);
    pp_buf_free(&q->salt);
    pp_hash_destroy(q->hash);
    if (q->is_signed) {
        pp_signed_finish(&q->signature);
    }
}

#define FIELDS(...) ((const char *const[]){__VA_ARGS__, NULL})

static void test_what_is_good(void)
{
    struct live_request q;
    CU_ASSERT_EQUAL(parse(&q, PP_STORE, FIELDS("peerpost-life", "600", "Peerpost-Copies", "7")),
                    PP_OK);
    CU_ASSERT_TRUE(q.r.has_life && q.r.life == 600 && q.r.has_copies && q.r.copies == 7);
    CU_ASSERT_EQUAL(q.r.primitive, PP_STORE);
    finish(&q);
    CU_ASSERT_EQUAL(
        parse(&q, PP_STORE, FIELDS("Pragma", "Append-Inbox", "Peerpost-Work", "d=20;s=pepper")),
        PP_OK);
    CU_ASSERT_EQUAL(q.r.primitive, PP_APPEND_INBOX);
    CU_ASSERT_TRUE(q.r.has_work && q.r.work_bits == 20);
    CU_ASSERT_TRUE(pp_bytes_is(q.r.work_salt, "pepper"));
    finish(&q);
    CU_ASSERT_EQUAL(parse(&q, PP_FETCH,
                          FIELDS("Pragma", "read-inbox", "Peerpost-Confirm",
                                 "00112233445566778899aabbccddeeff:42")),
                    PP_OK);
    CU_ASSERT_EQUAL(q.r.primitive, PP_READ_INBOX);
    CU_ASSERT_TRUE(q.r.has_confirm && q.r.confirm.seq == 42 && q.r.confirm.epoch[15] == 0xff);
    finish(&q);
    CU_ASSERT_EQUAL(parse(&q, PP_STATUS,
                          FIELDS("Peerpost-Keyid", "AQIDBAUGBwgJCgsMDQ4PEBESExQVFhcYGRobHB0eHyA")),
                    PP_OK);
    CU_ASSERT_TRUE(q.r.has_keyid && q.r.keyid[31] == 32);
    finish(&q);
    CU_ASSERT_EQUAL(parse(&q, PP_STORE, FIELDS("Peerpost-Certificate", ":MAA=:")), PP_OK);
    CU_ASSERT_EQUAL(q.r.certificate.len, 2);
    finish(&q);
    CU_ASSERT_EQUAL(parse(&q, PP_FETCH, FIELDS("Pragma", "no-cache")), PP_OK);
    CU_ASSERT_EQUAL(q.r.primitive, PP_FETCH);
    finish(&q);
}

static void test_a_preference_is_never_refused(void)
{
    static const struct {
        const char *text;
        uint32_t wait;
    } cases[] = {{"wait=20", 20},
                 {"respond-async, wait=10", 10},
                 {"  WAIT=7\t,wait=9", 7},
                 {"wait=-1", 0},
                 {"wait=", 0},
                 {"wait=x, wait=3", 3},
                 {"waiting=4", 0},
                 {",,,", 0},
                 {"", 0},
                 {"wait=999999999999999999", UINT32_MAX},
                 {"wait=99999999999999999999", 0}};
    struct live_request q;
    for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
        CU_ASSERT_EQUAL(
            parse(&q, PP_FETCH, FIELDS("Pragma", "read-inbox", "prefer", cases[i].text)), PP_OK);
        CU_ASSERT_EQUAL(q.r.wait, cases[i].wait);
        finish(&q);
    }
    CU_ASSERT_EQUAL(parse(&q, PP_FETCH, FIELDS("Prefer", "return=minimal", "Prefer", "wait=5")),
                    PP_OK);
    CU_ASSERT_EQUAL(q.r.wait, 5);
    finish(&q);
}

static void test_what_is_400(void)
{
    static const struct {
        enum pp_primitive primitive;
        const char *const pairs[6];
    } bad[] = {
        {PP_STORE, {"Peerpost-Life", "-1"}},
        {PP_STORE, {"Peerpost-Life", "1.5"}},
        {PP_STORE, {"Peerpost-Life", "99999999999999999999"}},
        {PP_STORE, {"Peerpost-Life", "1", "peerpost-life", "2"}},
        {PP_STORE, {"Peerpost-Copies", "4294967296"}},
        {PP_STORE, {"Pragma", "read-inbox"}},
        {PP_FETCH, {"Pragma", "append-inbox"}},
        {PP_FETCH, {"Pragma", "append-inbx"}},
        {PP_READ_INBOX, {"Peerpost-Confirm", "00112233445566778899aabbccddeeff"}},
        {PP_READ_INBOX, {"Peerpost-Confirm", "00112233445566778899aabbccddeeff:"}},
        {PP_READ_INBOX, {"Peerpost-Confirm", "0g112233445566778899aabbccddeeff:1"}},
        {PP_STATUS, {"Peerpost-Keyid", "AAAA"}},
        {PP_STORE, {"Peerpost-Work", "d=20"}},
        {PP_STORE, {"Peerpost-Work", "d=20;s="}},
        {PP_STORE, {"Peerpost-Work", "d=;s=x"}},
        {PP_STORE, {"Peerpost-Work", "d=300;s=x"}},
        {PP_STORE, {"Peerpost-Work", ";s=x"}},
        {PP_STORE, {"Peerpost-Certificate", "MAA="}},
        {PP_STORE, {"Peerpost-Certificate", ":"}},
        {PP_STORE, {"Peerpost-Certificate", ":M:"}},
        {PP_STORE, {"Content-Digest", "sha-256=x"}},
        {PP_DELETE, {"Signature", "sig=:AAAA:"}},
        {PP_DELETE, {"Signature-Input", "sig=()", "Signature", "sig=:AAAA:"}},
    };
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        struct live_request q;
        CU_ASSERT_EQUAL(parse(&q, bad[i].primitive, bad[i].pairs), PP_MALFORMED);
        finish(&q);
    }
}

CHECK_MAIN("live fields", CHECK(test_what_is_good), CHECK(test_a_preference_is_never_refused),
           CHECK(test_what_is_400))
