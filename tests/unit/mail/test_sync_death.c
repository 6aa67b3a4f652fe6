/* Computers of one user with another key, with long logs, dying at each step: the same mailbox. */
#include "computers.h"

#include <mail/kept.h>
#include <stdio.h>

/* --- keys ---------------------------------------------------------------------------------- */

static void roll_over(struct computer *c, struct pp_certificate **certificates, EVP_PKEY **keys)
{
    person_halt(&c->p);
    c->p.options.certificates = certificates;
    c->p.options.keys = keys;
    c->p.options.n_keys = 2; /* the new one, and the old */
    person_boot(&c->p);
}

static void test_another_key_same_mailbox(void)
{
    computers_begin();
    struct computer third;
    EVP_PKEY *key = NULL;
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, ".Work", "two", "S", "second");
    computers_settle();
    struct pp_certificate *c = identities_user(&w.ids, "anna@x", &key);
    struct pp_certificate *certificates[] = {c, home.p.certificate};
    EVP_PKEY *keys[] = {key, home.p.key};
    fake_box_change(&office.box, "first", "", "F"); /* told under the old key, not heard yet */
    computer_sync(&office);
    roll_over(&home, certificates, keys);
    fake_box_add(&home.box, "", "three", "", "third");
    home.full = true;
    computer_sync(&home);
    CU_ASSERT_STRING_EQUAL(fake_box_find(&home.box, "first")->letters, "F");
    roll_over(&office, certificates, keys);
    computers_settle();
    CU_ASSERT(office.box.n == 3 && home.r.computers == 2);
    computer_begin(&third, "third", &home); /* has the new key alone */
    person_halt(&third.p);
    third.p.options.certificates = certificates;
    third.p.options.keys = keys;
    person_boot(&third.p);
    computer_sync(&third);
    computers_same(&home, &third);
    computer_end(&third);
    computers_end();
    pp_certificate_free(c);
    EVP_PKEY_free(key);
}

/* --- long logs ----------------------------------------------------------------------------- */

static void test_a_snapshot_each_256(void)
{
    computers_begin();
    struct computer third;
    fake_box_add(&home.box, "", "one", "", "first");
    computers_settle();
    for (int i = 0; i < 2 * 256 + 5; i++) {
        fake_box_change(&home.box, "first", i % 2 ? ".A" : ".B", i % 3 ? "S" : "");
        computer_sync(&home);
    }
    computer_begin(&third, "third", &home);
    computer_sync(&third);
    CU_ASSERT(third.r.records < 30); /* from the last snapshot on */
    computers_same(&home, &third);
    computer_sync(&office); /* all of what it missed */
    computers_same(&home, &office);
    computer_end(&third);
    computers_end();
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
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computers_settle(); /* message, two entries, records of both */
    unsigned before = kept(&home);
    CU_ASSERT(before >= 4 && kept(&office) >= 4);
    fake_box_delete(&office.box, "first");
    computer_sync(&office);
    computer_sync(&home);
    CU_ASSERT_EQUAL(kept(&home), before + 1 - 1); /* a record more, the message less */
    computers_end();
}

static void test_a_deletion_is_forgotten_in_the_end(void)
{
    struct pp_bytes value;
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    computers_settle();
    fake_box_delete(&home.box, "first");
    computers_settle();
    CU_ASSERT_EQUAL(fake_recall(home.p.net, pp_str("l:m:one"), &value), PP_OK);
    home.p.net->wall_base += 401 * PP_DAY;
    computer_sync(&home);
    CU_ASSERT_EQUAL(fake_recall(home.p.net, pp_str("l:m:one"), &value), PP_NOT_FOUND);
    CU_ASSERT_EQUAL(fake_count_files(home.p.net, PP_PLACE_SPOOL), 0);
    computers_settle();
    CU_ASSERT_EQUAL(home.box.n, 1);
    computers_end();
}

/* --- death at each step -------------------------------------------------------------------- */

/* Everything that rounds do, in one: news both ways, moves, deletions, settings. */
static void a_busy_day(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    fake_box_add(&home.box, "", "three", "", "third");
    fake_box_setting(&home.box, "2bob@x", true);
    computer_sync(&home);
    computer_sync(&office);
    fake_box_change(&home.box, "first", ".Archive", "S");
    fake_box_delete(&home.box, "second");
    fake_box_add(&home.box, "", "four", "", "fourth");
    fake_box_setting(&home.box, "1.Archive", true);
    computer_sync(&home);
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
        bool lived = computer_round(&office);
        computer_reboot(&office);
        deaths += !lived;
        computers_settle();
        struct fake_box_file *f = fake_box_find(&home.box, "first");
        CHECK_FATAL(f != NULL);
        CU_ASSERT(strcmp(f->folder, ".Archive") == 0 && strcmp(f->letters, "FS") == 0);
        CU_ASSERT(home.box.n == 4 && !fake_box_find(&office.box, "second"));
        CU_ASSERT(fake_box_find(&home.box, "fifth") && fake_box_find(&office.box, "fourth"));
        CU_ASSERT(fake_box_has(&office.box, "1.Archive") && fake_box_has(&office.box, "2bob@x"));
        CU_ASSERT_EQUAL(home.r.computers, 2);
        computers_end();
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
    computers_begin();
    computer_begin(&third, "third", &home);
    fake_box_add(&home.box, "", "one", "", "first");
    fake_box_add(&home.box, "", "two", "", "second");
    computers_settle();
    computer_sync(&third);
    fake_box_delete(&home.box, "first");
    computer_sync(&home);
    fake_box_change(&home.box, "second", "", "F");
    computer_sync(&home); /* home's time is two ahead, its deletion one */
    third.p.net->no_network = true;
    fake_box_change(&third.box, "second", "", "S");
    computer_round(&third);
    fake_box_change(&third.box, "first", ".Keep", "");
    computer_round(&third);
    third.p.net->no_network = false;
    office.p.net->kill_at = office.p.net->points + at;
    bool lived = computer_round(&office);
    bool here = strcmp(office.p.net->last_point, "sync-removed") == 0;
    computer_reboot(&office);
    if (here) {
        for (int i = 0; i < 3; i++) {
            computer_sync(&office);
            computer_sync(&third);
            computer_sync(&home);
        }
        computers_same(&home, &third);
        CU_ASSERT(fake_box_find(&home.box, "first") && fake_box_find(&office.box, "first"));
    }
    computer_end(&third);
    computers_end();
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
        computers_begin();
        fake_box_add(&home.box, "", "one", "", "first");
        fake_box_add(&home.box, ".A", "two", "S", "second");
        home.p.net->kill_at = home.p.net->points + at;
        bool lived = computer_round(&home);
        computer_reboot(&home);
        computers_settle();
        CU_ASSERT(office.box.n == 2 && home.r.computers == 2);
        computers_end();
        if (lived) {
            break;
        }
    }
}

static void test_a_full_disk(void)
{
    computers_begin();
    fake_box_add(&home.box, "", "one", "", "first");
    computer_sync(&home);
    office.box.full = true;
    CU_ASSERT_TRUE(computer_round(&office));
    CU_ASSERT_EQUAL(office.r.code, PP_FULL);
    office.box.full = false;
    computers_settle();
    computers_end();
}

CHECK_MAIN("sync_death", CHECK(test_a_snapshot_each_256), CHECK(test_another_key_same_mailbox),
           CHECK(test_what_is_kept), CHECK(test_a_deletion_is_forgotten_in_the_end),
           CHECK(test_death_at_each_step), CHECK(test_the_first_round_dies),
           CHECK(test_a_death_deletes_nothing_again), CHECK(test_a_full_disk))
