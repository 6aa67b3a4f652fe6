/* The memory store through its descriptor: one object's and one inbox's life. */
#include <check.h>
#include <peerpost/store.h>

extern const struct pp_store_plugin peerpost_plugin;
static const struct pp_store_plugin *const p = &peerpost_plugin;

static struct pp_store *open_store(int64_t capacity)
{
    struct pp_store *s = NULL;
    union pp_value values[1] = {{.number = capacity}};
    CU_ASSERT_EQUAL_FATAL(
        p->open(&s, "mem", values, (const uint8_t *)"0123456789abcdef", PP_STORE_CREATE, NULL),
        PP_OK);
    return s;
}

static int count(void *ctx, const struct pp_entry *entry)
{
    *(uint64_t *)ctx += entry->bytes.len;
    return 0;
}

static void test_an_object_lives_and_dies(void)
{
    struct pp_store *s = open_store(1 << 20);
    struct pp_name name = {{1}};
    uint8_t keyid[32] = {2};
    uint64_t serial = 0;
    struct pp_batch *b = p->begin(s);
    CU_ASSERT_EQUAL(p->piece(b, &serial, pp_str("hello ")), PP_OK);
    CU_ASSERT_EQUAL(p->piece(b, &serial, pp_str("world")), PP_OK);
    struct pp_head head = {.serial = serial, .size = 11, .expires = 5, .stamp = 3};
    head.identifier = pp_str("id@x");
    CU_ASSERT_EQUAL(p->put(b, &name, &head), PP_OK);
    CU_ASSERT_EQUAL(p->member_add(b, &name, keyid, pp_str("DER")), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);

    struct pp_view *v = p->begin_view(s);
    struct pp_spans spans;
    CU_ASSERT_EQUAL(p->head(v, PP_OBJECT, &name, &head), PP_OK);
    CU_ASSERT_EQUAL(head.members, 1);
    CU_ASSERT_EQUAL(p->read(v, &name, serial, 6, &spans), PP_OK);
    CU_ASSERT_EQUAL_FATAL(spans.n, 1);
    CU_ASSERT_TRUE(pp_bytes_is(spans.span[0], "world"));

    b = p->begin(s);
    CU_ASSERT_EQUAL(p->member_drop(b, &name, keyid), PP_OK);
    CU_ASSERT_EQUAL(p->remove(b, PP_OBJECT, &name, true), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    CU_ASSERT_EQUAL(p->head(v, PP_OBJECT, &name, &head), PP_OK); /* the view is of before */
    p->end_view(v);
    v = p->begin_view(s);
    CU_ASSERT_EQUAL(p->head(v, PP_OBJECT, &name, &head), PP_GONE);
    CU_ASSERT_EQUAL(head.expires, 5);
    p->end_view(v);
    p->close(s);
}

static void test_an_inbox_fills_to_the_brim_and_empties(void)
{
    struct pp_store *s = open_store(64 * 1024);
    struct pp_name name = {{7}};
    static uint8_t octets[1000];
    uint64_t seq = 0, sum = 0;
    int err = PP_OK;
    for (int i = 0; !err && i < 1000; i++) {
        struct pp_batch *b = p->begin(s);
        struct pp_entry entry = {.expires = 9, .bytes = pp_bytes(octets, sizeof octets)};
        pp_put32(entry.digest, (uint32_t)i);
        err = p->append(b, &name, pp_str("u@x"), &entry, 1, &seq);
        CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    }
    CU_ASSERT_EQUAL(err, PP_FULL);
    struct pp_batch *b = p->begin(s);
    CU_ASSERT_EQUAL(p->drop(b, &name, 0, seq - 1), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    struct pp_view *v = p->begin_view(s);
    CU_ASSERT_EQUAL(p->entries(v, &name, 0, count, &sum), PP_OK);
    CU_ASSERT_EQUAL(sum, sizeof octets);
    p->end_view(v);
    p->close(s);
}

CHECK_MAIN("store-mem", CHECK(test_an_object_lives_and_dies),
           CHECK(test_an_inbox_fills_to_the_brim_and_empties))
