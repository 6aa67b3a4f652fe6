/* The record of a message on its way: written and read back, torn ones refused, progress. */
#include <mail/job.h>

#include <check.h>
#include <stdio.h>

static struct pp_id id(uint8_t n)
{
    return (struct pp_id){.b = {n}};
}

static void fill(struct pp_job *job)
{
    *job = (struct pp_job){.created = 100, .next_try = 200, .attempts = 3};
    pp_buf_add_str(&job->from, "me@x");
    struct pp_job_group *g = pp_job_add_group(job);
    snprintf(g->id, sizeof g->id, "abc@peerpost.invalid");
    g->sealed = true;
    g->size = 12345;
    g->wanted = 5;
    g->key[3] = 9;
    for (uint8_t n = 1; n <= 4; n++) {
        struct pp_id node = id(n);
        pp_ids_add(&g->have, &node);
        pp_ids_add(&g->have, &node);
    }
    struct pp_job_recipient *r = pp_job_add_recipient(job);
    pp_buf_add_str(&r->address, "you@x");
    r->state = PP_R_GROUPED;
    r->wanted = 5;
    r->seed[31] = 7;
    struct pp_id node = id(1);
    pp_ids_add(&r->have, &node);
}

static void test_round_trip_and_torn(void)
{
    struct pp_job job, back;
    struct pp_buf b = {0}, again = {0};
    fill(&job);
    CU_ASSERT_EQUAL(pp_job_write(&b, &job), 0);
    CU_ASSERT_EQUAL_FATAL(pp_job_read(&back, pp_buf_bytes(&b)), 0);
    CU_ASSERT_EQUAL(pp_job_write(&again, &back), 0);
    CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&b), pp_buf_bytes(&again)));
    CU_ASSERT_EQUAL(pp_ids_count(&back.groups[0].have), 4);
    pp_job_finish(&back);
    for (size_t cut = 0; cut < b.len; cut++) {
        CU_ASSERT_EQUAL(pp_job_read(&back, pp_bytes(b.data, cut)), PP_MALFORMED);
    }
    pp_job_finish(&job);
    pp_buf_free(&b);
    pp_buf_free(&again);
}

static void test_progress(void)
{
    struct pp_job job;
    struct pp_job_progress p;
    fill(&job);
    pp_job_progress(&job, 5, &p);
    CU_ASSERT(p.copies == 1 && p.wanted == 5 && !p.sent && !p.complete);
    for (uint8_t n = 2; n <= 3; n++) {
        struct pp_id node = id(n);
        pp_ids_add(&job.recipients[0].have, &node);
    }
    pp_job_progress(&job, 5, &p);
    CU_ASSERT(p.copies == 3 && p.sent && !p.complete);
    for (uint8_t n = 4; n <= 6; n++) {
        struct pp_id node = id(n);
        pp_ids_add(&job.recipients[0].have, &node);
        pp_ids_add(&job.groups[0].have, &node);
    }
    pp_job_progress(&job, 5, &p);
    CU_ASSERT(p.copies == 5 && p.sent && p.complete);
    struct pp_job_recipient *r = pp_job_add_recipient(&job);
    r->state = PP_R_UNKNOWN;
    pp_job_progress(&job, 5, &p);
    CU_ASSERT(p.unknown == 1 && p.copies == 0 && !p.sent && !p.complete);
    pp_job_finish(&job);
}

CHECK_MAIN("job", CHECK(test_round_trip_and_torn), CHECK(test_progress))
