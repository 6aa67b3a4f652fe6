/* Two and three computers with one key over the fake world: the same mailbox in the end, whatever
 * happens between. */
#include "computers.h"

#include <mail/senders.h>
#include <stdio.h>

/* --- one does, the other has --------------------------------------------------------------- */

static void test_a_second_computer_has_it_all(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, ".Archive", "two", "RS", "second");
    fake_box_setting(&home.box, "1.Archive", true);
    fake_box_setting(&home.box, "2bob@x", true);
    computer_sync(&home);
    CU_ASSERT(home.r.stored == 2 && home.r.told == 4 && home.r.computers == 1);
    computer_sync(&office);
    CU_ASSERT(office.r.delivered == 2 && office.r.computers == 2 && office.r.records >= 1);
    computers_same(&home, &office);
    computer_sync(&home); /* and nothing is to do any more */
    computer_sync(&office);
    CU_ASSERT(!home.r.told && !home.r.stored && !office.r.told && !office.r.delivered);
    CU_ASSERT_EQUAL(home.r.computers, 2);
    computers_end();
}

static void test_changes_travel(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    computers_settle();
    fake_box_change(&office.box, "first", ".Work", "FS");
    fake_box_delete(&office.box, "second");
    fake_box_add(&office.box, ".Sent", "three", "S", "mine");
    computers_settle();
    CU_ASSERT(home.box.n == 2 && strcmp(fake_box_find(&home.box, "first")->folder, ".Work") == 0);
    computers_end();
}

static void test_changes_at_once_lose_nothing(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    fake_box_setting(&home.box, "2carol@x", true);
    computers_settle();
    fake_box_change(&home.box, "first", ".Archive", "S");
    fake_box_change(&office.box, "first", "", "F");
    fake_box_delete(&office.box, "second");
    fake_box_add(&home.box, "", "three", "", "third");
    fake_box_add(&office.box, "", "four", "", "fourth");
    fake_box_setting(&home.box, "2dan@x", true);
    fake_box_setting(&office.box, "2carol@x", false);
    computers_settle();
    struct fake_box_file *f = fake_box_find(&office.box, "first");
    CHECK_FATAL(f != NULL);
    CU_ASSERT_STRING_EQUAL(f->folder, ".Archive");
    CU_ASSERT_STRING_EQUAL(f->letters, "FS");
    CU_ASSERT(!fake_box_find(&home.box, "second") && office.box.n == 3);
    CU_ASSERT(fake_box_has(&office.box, "2dan@x") && !fake_box_has(&home.box, "2carol@x"));
    computers_end();
}

static void test_a_later_move_brings_it_back(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computers_settle();
    fake_box_delete(&home.box, "first");
    computer_sync(&home);
    fake_box_add(&office.box, "", "two", "", "second"); /* its clock gets ahead */
    fake_box_add(&office.box, "", "three", "", "third");
    fake_box_change(&office.box, "first", ".Keep", "");
    office.p.net->no_network = true;
    CU_ASSERT_TRUE(computer_round(&office));
    CU_ASSERT_EQUAL(office.r.code, PP_LOCAL); /* noticed now, told later */
    office.p.net->no_network = false;
    fake_box_change(&office.box, "first", ".Keep.Well", "");
    computers_settle();
    CU_ASSERT(fake_box_find(&home.box, "first") && home.box.n == 3);
    computers_end();
}

static void test_fetched_by_both(void)
{
    computers_begin();
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    fake_box_add(&home.box, "", hash, "", "first");
    fake_box_add(&office.box, "", hash, "", "first");
    computers_settle();
    CU_ASSERT(home.box.n == 1 && office.box.n == 1);
    CU_ASSERT(home.r.waiting == 0 && office.r.waiting == 0);
    computers_end();
}

static void test_a_mark_for_the_other(void)
{
    computers_begin();
    struct pp_bytes value;
    static const char hash[] = "00112233445566778899aabbccddeeff00112233445566778899aabbccddeeff";
    char key[80];
    snprintf(key, sizeof key, "m:%s", hash);
    fake_box_add(&home.box, "", hash, "", "first");
    computers_settle();
    CU_ASSERT_EQUAL(fake_recall(office.p.net, pp_str(key), &value), PP_OK);
    computers_end();
}

static void test_moved_by_copy(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "S", "first");
    computers_settle();
    fake_box_delete(&home.box, "first"); /* as many programs move */
    fake_box_add(&home.box, ".Archive", "new-name", "S", "first");
    fake_box_change(&office.box, "first", "", "FS");
    computers_settle();
    CU_ASSERT(home.r.stored == 0 && home.box.n == 1 && office.box.n == 1);
    CU_ASSERT_STRING_EQUAL(fake_box_find(&home.box, "first")->letters, "FS");
    CU_ASSERT_STRING_EQUAL(fake_box_find(&office.box, "first")->folder, ".Archive");
    computers_end();
}

static void test_known_senders_and_no_lists(void)
{
    computers_begin();
    pp_sender_know(home.p.mail, "bob@x");
    fake_box_setting(&home.box, "2eve@x", true);
    office.box.no_lists = true;
    for (int i = 0; i < 3; i++) {
        computer_sync(&home);
        computer_sync(&office);
    }
    CU_ASSERT_TRUE(pp_sender_is_known(office.p.mail, "bob@x"));
    CU_ASSERT(fake_box_has(&home.box, "2eve@x") && !fake_box_has(&office.box, "2eve@x"));
    pp_sender_forget(office.p.mail, "bob@x");
    computer_sync(&office);
    computer_sync(&home);
    CU_ASSERT_FALSE(pp_sender_is_known(home.p.mail, "bob@x"));
    computers_end();
}

static void test_an_empty_folder_is_suspicious(void)
{
    computers_begin();
    for (int i = 0; i < 6; i++) {
        char text[16];
        snprintf(text, sizeof text, "text %d", i);
        fake_box_add(&home.box, "", text, "", text);
    }
    computers_settle();
    while (home.box.n) {
        fake_box_delete(&home.box, (const char *)home.box.files[0].octets.data);
    }
    CU_ASSERT_TRUE(computer_round(&home));
    CU_ASSERT_EQUAL(home.r.code, PP_DENIED);
    computer_sync(&office);
    CU_ASSERT_EQUAL(office.box.n, 6);
    home.deletions = true;
    computers_settle();
    CU_ASSERT_EQUAL(office.box.n, 0);
    computers_end();
}

/* --- nodes and others ---------------------------------------------------------------------- */

static void test_nodes_that_lie(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computer_sync(&home);
    for (size_t i = 0; i < w.nodes->n_nodes; i += 3) {
        w.nodes->nodes[i].liar = true;
    }
    computer_sync(&office);
    computers_same(&home, &office);
    CU_ASSERT(office.p.net->blamed > 0);
    computers_end();
}

static void test_another_key_sees_nothing(void)
{
    computers_begin();
    struct computer stranger;
    fake_box_add(&home.box, "", "one", "", "first");
    computer_sync(&home);
    computer_begin(&stranger, "stranger", NULL);
    computer_sync(&stranger);
    CU_ASSERT(stranger.r.computers == 1 && stranger.box.n == 0 && stranger.r.records == 0);
    computer_end(&stranger);
    computers_end();
}

static void test_other_octets_under_our_identifier(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computer_sync(&home);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) { /* every node has rubbish under every name */
        struct fake_node *node = &w.nodes->nodes[i];
        for (size_t j = 0; i % 2 == 0 && j < node->n_objects; j++) {
            node->objects[j].body.len = 0;
            pp_buf_add_str(&node->objects[j].body, "this is no CMS");
        }
    }
    computer_sync(&office);
    CU_ASSERT(office.p.net->blamed > 0);
    computers_same(&home, &office);
    computers_end();
}

static void test_few_nodes_answer(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computer_sync(&home);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].unnoticed = w.nodes->nodes[i].dead = i % 4 != 0;
    }
    CU_ASSERT_TRUE(computer_round(&office));
    fake_box_add(&home.box, "", "two", "", "second");
    CU_ASSERT_TRUE(computer_round(&home)); /* whatever came of it */
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].unnoticed = w.nodes->nodes[i].dead = false;
    }
    computers_settle();
    CU_ASSERT_EQUAL(office.box.n, 2);
    computers_end();
}

static void test_a_copied_state(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computer_sync(&home);
    /* the whole of home's disk, as it is, on a second computer */
    for (size_t i = 0; i < home.p.net->n_notes; i++) {
        struct fake_note *n = &home.p.net->notes[i];
        fake_ops.note(office.p.net, NULL, pp_buf_bytes(&n->key), pp_buf_bytes(&n->value), 0);
    }
    fake_box_add(&office.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    computer_sync(&home);
    fake_box_add(&office.box, "", "three", "", "third");
    computer_sync(&office); /* finds its number taken */
    computers_settle();
    CU_ASSERT_EQUAL(home.box.n, 3);
    CU_ASSERT_EQUAL(office.r.computers, 2);
    computers_end();
}

static void test_both_claim_one_place(void)
{
    computers_begin();
    /* office reads an empty directory while home claims: its own claim meets 409 */
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&office.box, "", "two", "", "second");
    static const struct pp_sync_events events = {.done = computer_done};
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
    computers_settle();
    CU_ASSERT(home.r.computers == 2 && office.r.computers == 2 && home.box.n == 2);
    computers_end();
}

CHECK_MAIN("sync", CHECK(test_a_second_computer_has_it_all), CHECK(test_changes_travel),
           CHECK(test_changes_at_once_lose_nothing), CHECK(test_a_later_move_brings_it_back),
           CHECK(test_fetched_by_both), CHECK(test_a_mark_for_the_other), CHECK(test_moved_by_copy),
           CHECK(test_known_senders_and_no_lists), CHECK(test_an_empty_folder_is_suspicious),
           CHECK(test_nodes_that_lie), CHECK(test_another_key_sees_nothing),
           CHECK(test_other_octets_under_our_identifier), CHECK(test_few_nodes_answer),
           CHECK(test_a_copied_state), CHECK(test_both_claim_one_place))
