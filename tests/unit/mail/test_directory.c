/* Certificates: the newest valid of all answers, liars, the cache, the pin. */
#include "people.h"

#include <stdio.h>
#include <trust/issue.h>

static struct world w;
static struct person alice, bob;
static struct {
    bool done;
    int code;
    uint8_t keyid[32];
    char text[400];
} got;

static void begin(void)
{
    world_init(&w, 12);
    person_init(&alice, &w, "alice@x");
    person_init(&bob, &w, "bob@x");
    person_publish(&bob);
}

static void end(void)
{
    person_finish(&alice);
    person_finish(&bob);
    world_finish(&w);
}

static void found(void *ctx, int code, struct pp_certificate *c, const char *text)
{
    (void)ctx;
    got.done = true;
    got.code = code;
    snprintf(got.text, sizeof got.text, "%s", text);
    if (c) {
        memcpy(got.keyid, c->keyid, 32);
    }
}

static int find(const char *address, bool fresh)
{
    got.done = false;
    CHECK_FATAL(pp_directory_find(alice.mail, pp_str(address), fresh, found, NULL) != NULL);
    CU_ASSERT_FALSE(got.done); /* never at once */
    CHECK_FATAL(fake_run(alice.net, &got.done, PP_HOUR));
    return got.code;
}

static size_t holders(struct fake_object **out)
{
    size_t n = 0;
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        struct fake_object *o = fake_object(&w.nodes->nodes[i], pp_str("bob@x-certificate"));
        if (o) {
            out[n++] = o;
        }
    }
    return n;
}

/* Another certificate for bob@x, with the same key or a fresh one. */
static struct pp_certificate *another(EVP_PKEY *key, int64_t from)
{
    struct pp_certificate *c = NULL;
    EVP_PKEY *fresh = NULL;
    const char *address = "bob@x";
    struct pp_validity v = {from, IDENTITIES_NOW + 90 * 86400};
    if (!key) {
        CHECK_FATAL(pp_key_generate(&fresh) == 0);
    }
    CHECK_FATAL(pp_issue_address(&c, &w.ids.issuer, key ? key : fresh, &address, 1, &v, NULL) == 0);
    EVP_PKEY_free(fresh);
    return c;
}

static void put(struct fake_object *o, const struct pp_certificate *c)
{
    o->body.len = 0;
    pp_buf_add(&o->body, c->der.data, c->der.len);
}

static void test_found_cached_and_unknown(void)
{
    begin();
    CU_ASSERT_EQUAL(find("bob@x", false), 0);
    CU_ASSERT(memcmp(got.keyid, bob.certificate->keyid, 32) == 0);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = true;
    }
    CU_ASSERT_EQUAL(find("bob@x", false), 0);
    CU_ASSERT_EQUAL(find("bob@x", true), PP_UNREACHABLE);
    person_wait(&alice, 2 * PP_DAY);
    CU_ASSERT_EQUAL(find("bob@x", false), PP_UNREACHABLE);
    for (size_t i = 0; i < w.nodes->n_nodes; i++) {
        w.nodes->nodes[i].dead = false;
    }
    CU_ASSERT_EQUAL(find("carol@x", false), PP_NOT_FOUND);
    CU_ASSERT(strstr(got.text, "carol@x is unknown") != NULL);
    end();
}

static void test_newest_valid_of_all(void)
{
    struct fake_object *o[8];
    begin();
    CHECK_FATAL(holders(o) == 5);
    struct pp_certificate *newer = another(bob.key, IDENTITIES_NOW - 60);
    struct pp_certificate *future = another(bob.key, IDENTITIES_NOW + 86400);
    put(o[1], newer);
    put(o[2], future);
    o[3]->body.len = 10;          /* no certificate */
    put(o[4], alice.certificate); /* another's */
    CU_ASSERT_EQUAL(find("bob@x", true), 0);
    CU_ASSERT(memcmp(got.keyid, newer->keyid, 32) == 0);
    pp_certificate_free(newer);
    pp_certificate_free(future);
    end();
}

static void test_strangers_ca_is_no_proof(void)
{
    struct fake_object *o[8];
    struct identities other;
    EVP_PKEY *key = NULL;
    begin();
    identities_init(&other);
    struct pp_certificate *forged = identities_user(&other, "bob@x", &key);
    size_t n = holders(o);
    for (size_t i = 0; i < n; i++) {
        put(o[i], forged);
    }
    CU_ASSERT_EQUAL(find("bob@x", true), PP_UNTRUSTED);
    pp_certificate_free(forged);
    EVP_PKEY_free(key);
    identities_finish(&other);
    end();
}

static void test_another_key_is_held_until_accepted(void)
{
    struct fake_object *o[8];
    begin();
    CU_ASSERT_EQUAL(find("bob@x", true), 0);
    struct pp_certificate *other = another(NULL, IDENTITIES_NOW - 60);
    size_t n = holders(o);
    for (size_t i = 0; i < n; i++) {
        put(o[i], other);
    }
    CU_ASSERT_EQUAL(find("bob@x", true), PP_DENIED);
    CU_ASSERT(strstr(got.text, "trust accept bob@x") != NULL);
    CU_ASSERT_EQUAL(find("bob@x", false), PP_DENIED);
    CU_ASSERT_EQUAL(pp_directory_accept(alice.mail, pp_str("bob@x")), 0);
    CU_ASSERT_EQUAL(find("bob@x", true), 0);
    CU_ASSERT(memcmp(got.keyid, other->keyid, 32) == 0);
    pp_certificate_free(other);
    end();
}

CHECK_MAIN("directory", CHECK(test_found_cached_and_unknown), CHECK(test_newest_valid_of_all),
           CHECK(test_strangers_ca_is_no_proof), CHECK(test_another_key_is_held_until_accepted))
