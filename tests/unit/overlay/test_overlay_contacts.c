/* Contacts that are addresses or names, over a resolver that answers as the test says. */
#include <check.h>
#include <overlay/overlay_internal.h>
#include <stdlib.h>

static struct {
    pp_resolve_fn *done;
    void *ctx;
    char name[254];
    bool v6, open;
    unsigned asked, cancelled;
} resolver;
static struct pp_now now;

struct pp_resolve *__wrap_pp_resolve_start(struct pp_loop *loop, const char *name, bool v6,
                                           pp_resolve_fn *done, void *ctx);
void __wrap_pp_resolve_cancel(struct pp_resolve *question);
struct pp_now __wrap_pp_loop_now(const struct pp_loop *loop);

struct pp_resolve *__wrap_pp_resolve_start(struct pp_loop *loop, const char *name, bool v6,
                                           pp_resolve_fn *done, void *ctx)
{
    (void)loop;
    resolver.done = done;
    resolver.ctx = ctx;
    resolver.v6 = v6;
    resolver.open = true;
    resolver.asked++;
    snprintf(resolver.name, sizeof resolver.name, "%s", name);
    return (struct pp_resolve *)&resolver;
}

void __wrap_pp_resolve_cancel(struct pp_resolve *question)
{
    resolver.cancelled += question != NULL;
}

struct pp_now __wrap_pp_loop_now(const struct pp_loop *loop)
{
    (void)loop;
    return now;
}

static struct pp_overlay overlay;

static int start(const char *const *contacts, size_t n, struct pp_error *error)
{
    memset(&overlay, 0, sizeof overlay);
    memset(&resolver, 0, sizeof resolver);
    now.mono = PP_SECOND;
    overlay.options.contacts = contacts;
    overlay.options.n_contacts = n;
    overlay.seeking_since = 0;
    overlay.next_seek = PP_NEVER;
    pp_address_parse(overlay.options.listen, "0.0.0.0");
    pp_address_parse(overlay.self.address, "192.0.2.9");
    overlay.self.udp = 4700;
    return pp_contacts_read(&overlay, error);
}

static void resolves_to(const char *text)
{
    uint8_t address[1][16];
    CHECK_FATAL(resolver.open);
    resolver.open = false;
    bool none = pp_address_parse(address[0], text) != PP_OK;
    resolver.done(resolver.ctx, (const uint8_t(*)[16])address, none ? 0 : 1, text);
}

static bool contact_is(size_t i, const char *text)
{
    char address[46];
    pp_address_text(address, overlay.contacts[i].address);
    return i < overlay.n_contacts && strcmp(address, text) == 0 && overlay.contacts[i].udp == 4701;
}

static void test_a_name_joins_the_addresses(void)
{
    static const char *const contacts[] = {"192.0.2.1:4701", "node.example:4701"};
    struct pp_error error;
    CU_ASSERT_EQUAL(start(contacts, 2, &error), PP_OK);
    CU_ASSERT_EQUAL(overlay.n_contacts, 1);
    CU_ASSERT_EQUAL(pp_contacts_unresolved(&overlay), 1);
    pp_contacts_resolve(&overlay, now);
    CU_ASSERT_STRING_EQUAL(resolver.name, "node.example");
    CU_ASSERT_FALSE(resolver.v6); /* our socket is IPv4 */
    CU_ASSERT_TRUE(pp_contacts_pending(&overlay));
    resolves_to("192.0.2.2");
    CU_ASSERT_FALSE(pp_contacts_pending(&overlay));
    CU_ASSERT_EQUAL(overlay.next_seek, now.mono); /* it is asked at once */
    CU_ASSERT_TRUE(contact_is(0, "192.0.2.1") && contact_is(1, "192.0.2.2"));
    overlay.refused[0] = overlay.refused[1] = true;
    now.mono += 29 * PP_SECOND;
    pp_contacts_resolve(&overlay, now);
    CU_ASSERT_EQUAL(resolver.asked, 1);
    now.mono += PP_SECOND; /* still nobody answers: has it moved? */
    pp_contacts_resolve(&overlay, now);
    CU_ASSERT_EQUAL(resolver.asked, 2);
    resolves_to("192.0.2.3");
    CU_ASSERT_EQUAL(overlay.n_contacts, 2);
    CU_ASSERT_TRUE(contact_is(1, "192.0.2.3"));
    CU_ASSERT_TRUE(overlay.refused[0] && !overlay.refused[1]); /* the new one has not refused */
    pp_contacts_finish(&overlay);
}

static void test_failures_are_tried_again(void)
{
    static const char *const contacts[] = {"node.example:4701"};
    static const unsigned waits[] = {1, 2, 4, 8, 16, 32, 60, 60};
    struct pp_error error;
    CU_ASSERT_EQUAL(start(contacts, 1, &error), PP_OK);
    for (size_t i = 0; i < sizeof waits / sizeof *waits; i++) {
        pp_contacts_resolve(&overlay, now);
        CU_ASSERT_EQUAL(resolver.asked, i + 1);
        pp_contacts_resolve(&overlay, now); /* one question at a time */
        CU_ASSERT_EQUAL(resolver.asked, i + 1);
        resolves_to("no such name");
        now.mono += waits[i] * PP_SECOND - 1;
        pp_contacts_resolve(&overlay, now);
        CU_ASSERT_EQUAL(resolver.asked, i + 1);
        now.mono++;
    }
    pp_contacts_resolve(&overlay, now);
    resolves_to("192.0.2.2");
    now.mono += PP_MINUTE;
    pp_contacts_resolve(&overlay, now);
    resolves_to("no such name"); /* what it had before stays */
    CU_ASSERT_TRUE(overlay.n_contacts == 1 && contact_is(0, "192.0.2.2"));
    pp_contacts_resolve(&overlay, (struct pp_now){.mono = now.mono + PP_MINUTE});
    pp_contacts_finish(&overlay);
    CU_ASSERT_EQUAL(resolver.cancelled, 1);
}

static void test_ourselves_left_out(void)
{
    static const char *const contacts[] = {"192.0.2.9:4700", "me.example:4700"};
    struct pp_error error;
    CU_ASSERT_EQUAL(start(contacts, 2, &error), PP_OK);
    pp_contacts_resolve(&overlay, now);
    resolves_to("192.0.2.9");
    CU_ASSERT_EQUAL(overlay.n_contacts, 0);
    pp_contacts_finish(&overlay);
}

static void test_what_is_no_contact(void)
{
    static const char *const wrong[] = {"nowhere",          "node.example",       "node.example:",
                                        "node.example:0",   "node.example:65536", "300.1.1.1:47",
                                        "[::1:47",          "[node]:47",          ":47",
                                        "node..example:47", "node ex:47",         "::1:x",
                                        "node.example:4x"};
    struct pp_error error;
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        CU_ASSERT_EQUAL(start(&wrong[i], 1, &error), PP_CONFIG);
        CU_ASSERT_PTR_NOT_NULL(strstr(error.text, wrong[i]));
        pp_contacts_finish(&overlay);
    }
    static const char *const right[] = {"[::1]:4701", "a-1.b_2.example.:1", "x:65535"};
    CU_ASSERT_EQUAL(start(right, 3, &error), PP_OK);
    CU_ASSERT_TRUE(contact_is(0, "::1"));
    CU_ASSERT_EQUAL(pp_contacts_unresolved(&overlay), 2);
    pp_contacts_finish(&overlay);
}

CHECK_MAIN("overlay contacts", CHECK(test_a_name_joins_the_addresses),
           CHECK(test_failures_are_tried_again), CHECK(test_ourselves_left_out),
           CHECK(test_what_is_no_contact))
