/* Known keys: another one is held until accepted, unless the old one vouches, expired or was
 * revoked; what an earlier key signed; tags; the revocation list from nodes. */
#include "people.h"

#include <mail/pins.h>
#include <mail/revocations.h>
#include <trust/issue.h>
#include <trust/rollover.h>

#define MAIL                                                                                       \
    "From: bob@x\r\nTo: alice@x\r\nSubject: s\r\nDate: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\nx\r\n"

static struct world w;
static struct person alice, bob;
static struct {
    bool done;
    int code;
    uint8_t key[32];
    char text[400];
} got;
static EVP_PKEY *old_key;
static struct pp_certificate *old_certificate;
static struct pp_buf proof;

static void begin(void)
{
    world_init(&w, 12);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&alice);
    person_publish(&bob);
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
    pp_certificate_free(old_certificate);
    EVP_PKEY_free(old_key);
    old_certificate = NULL;
    old_key = NULL;
    pp_buf_free(&proof);
}

static void found(void *ctx, int code, struct pp_certificate *c, const char *text)
{
    (void)ctx;
    got.done = true;
    got.code = code;
    snprintf(got.text, sizeof got.text, "%s", text);
    if (c) {
        memcpy(got.key, c->spki_hash, 32);
    }
}

static int find(const char *address)
{
    got.done = false;
    CHECK_FATAL(pp_directory_find(alice.mail, pp_str(address), true, found, NULL) != NULL);
    CHECK_FATAL(fake_run(alice.net, &got.done, PP_HOUR));
    return got.code;
}

/* Bob has another key from now on; with_proof: in its certificate. */
static void change_key(bool vouched, bool in_certificate, int64_t days)
{
    const char *address = "bob@x";
    struct pp_validity v = {IDENTITIES_NOW - 60, IDENTITIES_NOW + days * 86400};
    person_halt(&bob);
    old_key = bob.key;
    old_certificate = bob.certificate;
    CHECK_FATAL(pp_key_generate(&bob.key) == PP_OK);
    if (vouched) {
        CHECK_FATAL(pp_rollover_make(&proof, old_key, bob.key, pp_bytes(NULL, 0)) == PP_OK);
    }
    CHECK_FATAL(pp_issue_address_next(&bob.certificate, &w.ids.issuer, bob.key, &address, 1,
                                      in_certificate ? pp_buf_bytes(&proof) : pp_bytes(NULL, 0), &v,
                                      NULL) == PP_OK);
    bob.options.rollover = in_certificate ? pp_bytes(NULL, 0) : pp_buf_bytes(&proof);
    person_boot(&bob);
}

static void to_alice(const char *name)
{
    static const char *const recipients[] = {"alice@x", NULL};
    person_spool(&bob, name, MAIL, recipients);
    CHECK_FATAL(person_pass(&bob, name) && bob.finished);
    CHECK_FATAL(person_fetch(&alice, NULL));
    CU_ASSERT_EQUAL(alice.letter, PP_LETTER_DELIVERED);
}

static void test_held_until_accepted(void)
{
    begin();
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    change_key(false, false, 90);
    person_publish(&bob);
    CU_ASSERT_EQUAL(find("bob@x"), PP_DENIED);
    char was[33], is[33];
    pp_pin_text(was, old_certificate);
    pp_pin_text(is, bob.certificate);
    CU_ASSERT(strstr(got.text, was) && strstr(got.text, is));
    to_alice("m1"); /* what the unknown key signs is delivered, and said */
    CU_ASSERT(strstr(alice.signature, "smime=fail") && strstr(alice.signature, is));
    CU_ASSERT_EQUAL(pp_directory_accept(alice.mail, pp_str("bob@x")), 0);
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    to_alice("m2");
    CU_ASSERT(strstr(alice.signature, "smime=pass") != NULL);
    CU_ASSERT_EQUAL(pp_pin_forget(alice.mail, pp_str("bob@x")), 0);
    CU_ASSERT_EQUAL(pp_pin_forget(alice.mail, pp_str("bob@x")), PP_NOT_FOUND);
    end();
}

static void test_rollover_in_the_certificate(void)
{
    struct pp_certificate *known = NULL;
    begin();
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    change_key(true, true, 90);
    person_publish(&bob);
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    CU_ASSERT(memcmp(got.key, bob.certificate->spki_hash, 32) == 0);
    /* Mail that the old key signed is still his. */
    CU_ASSERT_EQUAL(pp_pin_check(alice.mail, pp_str("bob@x"), old_certificate, pp_bytes(NULL, 0),
                                 got.text, sizeof got.text),
                    PP_EXISTS);
    /* Nodes that show the old certificate only do not lead back to it. */
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        struct fake_object *o = fake_object(&w.nodes->nodes[i], pp_str("bob@x-certificate"));
        if (o) {
            o->body.len = 0;
            pp_buf_add(&o->body, old_certificate->der.data, old_certificate->der.len);
        }
    }
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    CU_ASSERT(memcmp(got.key, bob.certificate->spki_hash, 32) == 0);
    CU_ASSERT_EQUAL(pp_pin_get(alice.mail, pp_str("bob@x"), &known), 0);
    CU_ASSERT(known && memcmp(known->keyid, bob.certificate->keyid, 32) == 0);
    pp_certificate_free(known);
    end();
}

static void test_rollover_in_the_notification(void)
{
    begin();
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    change_key(true, false, 90);
    to_alice("m1");
    CU_ASSERT(strstr(alice.signature, "smime=pass") != NULL);
    person_publish(&bob);
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    CU_ASSERT(memcmp(got.key, bob.certificate->spki_hash, 32) == 0);
    end();
}

static void test_first_mail_makes_known(void)
{
    begin();
    to_alice("m1");
    change_key(false, false, 90);
    to_alice("m2");
    CU_ASSERT(strstr(alice.signature, "smime=fail") != NULL);
    end();
}

/* The list comes from nodes; the revoked key gives way to the new one. */
static void on_list(void *ctx, bool taken)
{
    *(int *)ctx = taken ? 1 : 0;
    got.done = true;
}

static int ask_list(void)
{
    int taken = -1;
    got.done = false;
    CHECK_FATAL(pp_revocations_start(alice.mail, on_list, &taken) != NULL);
    CHECK_FATAL(fake_run(alice.net, &got.done, PP_HOUR));
    return taken;
}

static void serve_list(size_t from, struct pp_bytes octets)
{
    for (size_t i = from; i < w.nodes->n_nodes; i++) {
        struct fake_node *n = &w.nodes->nodes[i];
        struct fake_object *o = fake_object(n, pp_str(".well-known/peerpost/crl"));
        if (!o) {
            o = &n->objects[n->n_objects++];
            pp_buf_add_str(&o->identifier, ".well-known/peerpost/crl");
        }
        o->body.len = 0;
        pp_buf_add(&o->body, octets.data, octets.len);
    }
}

static void test_revoked_by_the_nodes_list(void)
{
    struct pp_buf list = {0};
    begin();
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    CU_ASSERT(pp_revocations_due(alice.mail, PP_HOUR));
    CU_ASSERT_EQUAL(ask_list(), 0); /* none has any */
    CU_ASSERT_FALSE(pp_revocations_due(alice.mail, PP_HOUR));
    identities_revoke(&w.ids, bob.certificate, 3);
    CHECK_FATAL(pp_file_read(&list, w.ids.crl_file, 65536, NULL) == PP_OK);
    serve_list(0, pp_buf_bytes(&list));
    CU_ASSERT_EQUAL(ask_list(), 1);
    CU_ASSERT_EQUAL(ask_list(), 0); /* known */
    CU_ASSERT_EQUAL(find("bob@x"), PP_REVOKED);
    change_key(false, false, 90);
    person_publish(&bob);
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    CU_ASSERT(memcmp(got.key, bob.certificate->spki_hash, 32) == 0);
    alice.net->blamed = 0;
    serve_list(0, pp_str("no list"));
    CU_ASSERT_EQUAL(ask_list(), 0);
    CU_ASSERT(strstr(alice.net->last_log, "revocation list") != NULL);
    person_wait(&alice, 2 * PP_HOUR);
    CU_ASSERT(pp_revocations_due(alice.mail, PP_HOUR));
    pp_buf_free(&list);
    end();
}

static void test_expired_gives_way(void)
{
    begin();
    change_key(false, false, 1);
    person_publish(&bob);
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    pp_certificate_free(old_certificate);
    EVP_PKEY_free(old_key);
    person_wait(&alice, 2 * PP_DAY);
    change_key(false, false, 60);
    person_publish(&bob);
    CU_ASSERT_EQUAL(find("bob@x"), 0);
    end();
}

static void test_tag(void)
{
    static const char *const tagged[] = {"bob+lists@x", NULL};
    begin();
    CU_ASSERT_EQUAL(find("bob+lists@x"), 0);
    CU_ASSERT(memcmp(got.key, bob.certificate->spki_hash, 32) == 0);
    CU_ASSERT_EQUAL(find("nobody+lists@x"), PP_NOT_FOUND);
    CU_ASSERT_EQUAL(find("+lists@x"), PP_NOT_FOUND);
    person_spool(&alice, "m1",
                 "From: alice@x\r\nTo: bob+lists@x\r\nSubject: s\r\n"
                 "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\nx\r\n",
                 tagged);
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT_EQUAL(bob.letter, PP_LETTER_DELIVERED);
    CU_ASSERT(strstr(bob.signature, "smime=pass") != NULL);
    end();
}

/* One certificate for two addresses: both are published, a message to both comes once and goes
 * by both rights to delete it. */
static void test_two_addresses_of_one_certificate(void)
{
    static const char *const both[] = {"bob@x", "b.smith@x", NULL};
    const char *addresses[] = {"bob@x", "b.smith@x"};
    struct pp_validity v = {IDENTITIES_NOW - 60, IDENTITIES_NOW + 86400};
    unsigned distinct = 0;
    begin();
    person_halt(&bob);
    pp_certificate_free(bob.certificate);
    CHECK_FATAL(pp_issue_address(&bob.certificate, &w.ids.issuer, bob.key, addresses, 2, &v,
                                 NULL) == PP_OK);
    person_boot(&bob);
    person_publish(&bob);
    CU_ASSERT_EQUAL(bob.code, PP_OK);
    CU_ASSERT_EQUAL(find("b.smith@x"), 0);
    person_spool(&alice, "m1",
                 "From: alice@x\r\nTo: bob@x, b.smith@x\r\nSubject: s\r\n"
                 "Date: Fri, 15 Jan 2027 08:00:00 +0000\r\n\r\nx\r\n",
                 both);
    CHECK_FATAL(person_pass(&alice, "m1") && alice.finished);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 10);
    CHECK_FATAL(person_fetch(&bob, NULL));
    CU_ASSERT(bob.read.complete && bob.read.delivered == 1 && bob.read.known == 1);
    CU_ASSERT_EQUAL(fake_count_files(bob.net, PP_PLACE_NEW), 1);
    CU_ASSERT_EQUAL(fake_bodies(w.nodes, &distinct), 0);
    CU_ASSERT_EQUAL(fake_notifications(w.nodes), 0);
    end();
}

CHECK_MAIN("pins", CHECK(test_held_until_accepted), CHECK(test_rollover_in_the_certificate),
           CHECK(test_rollover_in_the_notification), CHECK(test_first_mail_makes_known),
           CHECK(test_revoked_by_the_nodes_list), CHECK(test_expired_gives_way), CHECK(test_tag),
           CHECK(test_two_addresses_of_one_certificate))
