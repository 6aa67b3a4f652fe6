/* A look at the network: copies of the certificate, other ones, none, failures, clocks. */
#include "people.h"

#include <mail/checkup.h>

static struct world w;
static struct person bob;
static struct pp_checkup_result got;
static bool is_done;

static void on_done(void *ctx, const struct pp_checkup_result *result)
{
    (void)ctx;
    got = *result;
    is_done = true;
}

static void look(void)
{
    is_done = false;
    CHECK_FATAL(pp_checkup_start(bob.mail, on_done, NULL) != NULL);
    CHECK_FATAL(fake_run(bob.net, &is_done, PP_HOUR));
}

static void begin(void)
{
    world_init(&w, 12);
    person_init(&bob, &w, "bob@x");
}

static void end(void)
{
    person_finish(&bob);
    world_finish(&w);
}

static void test_published_or_not(void)
{
    begin();
    look();
    CU_ASSERT(got.code == PP_OK && got.found == 5 && got.missing == 5 && got.have == 0);
    person_publish(&bob);
    look();
    CU_ASSERT(got.have == 5 && got.missing == 0 && got.other == 0 && got.failed == 0);
    end();
}

static void test_other_copies_and_failures(void)
{
    struct fake_node *holder[5];
    begin();
    person_publish(&bob);
    struct pp_id key = pp_certificate_place(pp_str("bob@x"));
    CHECK_FATAL(fake_closest(w.nodes, &key, 5, holder) == 5);
    fake_object(holder[0], pp_str("bob@x-certificate"))->body.len = 9;
    holder[1]->refuses = true;
    holder[2]->blank = true;
    look();
    CU_ASSERT(got.have == 2 && got.other == 1 && got.failed == 1 && got.missing == 1);
    CU_ASSERT(got.why[0] != '\0');
    end();
}

static void test_nobody(void)
{
    begin();
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = true;
    }
    look();
    CU_ASSERT_EQUAL(got.code, PP_UNREACHABLE);
    bob.net->no_network = true;
    look();
    CU_ASSERT_EQUAL(got.code, PP_LOCAL);
    end();
}

CHECK_MAIN("checkup", CHECK(test_published_or_not), CHECK(test_other_copies_and_failures),
           CHECK(test_nobody))
