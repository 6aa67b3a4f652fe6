/* Scanners and rules on senders over the fake world: virus, junk, scanner down, spammers, strangers
 * and their confirmation, kills at every durable step. */
#include "people.h"

#include <mail/message.h>
#include <mail/quarantine.h>
#include <mail/senders.h>
#include <stdio.h>

static struct world w;
static struct person alice, bob;

static bool blocks(void *ctx, const char *address)
{
    (void)ctx;
    return strstr(address, "spam") != NULL;
}

static void begin(void)
{
    world_init(&w, 12);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    bob.net->scans = true;
    bob.options.blocked = blocks;
    person_halt(&bob);
    person_boot(&bob);
    person_publish(&alice);
    person_publish(&bob);
}

static void signed_only(void)
{
    bob.options.signed_only = true;
    person_halt(&bob);
    person_boot(&bob);
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static void write_to_bob(const char *name, const char *extra, const char *body)
{
    char text[600];
    snprintf(text, sizeof text,
             "From: alice@x\r\nTo: bob@x\r\nSubject: %s\r\n"
             "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\nMessage-ID: <%s@x>\r\n%s\r\n%s\r\n",
             name, name, extra, body);
    person_spool(&alice, name, text, (const char *[]){"bob@x", NULL});
    CHECK_FATAL(person_pass(&alice, name) && alice.finished);
}

static size_t in(enum pp_place place)
{
    return fake_count_files(bob.net, place);
}

static void test_virus_and_junk(void)
{
    begin();
    write_to_bob("m1", "", "EICAR");
    write_to_bob("m2", "", "CHEAP pills");
    write_to_bob("m3", "", "hello");
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_QUARANTINE) == 1 && in(PP_PLACE_JUNK) == 1 && in(PP_PLACE_NEW) == 1);
    CU_ASSERT(bob.read.quarantined == 1 && bob.read.junk == 1 && bob.read.delivered == 1);
    CU_ASSERT_EQUAL(bob.net->junk_opened, 0); /* fresh mail cannot be there yet */
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_QUARANTINE) == 1 && in(PP_PLACE_JUNK) == 1 && in(PP_PLACE_NEW) == 1);
    end();
}

static void test_scanner_down_holds(void)
{
    begin();
    write_to_bob("m1", "", "hello");
    bob.net->scanner_down = true;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_NEW) == 0 && bob.read.later == 1);
    CU_ASSERT(strstr(bob.letter_why, "the scanner is down") != NULL);
    bob.net->scanner_down = false;
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_NEW) == 1);
    end();
}

static void test_known_spammer(void)
{
    begin();
    CU_ASSERT_EQUAL(pp_sender_standing(bob.mail, "a@spam.example", true), PP_SENDER_BLOCKED);
    CU_ASSERT_EQUAL(pp_sender_standing(bob.mail, "a@x", false), PP_SENDER_FREE);
    end();
}

static struct pp_release *released_one;
static bool released;
static int release_code;

static void on_released(void *ctx, int code)
{
    (void)ctx;
    released = true;
    release_code = code;
}

static int take_hash(void *ctx, const char *hash)
{
    snprintf(ctx, 65, "%.64s", hash);
    return 1;
}

static void test_release_by_hand(void)
{
    char hash[65] = "";
    begin();
    write_to_bob("m1", "", "EICAR");
    CHECK_FATAL(person_fetch(&bob, NULL));
    pp_aside_each(bob.mail, take_hash, hash);
    CHECK_FATAL(strlen(hash) == 64);
    for (int i = 0; i < 2; i++) { /* the second finds nothing */
        released = false;
        released_one = pp_release_start(bob.mail, hash, on_released, NULL);
        CHECK_FATAL(released_one && fake_run(bob.net, &released, PP_MINUTE));
        CU_ASSERT_EQUAL(release_code, i ? PP_NOT_FOUND : PP_OK);
    }
    CU_ASSERT(in(PP_PLACE_QUARANTINE) == 0 && in(PP_PLACE_NEW) == 1);
    end();
}

/* The question in Bob's spool, sent; Alice gets it and answers by its Message-ID. */
static void answer_question(void)
{
    const struct fake_file *f = fake_file(bob.net, PP_PLACE_SPOOL, 0);
    char name[80], extra[200];
    CHECK_FATAL(f != NULL && strstr((const char *)f->octets.data, "to: alice@x\n"));
    CU_ASSERT(strstr((const char *)f->octets.data, "Auto-Submitted: auto-replied") != NULL);
    CU_ASSERT(strstr((const char *)f->octets.data, "Please confirm: m1") != NULL);
    snprintf(name, sizeof name, "%.79s", f->name);
    CHECK_FATAL(person_pass(&bob, name) && bob.finished);
    CHECK_FATAL(person_fetch(&alice, NULL));
    CU_ASSERT_EQUAL(fake_count_files(alice.net, PP_PLACE_NEW), 1);
    snprintf(extra, sizeof extra, "In-Reply-To: <%s@peerpost.invalid>\r\n", name);
    write_to_bob("answer", extra, "it is me");
}

static void test_stranger_confirms(void)
{
    begin();
    signed_only();
    write_to_bob("m1", "", "hello");
    write_to_bob("m2", "", "hello again");
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_NEW) == 0 && in(PP_PLACE_QUARANTINE) == 2);
    CU_ASSERT_EQUAL(in(PP_PLACE_SPOOL), 1); /* once a week a sender */
    answer_question();
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_NEW) == 3 && in(PP_PLACE_QUARANTINE) == 0);
    CU_ASSERT_EQUAL(bob.read.released, 2);
    write_to_bob("m3", "", "and once more");
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_NEW) == 4 && in(PP_PLACE_SPOOL) == 0);
    end();
}

/* Nothing that a machine sent is asked, nor answers: no loop. */
static void test_no_loops(void)
{
    static const char *const fields[] = {"Auto-Submitted: auto-replied\r\n", "Precedence: bulk\r\n",
                                         "List-Id: <l.x>\r\n", "List-Unsubscribe: <mailto:u@x>\r\n",
                                         "Auto-Submitted: auto-generated\r\n"};
    begin();
    signed_only();
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        char name[8];
        snprintf(name, sizeof name, "m%zu", i);
        write_to_bob(name, fields[i], "hello");
    }
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(in(PP_PLACE_QUARANTINE) == 5 && in(PP_PLACE_SPOOL) == 0);
    CU_ASSERT(pp_is_automatic(pp_str("Subject: x\r\n\r\n"), ""));
    CU_ASSERT(pp_is_automatic(pp_str("Subject: x\r\n\r\n"), "MAILER-DAEMON@x"));
    CU_ASSERT(pp_is_automatic(pp_str("Return-Path: <>\r\n\r\n"), "a@x"));
    CU_ASSERT_FALSE(pp_is_automatic(pp_str("Auto-Submitted: no\r\n\r\n"), "a@x"));
    end();
}

static void test_asked_again_after_a_week(void)
{
    static const char header[] = "Subject: x\r\n\r\n";
    char token[40], second[40];
    begin();
    CU_ASSERT(pp_sender_ask(bob.mail, "c@x", pp_str(header), token));
    CU_ASSERT_FALSE(pp_sender_ask(bob.mail, "c@x", pp_str(header), second));
    person_wait(&bob, 8 * PP_DAY);
    CU_ASSERT(pp_sender_ask(bob.mail, "c@x", pp_str(header), second));
    CU_ASSERT(strcmp(token, second) != 0 && strlen(second) == 26);
    CU_ASSERT_FALSE(pp_sender_answers(bob.mail, "d@x", pp_str("Subject: no\r\n\r\n")));
    pp_sender_know(bob.mail, "c@x");
    CU_ASSERT_FALSE(pp_sender_ask(bob.mail, "c@x", pp_str(header), token));
    end();
}

/* Killed at every durable step of fetch and release: each message is in one place, once. */
static void test_kills(void)
{
    for (int at = 1; at < 60; at++) {
        begin();
        signed_only();
        write_to_bob("m1", "", "hello");
        write_to_bob("m2", "", "EICAR");
        bob.net->points = 0;
        bob.net->kill_at = at;
        bool lived = person_fetch(&bob, NULL);
        person_halt(&bob);
        bob.net->kill_at = 0;
        person_boot(&bob);
        pp_sender_know(bob.mail, "alice@x");
        bob.net->kill_at = lived ? 0 : bob.net->points + at;
        if (!person_fetch(&bob, NULL)) {
            person_halt(&bob);
            bob.net->kill_at = 0;
            person_boot(&bob);
            pp_sender_know(bob.mail, "alice@x");
        }
        bob.net->kill_at = 0;
        CHECK_FATAL(person_fetch(&bob, NULL));
        CHECK_FATAL(person_fetch(&bob, NULL));
        CU_ASSERT_EQUAL(in(PP_PLACE_NEW) + in(PP_PLACE_QUARANTINE), 2);
        CU_ASSERT_EQUAL(in(PP_PLACE_QUARANTINE), 1);
        end();
        if (lived) {
            break;
        }
    }
}

/* Killed at every step while the filter calls it junk; the next run's filter would not. */
static void test_kills_and_a_filter_that_learned(void)
{
    for (int at = 1; at < 60; at++) {
        begin();
        write_to_bob("m1", "", "CHEAP pills");
        bob.net->points = 0;
        bob.net->kill_at = at;
        bool lived = person_fetch(&bob, NULL);
        person_halt(&bob);
        bob.net->kill_at = 0;
        bob.net->scans = false;
        person_boot(&bob);
        CHECK_FATAL(person_fetch(&bob, NULL));
        CU_ASSERT_EQUAL(in(PP_PLACE_NEW) + in(PP_PLACE_JUNK), 1);
        end();
        if (lived) {
            break;
        }
    }
}

CHECK_MAIN("filters", CHECK(test_virus_and_junk), CHECK(test_scanner_down_holds),
           CHECK(test_known_spammer), CHECK(test_release_by_hand), CHECK(test_stranger_confirms),
           CHECK(test_no_loops), CHECK(test_asked_again_after_a_week), CHECK(test_kills),
           CHECK(test_kills_and_a_filter_that_learned))
