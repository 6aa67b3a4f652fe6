/* Verification and repair of rows: each kind of damage is found, and mended to a whole store. */
#include <check.h>
#include <common/store/layout.h>

extern const struct pp_store_plugin peerpost_plugin;
static const struct pp_store_plugin *const p = &peerpost_plugin;
static struct pp_store *store;

static struct pp_name name_of(uint8_t n)
{
    return (struct pp_name){{n}};
}

static void fill(void)
{
    union pp_value values[1] = {{.number = 16 << 20}};
    static uint8_t octets[40000];
    uint8_t keyid[32] = {1};
    uint64_t seq;
    CU_ASSERT_EQUAL_FATAL(
        p->open(&store, "mem", values, (const uint8_t *)"0123456789abcdef", PP_STORE_CREATE, NULL),
        PP_OK);
    struct pp_batch *b = p->begin(store);
    for (uint8_t n = 1; n <= 3; n++) {
        struct pp_name name = name_of(n);
        struct pp_head head = {.size = sizeof octets, .expires = 9, .stamp = n};
        head.identifier = pp_str("id@x");
        CU_ASSERT_EQUAL(p->piece(b, &head.serial, pp_bytes(octets, sizeof octets)), PP_OK);
        CU_ASSERT_EQUAL(p->put(b, &name, &head), PP_OK);
        CU_ASSERT_EQUAL(p->member_add(b, &name, keyid, pp_str("DER")), PP_OK);
        struct pp_entry entry = {.digest = {n}, .expires = n, .bytes = pp_str("notification")};
        struct pp_name inbox = name_of(9);
        CU_ASSERT_EQUAL(p->append(b, &inbox, pp_str("u@x"), &entry, 1, &seq), PP_OK);
    }
    struct pp_name third = name_of(3);
    CU_ASSERT_EQUAL(p->remove(b, PP_OBJECT, &third, true), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    CU_ASSERT_EQUAL(rows_verify(store, NULL), 0);
}

/* Takes away the first row whose key begins so, behind the store's back. */
static void damage(struct rows_key prefix)
{
    void *txn;
    struct pp_bytes key, value;
    CU_ASSERT_EQUAL_FATAL(store->map->begin(store->env, true, &txn), PP_OK);
    CU_ASSERT_EQUAL_FATAL(store->map->seek(txn, rows_key_bytes(&prefix), &key, &value), PP_OK);
    CU_ASSERT_EQUAL_FATAL(memcmp(key.data, prefix.b, prefix.len), 0);
    CU_ASSERT_EQUAL(store->map->del(txn, key), PP_OK);
    CU_ASSERT_EQUAL(store->map->commit(txn, false), PP_OK);
}

static void found_and_mended(struct rows_key prefix, uint64_t objects, uint32_t entries)
{
    struct pp_usage u;
    struct pp_name inbox = name_of(9);
    struct pp_head head = {0};
    fill();
    damage(prefix);
    CU_ASSERT_TRUE(rows_verify(store, NULL) > 0);
    CU_ASSERT_EQUAL(rows_repair(store, NULL), 0);
    struct pp_view *v = p->begin_view(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    p->usage(v, &u);
    CU_ASSERT_EQUAL(u.objects, objects);
    CU_ASSERT_EQUAL(u.tombstones, 1);
    CU_ASSERT_EQUAL(p->head(v, PP_INBOX, &inbox, &head), PP_OK);
    CU_ASSERT_EQUAL(head.entries[0], entries);
    p->end_view(v);
    p->close(store);
}

static void test_a_lost_index_line(void)
{
    found_and_mended(rows_key('S'), 2, 3);
    found_and_mended(rows_key('T'), 2, 3);
}

static void test_a_lost_record_costs_the_object(void)
{
    found_and_mended(rows_key('P'), 1, 3);
}

static void test_a_lost_certificate_costs_that_one(void)
{
    struct pp_name object = name_of(1);
    found_and_mended(rows_key_name('C', &object), 2, 3);
}

static void test_a_lost_entry_costs_that_one(void)
{
    found_and_mended(rows_key('Z'), 2, 2);
    struct pp_name inbox = name_of(9);
    found_and_mended(rows_key_name('I', &inbox), 2, 2);
}

static void test_what_was_lost_can_come_again(void)
{
    struct pp_name name = name_of(1);
    uint8_t keyid[32] = {1};
    struct pp_head head = {.stamp = 1, .identifier = pp_str("id@x")};
    fill();
    damage(rows_key('P')); /* of the first body */
    CU_ASSERT_TRUE(rows_verify(store, NULL) > 0);
    CU_ASSERT_EQUAL(rows_repair(store, NULL), 0);
    struct pp_batch *b = p->begin(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(p->put(b, &name, &head), PP_OK);
    CU_ASSERT_EQUAL(p->member_add(b, &name, keyid, pp_str("DER")), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    p->close(store);
}

CHECK_MAIN("repair", CHECK(test_a_lost_index_line), CHECK(test_a_lost_record_costs_the_object),
           CHECK(test_a_lost_certificate_costs_that_one), CHECK(test_a_lost_entry_costs_that_one),
           CHECK(test_what_was_lost_can_come_again))
