/* Readers of empty inboxes who wait: until something comes, time is over, others crowd them out,
 * they go, or the node ends. */
#include "fake.h"

#include <stdio.h>
#include <stdlib.h>

#define ALICE "alice@a.example"
#define BOB "bob@a.example"

/* Begins a read that is to wait; not run to its end. */
static struct fake_request *wait_as(struct fake *f, const char *address,
                                    const struct fake_person *who, const char *confirm,
                                    uint32_t seconds)
{
    struct fake_request *q = fake_request(f, PP_READ_INBOX, address);
    const char *colon = confirm ? strchr(confirm, ':') : NULL;
    q->r.wait = seconds;
    if (colon) {
        q->r.has_confirm = true;
        CU_ASSERT_EQUAL(pp_unhex(q->r.confirm.epoch, 16, pp_bytes((const uint8_t *)confirm, 32)),
                        PP_OK);
        q->r.confirm.seq = strtoull(colon + 1, NULL, 10);
    }
    fake_sign(q, who, true);
    fake_go(q, pp_str(""), pp_str(""));
    return q;
}

static struct fake_request *wait_for(struct fake *f, uint32_t seconds)
{
    return wait_as(f, ALICE, &f->alice, NULL, seconds);
}

static struct pp_node_counts counts_of(struct fake *f)
{
    struct pp_node_counts c;
    pp_node_counts(f->node, &c);
    return c;
}

static void later(struct fake *f, pp_ns ns)
{
    fake_later(f, ns);
    fake_run(f);
}

static bool holds(const struct fake_request *q, const char *text)
{
    return q->released && q->status == 200 && q->body.len == 12 + strlen(text) &&
           memcmp(q->body.data + 12, text, strlen(text)) == 0;
}

static void test_what_comes_is_handed_out_at_once(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *q = wait_for(&f, 20);
    CU_ASSERT_EQUAL(q->status, 0);
    CU_ASSERT_EQUAL(counts_of(&f).waiting, 1);
    fake_append(&f, BOB, "not hers");
    CU_ASSERT_EQUAL(q->status, 0);
    fake_append(&f, ALICE, "one");
    CU_ASSERT_TRUE(holds(q, "one"));
    CU_ASSERT_EQUAL(counts_of(&f).waiting, 0);
    CU_ASSERT_EQUAL(counts_of(&f).waits_woken, 1);
    char batch[64];
    snprintf(batch, sizeof batch, "%s", fake_field(q, "Peerpost-Batch"));
    fake_free(q);
    q = wait_for(&f, 20); /* unconfirmed: not new, but hers */
    CU_ASSERT_TRUE(holds(q, "one"));
    fake_free(q);
    q = wait_as(&f, ALICE, &f.alice, batch, 20); /* confirmed: there is nothing now */
    CU_ASSERT_EQUAL(q->status, 0);
    fake_append(&f, ALICE, "two");
    CU_ASSERT_TRUE(holds(q, "two"));
    fake_free(q);
    fake_stop(&f);
}

/* Between any two steps of reader and sender: an entry is in the answer, or in the next one. */
static void test_nothing_comes_unseen_between_two_reads(void)
{
    for (int at = 0; at < 6; at++) {
        struct fake f;
        char batch[64];
        fake_start(&f, 1 << 20);
        fake_append(&f, ALICE, "first");
        struct fake_request *q = wait_for(&f, 20), *sent = fake_request(&f, PP_APPEND_INBOX, ALICE);
        snprintf(batch, sizeof batch, "%s", fake_field(q, "Peerpost-Batch"));
        fake_free(q);
        q = fake_request(&f, PP_READ_INBOX, ALICE);
        q->r.wait = 20;
        q->r.has_confirm = true;
        pp_unhex(q->r.confirm.epoch, 16, pp_bytes((const uint8_t *)batch, 32));
        q->r.confirm.seq = strtoull(strchr(batch, ':') + 1, NULL, 10);
        fake_sign(q, &f.alice, true);
        fake_begin(sent);
        fake_body(sent, pp_str("second"));
        for (int step = 0; step < 6; step++) {
            if (step == at) {
                fake_end(sent); /* its write is queued */
            }
            switch (step) {
            case 0:
                fake_begin(q);
                break;
            case 1:
                fake_end(q);
                break;
            case 2:
                fake_verify(&f);
                break;
            case 3:
                fake_write(&f);
                break;
            case 4:
                fake_write(&f);
                break;
            }
        }
        fake_run(&f);
        CU_ASSERT_TRUE(holds(q, "second"));
        CU_ASSERT_EQUAL(sent->status, 202);
        fake_free(q);
        fake_free(sent);
        fake_stop(&f);
    }
}

static void test_the_wait_ends_in_time(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *q = wait_for(&f, 3);
    CU_ASSERT_TRUE(pp_node_next(f.node) <= f.now.mono + 3 * PP_SECOND);
    later(&f, 3 * PP_SECOND - 1);
    CU_ASSERT_EQUAL(q->status, 0);
    later(&f, 1);
    CU_ASSERT_EQUAL(q->status, 200);
    CU_ASSERT_EQUAL(q->length, 0);
    CU_ASSERT_EQUAL(strlen(fake_field(q, "Peerpost-Batch")), 34);
    CU_ASSERT_EQUAL(counts_of(&f).waits_over, 1);
    fake_free(q);
    q = wait_for(&f, UINT32_MAX); /* bounded by the node's own */
    later(&f, f.config.wait);
    CU_ASSERT_EQUAL(q->status, 200);
    fake_free(q);
    f.config.wait = 0;
    fake_restart(&f);
    fake_later(&f, 2 * PP_SECOND);
    q = wait_for(&f, 20);
    CU_ASSERT_EQUAL(q->status, 200);
    fake_free(q);
    q = wait_for(&f, 0);
    CU_ASSERT_EQUAL(q->status, 200);
    fake_free(q);
    fake_stop(&f);
}

static void test_too_many_are_answered_at_once(void)
{
    struct fake f;
    struct fake_request *q[4];
    fake_start(&f, 1 << 20);
    f.config.waiting = 3;
    f.config.waiting_inbox = 2;
    fake_restart(&f);
    fake_later(&f, 2 * PP_SECOND);
    q[0] = wait_for(&f, 20);
    q[1] = wait_for(&f, 20);
    q[2] = wait_for(&f, 20); /* the third of hers: the first makes room */
    CU_ASSERT_EQUAL(q[0]->status, 200);
    CU_ASSERT_EQUAL(q[1]->status, 0);
    CU_ASSERT_EQUAL(q[2]->status, 0);
    q[3] = wait_as(&f, BOB, &f.bob, NULL, 20);
    CU_ASSERT_EQUAL(q[3]->status, 0);
    CU_ASSERT_EQUAL(counts_of(&f).waiting, 3);
    struct fake_person carol = {0};
    fake_issue(&f, &carol, "carol@a.example", FAKE_SECOND - 3600, FAKE_SECOND + 86400);
    struct fake_request *full = wait_as(&f, "carol@a.example", &carol, NULL, 20);
    CU_ASSERT_EQUAL(full->status, 200); /* the node has no room for a third address */
    CU_ASSERT_EQUAL(counts_of(&f).waits_crowded, 2);
    fake_append(&f, ALICE, "one");
    CU_ASSERT_TRUE(holds(q[1], "one") && holds(q[2], "one"));
    CU_ASSERT_EQUAL(q[3]->status, 0);
    fake_append(&f, BOB, "two");
    CU_ASSERT_TRUE(holds(q[3], "two"));
    for (int i = 0; i < 4; i++) {
        fake_free(q[i]);
    }
    fake_free(full);
    fake_person_free(&carol);
    fake_stop(&f);
}

static void test_who_goes_is_forgotten(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *gone = wait_for(&f, 20), *stays = wait_for(&f, 20);
    fake_drop(gone);
    CU_ASSERT_TRUE(gone->released);
    CU_ASSERT_EQUAL(counts_of(&f).waiting, 1);
    fake_append(&f, ALICE, "one");
    CU_ASSERT_EQUAL(gone->status, 0);
    CU_ASSERT_TRUE(holds(stays, "one"));
    fake_free(gone);
    fake_free(stays);
    fake_stop(&f);
}

static void test_at_the_end_nobody_waits(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *a = wait_for(&f, 20), *b = wait_as(&f, BOB, &f.bob, NULL, 20);
    pp_node_end_waiting(f.node, f.now);
    CU_ASSERT_EQUAL(a->status, 200);
    CU_ASSERT_EQUAL(b->status, 200);
    struct fake_request *late = wait_for(&f, 20);
    CU_ASSERT_EQUAL(late->status, 200);
    CU_ASSERT_EQUAL(counts_of(&f).waiting, 0);
    fake_free(a);
    fake_free(b);
    fake_free(late);
    fake_stop(&f);
}

static void test_only_the_owner_waits(void)
{
    struct fake f;
    fake_start(&f, 1 << 20);
    struct fake_request *q = wait_as(&f, ALICE, &f.bob, NULL, 20);
    CU_ASSERT_EQUAL(q->status, 403);
    CU_ASSERT_EQUAL(counts_of(&f).waiting, 0);
    fake_free(q);
    fake_stop(&f);
}

CHECK_MAIN("node waiting", CHECK(test_what_comes_is_handed_out_at_once),
           CHECK(test_nothing_comes_unseen_between_two_reads), CHECK(test_the_wait_ends_in_time),
           CHECK(test_too_many_are_answered_at_once), CHECK(test_who_goes_is_forgotten),
           CHECK(test_at_the_end_nobody_waits), CHECK(test_only_the_owner_waits))
