/* The spooled envelope: written and read back; damage is refused. */
#include <mail/envelope.h>

#include <check.h>

static void test_round_trip(void)
{
    struct pp_envelope e = {.created = 1764036389}, back;
    struct pp_buf b = {0};
    size_t length = 0;
    pp_buf_add_str(&e.from, "me@x");
    CU_ASSERT_EQUAL(pp_envelope_add(&e, pp_str("a@x"), true), 0);
    CU_ASSERT_EQUAL(pp_envelope_add(&e, pp_str("b@x"), true), 0);
    CU_ASSERT_EQUAL(pp_envelope_add(&e, pp_str("a@x"), false), 0);
    CU_ASSERT_EQUAL(pp_envelope_write(&b, &e), 0);
    size_t written = b.len;
    pp_buf_add_str(&b, "message\n\nfrom: other@x\n");
    CU_ASSERT_EQUAL_FATAL(pp_envelope_read(&back, pp_buf_bytes(&b), &length), 0);
    CU_ASSERT_EQUAL(length, written);
    CU_ASSERT_EQUAL(back.created, 1764036389);
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&back.from), "me@x"));
    CU_ASSERT_EQUAL_FATAL(back.n_recipients, 2);
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&back.recipients[0].address), "a@x"));
    CU_ASSERT(!back.recipients[0].bcc && back.recipients[1].bcc);
    for (size_t cut = 0; cut < written; cut++) {
        struct pp_envelope torn;
        CU_ASSERT_EQUAL(pp_envelope_read(&torn, pp_bytes(b.data, cut), &length), PP_MALFORMED);
    }
    pp_envelope_finish(&e);
    pp_envelope_finish(&back);
    pp_buf_free(&b);
}

static void test_refuses_what_it_did_not_write(void)
{
    struct pp_envelope e;
    size_t length;
    CU_ASSERT_EQUAL(pp_envelope_read(&e, pp_str("Subject: x\n\n"), &length), PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_envelope_read(&e, pp_str("peerpost-spool 1\nwhat: x\n\n"), &length),
                    PP_MALFORMED);
    CU_ASSERT_EQUAL(pp_envelope_read(&e, pp_str("peerpost-spool 1\nto:\n\n"), &length),
                    PP_MALFORMED);
}

CHECK_MAIN("envelope", CHECK(test_round_trip), CHECK(test_refuses_what_it_did_not_write))
