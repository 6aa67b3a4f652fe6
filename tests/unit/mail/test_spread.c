/* One operation on several nodes: how many are asked, hedging, replacing, widening, in virtual
 * time. */
#include "people.h"

#include <mail/spread.h>

static struct world w;
static struct person alice;
static struct pp_spread s;
static bool done;
static unsigned asked_at_once, in_flight;

static int request(struct pp_spread *spread, struct pp_target *t, struct pp_ask *ask)
{
    (void)spread;
    (void)t;
    ask->request.method = "GET";
    ask->request.identifier = pp_str("thing");
    in_flight++;
    asked_at_once = in_flight > asked_at_once ? in_flight : asked_at_once;
    return PP_OK;
}

static enum pp_verdict judge(struct pp_spread *spread, struct pp_target *t)
{
    (void)spread;
    in_flight--;
    return t->error           ? PP_VERDICT_BAD
           : t->status == 200 ? PP_VERDICT_DONE
           : t->status == 404 ? PP_VERDICT_MISSING
                              : PP_VERDICT_BAD;
}

static void on_done(struct pp_spread *spread)
{
    (void)spread;
    done = true;
}

static const struct pp_spread_kind widening = {
    .request = request, .judge = judge, .done = on_done, .widens = true};
static const struct pp_spread_kind replacing = {
    .request = request, .judge = judge, .done = on_done, .replaces = true};

static struct fake_node *closest[32];

static void begin(const struct pp_spread_kind *kind)
{
    struct pp_name name = {{7}};
    struct pp_id key = pp_name_key(&name);
    world_init(&w, 40);
    person_init(&alice, &w, "alice@x");
    CHECK_FATAL(fake_closest(w.nodes, &key, 32, closest) == 32);
    done = false;
    in_flight = asked_at_once = 0;
    pp_spread_init(&s, alice.mail, kind, NULL, &key);
}

static void has(struct fake_node *node)
{
    struct fake_object *o = &node->objects[node->n_objects++];
    pp_buf_add_str(&o->identifier, "thing");
    pp_buf_add_str(&o->body, "octets");
}

/* Runs to the end; how long it took. */
static pp_ns run(void)
{
    pp_ns start = alice.net->mono;
    pp_spread_start(&s);
    CHECK_FATAL(fake_run(alice.net, &done, PP_HOUR));
    return alice.net->mono - start;
}

static void end(void)
{
    pp_spread_finish(&s);
    person_finish(&alice);
    world_finish(&w);
}

static void test_one_is_enough(void)
{
    begin(&widening);
    for (int i = 0; i < 5; i++) {
        has(closest[i]);
    }
    s.ops = 1;
    run();
    CU_ASSERT(s.done == 1 && s.asked == 1 && s.found == 5 && s.width == 5);
    end();
}

static void test_all_k_at_once(void)
{
    begin(&widening);
    for (int i = 0; i < 5; i++) {
        has(closest[i]);
    }
    run();
    CU_ASSERT(s.done == 5 && s.asked == 5 && asked_at_once == 5);
    end();
}

static void test_widens_twice_and_no_more(void)
{
    begin(&widening);
    has(closest[17]);
    s.ops = 1;
    run();
    CU_ASSERT(s.done == 1 && s.asked == 18 && s.width == 20);
    end();
    begin(&widening);
    has(closest[20]);
    s.ops = 1;
    run();
    CU_ASSERT(s.done == 0 && s.missing == 20 && s.asked == 20);
    end();
}

static void test_replaces_the_bad_within_twice_k(void)
{
    begin(&replacing);
    for (int i = 0; i < 32; i++) {
        has(closest[i]);
        closest[i]->refuses = i < 3;
    }
    run();
    CU_ASSERT(s.done == 5 && s.bad == 3 && s.asked == 8);
    end();
    begin(&replacing);
    for (int i = 0; i < 32; i++) {
        closest[i]->refuses = true;
    }
    run();
    CU_ASSERT(s.done == 0 && s.bad == 10 && s.asked == 10);
    end();
}

static void test_max_connections(void)
{
    begin(&replacing);
    for (int i = 0; i < 32; i++) {
        closest[i]->refuses = i < 3;
        has(closest[i]);
    }
    s.connections = 5;
    run();
    CU_ASSERT(s.done + s.bad >= 5 && s.asked <= 10);
    end();
}

/* A silent node costs the hedge, not its time-out. */
static void test_hedges_beside_a_silent_one(void)
{
    begin(&widening);
    closest[0]->silent = true;
    has(closest[1]);
    s.ops = 1;
    pp_ns took = run();
    CU_ASSERT(s.done == 1 && s.asked == 2);
    CU_ASSERT(took >= s.hedge && took < 2 * s.hedge);
    end();
}

/* Who ran into a time-out is not waited for again, until some time has passed. */
static void test_a_silent_one_is_left_alone(void)
{
    static const struct pp_spread_kind plain = {
        .request = request, .judge = judge, .done = on_done};
    struct pp_id key;
    begin(&plain);
    key = s.key;
    closest[0]->silent = true;
    CU_ASSERT(run() >= 10 * PP_SECOND);
    pp_spread_finish(&s);
    done = false;
    pp_spread_init(&s, alice.mail, &plain, NULL, &key);
    CU_ASSERT(run() < PP_SECOND);
    CU_ASSERT(s.bad == 1 && s.missing == 4);
    CU_ASSERT_PTR_NOT_NULL(strstr(s.targets[0]->text, "a moment ago"));
    pp_spread_finish(&s);
    done = false;
    closest[0]->silent = false;
    alice.net->mono += PP_MINUTE;
    pp_spread_init(&s, alice.mail, &plain, NULL, &key);
    run();
    CU_ASSERT(s.bad == 0 && s.missing == 5);
    end();
}

/* Who outran a hedge is asked after the others. */
static void test_a_slow_one_comes_last(void)
{
    struct pp_id key;
    begin(&widening);
    key = s.key;
    closest[0]->silent = true;
    has(closest[1]);
    s.ops = 1;
    run();
    pp_spread_finish(&s);
    done = false;
    pp_spread_init(&s, alice.mail, &widening, NULL, &key);
    s.ops = 1;
    CU_ASSERT(run() < s.hedge);
    CU_ASSERT(s.done == 1 && s.asked == 1);
    end();
}

static void test_silence_of_all_ends(void)
{
    begin(&widening);
    for (size_t i = 0; i < 40; i++) {
        w.nodes->nodes[i].silent = true;
    }
    pp_ns took = run();
    CU_ASSERT(s.done == 0 && s.bad == 20);
    CU_ASSERT(took < 20 * PP_SECOND);
    end();
}

static void test_no_network(void)
{
    begin(&widening);
    alice.net->no_network = true;
    run();
    CU_ASSERT(s.code == PP_LOCAL && s.local && s.asked == 0);
    end();
}

CHECK_MAIN("spread", CHECK(test_one_is_enough), CHECK(test_all_k_at_once),
           CHECK(test_widens_twice_and_no_more), CHECK(test_replaces_the_bad_within_twice_k),
           CHECK(test_max_connections), CHECK(test_hedges_beside_a_silent_one),
           CHECK(test_a_silent_one_is_left_alone), CHECK(test_a_slow_one_comes_last),
           CHECK(test_silence_of_all_ends), CHECK(test_no_network))
