/* Two and three computers with one key over the fake world: the same mailbox in the end, whatever
 * happens between. */
#include "fake_box.h"
#include "people.h"

#include <mail/kept.h>
#include <mail/maintain.h>
#include <mail/senders.h>
#include <mail/sync.h>
#include <stdio.h>

struct computer {
    struct person p;
    struct fake_box box;
    const char *name;
    bool full, deletions;
    struct pp_sync_result r;
};

static struct world w;
static struct computer home, office;

static void on_done(void *ctx, const struct pp_sync_result *result)
{
    struct computer *c = ctx;
    c->r = *result;
    c->p.done = true;
}

/* One round; false: killed in it. */
static bool round_of(struct computer *c)
{
    static const struct pp_sync_events events = {.done = on_done};
    const struct pp_sync_options o = {.box = &fake_box_ops,
                                      .box_ctx = &c->box,
                                      .computer = c->name,
                                      .full = c->full,
                                      .deletions = c->deletions};
    c->p.done = false;
    struct pp_sync *sync = pp_sync_start(c->p.mail, &o, &events, c);
    CHECK_FATAL(sync != NULL);
    if (!fake_run(c->p.net, &c->p.done, PP_HOUR)) {
        pp_sync_cancel(sync);
    }
    return c->p.done && !c->p.net->killed;
}

static void sync_ok(struct computer *c)
{
    CU_ASSERT_TRUE(round_of(c));
    CU_ASSERT_EQUAL(c->r.code, PP_OK);
}

static void begin_one(struct computer *c, const char *name, const struct computer *as)
{
    static uint64_t dice = 1000;
    *c = (struct computer){.name = name};
    person_init(&c->p, &w, "anna@x");
    c->p.net->random = dice += 7777;
    c->box.net = c->p.net;
    if (as) { /* the same key */
        person_halt(&c->p);
        pp_certificate_free(c->p.certificate);
        EVP_PKEY_free(c->p.key);
        c->p.certificate = pp_certificate_ref(as->p.certificate);
        c->p.key = as->p.key;
        EVP_PKEY_up_ref(c->p.key);
        person_boot(&c->p);
    }
}

static void begin(void)
{
    world_init(&w, 16);
    begin_one(&home, "home", NULL);
    begin_one(&office, "office", &home);
}

static void end_one(struct computer *c)
{
    person_finish(&c->p);
    fake_box_finish(&c->box);
}

static void end(void)
{
    end_one(&home);
    end_one(&office);
    world_finish(&w);
}

static void reboot(struct computer *c)
{
    person_halt(&c->p);
    person_boot(&c->p);
}

static void check_same(const struct computer *a, const struct computer *b)
{
    struct pp_buf x = {0}, y = {0};
    fake_box_print(&a->box, &x);
    fake_box_print(&b->box, &y);
    bool same = pp_bytes_equal(pp_buf_bytes(&x), pp_buf_bytes(&y));
    CU_ASSERT_TRUE(same);
    if (!same) {
        printf("\n%s:\n%s%s:\n%s", a->name, x.len ? (char *)x.data : "", b->name,
               y.len ? (char *)y.data : "");
    }
    pp_buf_free(&x);
    pp_buf_free(&y);
}

static void settle(void)
{
    for (int i = 0; i < 3; i++) {
        sync_ok(&home);
        sync_ok(&office);
    }
    check_same(&home, &office);
}

/* --- one does, the other has --------------------------------------------------------------- */

static void test_a_second_computer_has_it_all(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, ".Archive", "two", "RS", "second");
    fake_box_setting(&home.box, "1.Archive", true);
    fake_box_setting(&home.box, "2bob@x", true);
    sync_ok(&home);
    CU_ASSERT(home.r.stored == 2 && home.r.told == 4 && home.r.computers == 1);
    sync_ok(&office);
    CU_ASSERT(office.r.delivered == 2 && office.r.computers == 2 && office.r.records >= 1);
    check_same(&home, &office);
    sync_ok(&home); /* and nothing is to do any more */
    sync_ok(&office);
    CU_ASSERT(!home.r.told && !home.r.stored && !office.r.told && !office.r.delivered);
    CU_ASSERT_EQUAL(home.r.computers, 2);
    end();
}

static void test_changes_travel(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    settle();
    fake_box_change(&office.box, "first", ".Work", "FS");
    fake_box_delete(&office.box, "second");
    fake_box_add(&office.box, ".Sent", "three", "S", "mine");
    settle();
    CU_ASSERT(home.box.n == 2 && strcmp(fake_box_find(&home.box, "first")->folder, ".Work") == 0);
    end();
}

static void test_changes_at_once_lose_nothing(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    fake_box_setting(&home.box, "2carol@x", true);
    settle();
    fake_box_change(&home.box, "first", ".Archive", "S");
    fake_box_change(&office.box, "first", "", "F");
    fake_box_delete(&office.box, "second");
    fake_box_add(&home.box, "", "three", "", "third");
    fake_box_add(&office.box, "", "four", "", "fourth");
    fake_box_setting(&home.box, "2dan@x", true);
    fake_box_setting(&office.box, "2carol@x", false);
    settle();
    struct fake_box_file *f = fake_box_find(&office.box, "first");
    CHECK_FATAL(f != NULL);
    CU_ASSERT_STRING_EQUAL(f->folder, ".Archive");
    CU_ASSERT_STRING_EQUAL(f->letters, "FS");
    CU_ASSERT(!fake_box_find(&home.box, "second") && office.box.n == 3);
    CU_ASSERT(fake_box_has(&office.box, "2dan@x") && !fake_box_has(&home.box, "2carol@x"));
    end();
}

static void test_a_later_move_brings_it_back(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    settle();
    fake_box_delete(&home.box, "first");
    sync_ok(&home);
    fake_box_add(&office.box, "", "two", "", "second"); /* its clock gets ahead */
    fake_box_add(&office.box, "", "three", "", "third");
    fake_box_change(&office.box, "first", ".Keep", "");
    office.p.net->no_network = true;
    CU_ASSERT_TRUE(round_of(&office));
    CU_ASSERT_EQUAL(office.r.code, PP_LOCAL); /* noticed now, told later */
    office.p.net->no_network = false;
    fake_box_change(&office.box, "first", ".Keep.Well", "");
    settle();
    CU_ASSERT(fake_box_find(&home.box, "first") && home.box.n == 3);
    end();
}

static void test_fetched_by_both(void)
{
    begin();
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    fake_box_add(&home.box, "", hash, "", "first");
    fake_box_add(&office.box, "", hash, "", "first");
    settle();
    CU_ASSERT(home.box.n == 1 && office.box.n == 1);
    CU_ASSERT(home.r.waiting == 0 && office.r.waiting == 0);
    end();
}

static void test_a_mark_for_the_other(void)
{
    begin();
    struct pp_bytes value;
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    char key[80];
    snprintf(key, sizeof key, "m:%s", hash);
    fake_box_add(&home.box, "", hash, "", "first");
    settle();
    CU_ASSERT_EQUAL(fake_recall(office.p.net, pp_str(key), &value), PP_OK);
    end();
}

static void test_moved_by_copy(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "S", "first");
    settle();
    fake_box_delete(&home.box, "first"); /* as many programs move */
    fake_box_add(&home.box, ".Archive", "new-name", "S", "first");
    fake_box_change(&office.box, "first", "", "FS");
    settle();
    CU_ASSERT(home.r.stored == 0 && home.box.n == 1 && office.box.n == 1);
    CU_ASSERT_STRING_EQUAL(fake_box_find(&home.box, "first")->letters, "FS");
    CU_ASSERT_STRING_EQUAL(fake_box_find(&office.box, "first")->folder, ".Archive");
    end();
}

static void test_known_senders_and_no_lists(void)
{
    begin();
    pp_sender_know(home.p.mail, "bob@x");
    fake_box_setting(&home.box, "2eve@x", true);
    office.box.no_lists = true;
    for (int i = 0; i < 3; i++) {
        sync_ok(&home);
        sync_ok(&office);
    }
    CU_ASSERT_TRUE(pp_sender_is_known(office.p.mail, "bob@x"));
    CU_ASSERT(fake_box_has(&home.box, "2eve@x") && !fake_box_has(&office.box, "2eve@x"));
    pp_sender_forget(office.p.mail, "bob@x");
    sync_ok(&office);
    sync_ok(&home);
    CU_ASSERT_FALSE(pp_sender_is_known(home.p.mail, "bob@x"));
    end();
}

static void test_an_empty_folder_is_suspicious(void)
{
    begin();
    for (int i = 0; i < 6; i++) {
        char text[16];
        snprintf(text, sizeof text, "text %d", i);
        fake_box_add(&home.box, "", text, "", text);
    }
    settle();
    while (home.box.n) {
        fake_box_delete(&home.box, (const char *)home.box.files[0].octets.data);
    }
    CU_ASSERT_TRUE(round_of(&home));
    CU_ASSERT_EQUAL(home.r.code, PP_DENIED);
    sync_ok(&office);
    CU_ASSERT_EQUAL(office.box.n, 6);
    home.deletions = true;
    settle();
    CU_ASSERT_EQUAL(office.box.n, 0);
    end();
}

/* --- nodes and others ---------------------------------------------------------------------- */

static void test_nodes_that_lie(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    sync_ok(&home);
    for (size_t i = 0; i < w.nodes->n_nodes; i += 3) {
        w.nodes->nodes[i].liar = true;
    }
    sync_ok(&office);
    check_same(&home, &office);
    CU_ASSERT(office.p.net->blamed > 0);
    end();
}

static void test_another_key_sees_nothing(void)
{
    begin();
    struct computer stranger;
    fake_box_add(&home.box, "", "one", "", "first");
    sync_ok(&home);
    begin_one(&stranger, "stranger", NULL);
    sync_ok(&stranger);
    CU_ASSERT(stranger.r.computers == 1 && stranger.box.n == 0 && stranger.r.records == 0);
    end_one(&stranger);
    end();
}

static void test_other_octets_under_our_identifier(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    sync_ok(&home);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) { /* every node has rubbish under every name */
        struct fake_node *node = &w.nodes->nodes[i];
        for (size_t j = 0; i % 2 == 0 && j < node->n_objects; j++) {
            node->objects[j].body.len = 0;
            pp_buf_add_str(&node->objects[j].body, "this is no CMS");
        }
    }
    sync_ok(&office);
    CU_ASSERT(office.p.net->blamed > 0);
    check_same(&home, &office);
    end();
}

static void test_few_nodes_answer(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    sync_ok(&home);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].unnoticed = w.nodes->nodes[i].dead = i % 4 != 0;
    }
    CU_ASSERT_TRUE(round_of(&office));
    fake_box_add(&home.box, "", "two", "", "second");
    CU_ASSERT_TRUE(round_of(&home)); /* whatever came of it */
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].unnoticed = w.nodes->nodes[i].dead = false;
    }
    settle();
    CU_ASSERT_EQUAL(office.box.n, 2);
    end();
}

static void test_a_copied_state(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    sync_ok(&home);
    /* the whole of home's disk, as it is, on a second computer */
    for (size_t i = 0; i < home.p.net->n_notes; i++) {
        struct fake_note *n = &home.p.net->notes[i];
        fake_ops.note(office.p.net, NULL, pp_buf_bytes(&n->key), pp_buf_bytes(&n->value), 0);
    }
    fake_box_add(&office.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    sync_ok(&home);
    fake_box_add(&office.box, "", "three", "", "third");
    sync_ok(&office); /* finds its number taken */
    settle();
    CU_ASSERT_EQUAL(home.box.n, 3);
    CU_ASSERT_EQUAL(office.r.computers, 2);
    end();
}

static void test_both_claim_one_place(void)
{
    begin();
    /* office reads an empty directory while home claims: its own claim meets 409 */
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&office.box, "", "two", "", "second");
    static const struct pp_sync_events events = {.done = on_done};
    struct computer *both[] = {&home, &office};
    struct pp_sync *sync[2];
    for (int i = 0; i < 2; i++) {
        const struct pp_sync_options o = {
            .box = &fake_box_ops, .box_ctx = &both[i]->box, .computer = both[i]->name};
        both[i]->p.done = false;
        sync[i] = pp_sync_start(both[i]->p.mail, &o, &events, both[i]);
        CHECK_FATAL(sync[i] != NULL);
    }
    for (int i = 0; i < 10000 && !(home.p.done && office.p.done); i++) {
        person_wait(&both[i % 2]->p, PP_MS);
    }
    CHECK_FATAL(home.p.done && office.p.done);
    settle();
    CU_ASSERT(home.r.computers == 2 && office.r.computers == 2 && home.box.n == 2);
    end();
}

/* --- long logs ----------------------------------------------------------------------------- */

static void test_a_snapshot_each_256(void)
{
    begin();
    struct computer third;
    fake_box_add(&home.box, "", "one", "", "first");
    settle();
    for (int i = 0; i < 2 * 256 + 5; i++) {
        fake_box_change(&home.box, "first", i % 2 ? ".A" : ".B", i % 3 ? "S" : "");
        sync_ok(&home);
    }
    begin_one(&third, "third", &home);
    sync_ok(&third);
    CU_ASSERT(third.r.records < 30); /* from the last snapshot on */
    check_same(&home, &third);
    sync_ok(&office); /* all of what it missed */
    check_same(&home, &office);
    end_one(&third);
    end();
}

/* --- lives --------------------------------------------------------------------------------- */

static int count_kept(void *ctx, struct pp_bytes identifier)
{
    unsigned *n = ctx;
    (void)identifier;
    ++*n;
    return 0;
}

static unsigned kept(struct computer *c)
{
    unsigned n = 0;
    pp_kept_each(c->p.mail, count_kept, &n);
    return n;
}

static void test_what_is_kept(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    settle(); /* message, two entries, records of both */
    unsigned before = kept(&home);
    CU_ASSERT(before >= 4 && kept(&office) >= 4);
    fake_box_delete(&office.box, "first");
    sync_ok(&office);
    sync_ok(&home);
    CU_ASSERT_EQUAL(kept(&home), before + 1 - 1); /* a record more, the message less */
    end();
}

/* --- death at each step -------------------------------------------------------------------- */

/* Everything that rounds do, in one: news both ways, moves, deletions, settings. */
static void a_busy_day(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    fake_box_add(&home.box, "", "three", "", "third");
    fake_box_setting(&home.box, "2bob@x", true);
    sync_ok(&home);
    sync_ok(&office);
    fake_box_change(&home.box, "first", ".Archive", "S");
    fake_box_delete(&home.box, "second");
    fake_box_add(&home.box, "", "four", "", "fourth");
    fake_box_setting(&home.box, "1.Archive", true);
    sync_ok(&home);
    fake_box_change(&office.box, "first", "", "F");
    fake_box_change(&office.box, "third", ".Work", "");
    fake_box_add(&office.box, ".Sent", "five", "S", "fifth");
}

static void test_death_at_each_step(void)
{
    int deaths = 0;
    for (int at = 1;; at++) {
        a_busy_day();
        office.p.net->kill_at = office.p.net->points + at;
        bool lived = round_of(&office);
        reboot(&office);
        deaths += !lived;
        settle();
        struct fake_box_file *f = fake_box_find(&home.box, "first");
        CHECK_FATAL(f != NULL);
        CU_ASSERT(strcmp(f->folder, ".Archive") == 0 && strcmp(f->letters, "FS") == 0);
        CU_ASSERT(home.box.n == 4 && !fake_box_find(&office.box, "second"));
        CU_ASSERT(fake_box_find(&home.box, "fifth") && fake_box_find(&office.box, "fourth"));
        CU_ASSERT(fake_box_has(&office.box, "1.Archive") && fake_box_has(&office.box, "2bob@x"));
        CU_ASSERT_EQUAL(home.r.computers, 2);
        end();
        if (lived) {
            break;
        }
    }
    CU_ASSERT(deaths > 20);
}

/* Home deletes; a third, which has not heard of it, moves later; office does what home did and dies
 * before it has noted so. False: the death fell elsewhere. */
static bool deletion_half_done(int at)
{
    struct computer third;
    begin();
    begin_one(&third, "third", &home);
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    settle();
    sync_ok(&third);
    fake_box_delete(&home.box, "first");
    sync_ok(&home);
    fake_box_change(&home.box, "second", "", "F");
    sync_ok(&home); /* home's time is two ahead, its deletion one */
    third.p.net->no_network = true;
    fake_box_change(&third.box, "second", "", "S");
    round_of(&third);
    fake_box_change(&third.box, "first", ".Keep", "");
    round_of(&third);
    third.p.net->no_network = false;
    office.p.net->kill_at = office.p.net->points + at;
    bool lived = round_of(&office);
    bool here = strcmp(office.p.net->last_point, "sync-removed") == 0;
    reboot(&office);
    if (here) {
        for (int i = 0; i < 3; i++) {
            sync_ok(&office);
            sync_ok(&third);
            sync_ok(&home);
        }
        check_same(&home, &third);
        CU_ASSERT(fake_box_find(&home.box, "first") && fake_box_find(&office.box, "first"));
    }
    end_one(&third);
    end();
    return here || lived;
}

static void test_a_death_deletes_nothing_again(void)
{
    int at = 1;
    while (!deletion_half_done(at)) {
        at++;
    }
    CU_ASSERT(at < 200);
}

static void test_the_first_round_dies(void)
{
    for (int at = 1;; at++) {
        begin();
        fake_box_add(&home.box, "", "one", "", "first");
        fake_box_add(&home.box, ".A", "two", "S", "second");
        home.p.net->kill_at = home.p.net->points + at;
        bool lived = round_of(&home);
        reboot(&home);
        settle();
        CU_ASSERT(office.box.n == 2 && home.r.computers == 2);
        end();
        if (lived) {
            break;
        }
    }
}

static void test_a_full_disk(void)
{
    begin();
    fake_box_add(&home.box, "", "one", "", "first");
    sync_ok(&home);
    office.box.full = true;
    CU_ASSERT_TRUE(round_of(&office));
    CU_ASSERT_EQUAL(office.r.code, PP_FULL);
    office.box.full = false;
    settle();
    end();
}

CHECK_MAIN("sync", CHECK(test_a_second_computer_has_it_all), CHECK(test_changes_travel),
           CHECK(test_changes_at_once_lose_nothing), CHECK(test_a_later_move_brings_it_back),
           CHECK(test_fetched_by_both), CHECK(test_a_mark_for_the_other), CHECK(test_moved_by_copy),
           CHECK(test_known_senders_and_no_lists), CHECK(test_an_empty_folder_is_suspicious),
           CHECK(test_nodes_that_lie), CHECK(test_another_key_sees_nothing),
           CHECK(test_other_octets_under_our_identifier), CHECK(test_few_nodes_answer),
           CHECK(test_a_copied_state), CHECK(test_both_claim_one_place),
           CHECK(test_a_snapshot_each_256), CHECK(test_what_is_kept),
           CHECK(test_death_at_each_step), CHECK(test_the_first_round_dies),
           CHECK(test_a_death_deletes_nothing_again), CHECK(test_a_full_disk))
