/* A hot inbox is read once, not once a notification; and never shown as it was. */
#include "kit.h"

static uint64_t octets_read(void)
{
    char line[64] = "";
    FILE *f = fopen("/proc/self/io", "r");
    CU_ASSERT_PTR_NOT_NULL_FATAL(f);
    CU_ASSERT_PTR_NOT_NULL(fgets(line, sizeof line, f)); /* "rchar: N" */
    fclose(f);
    return strtoull(line + 7, NULL, 10);
}

static void append(unsigned number)
{
    static uint8_t octets[1000];
    struct pp_name name = kit_name(KIT_INBOX);
    struct pp_entry entry = {.expires = 500, .bytes = pp_bytes(octets, sizeof octets)};
    uint64_t seq = 0;
    pp_put32(entry.digest, number);
    struct pp_batch *b = p->begin(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(p->append(b, &name, pp_str("user@x"), &entry, 5, &seq), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    CU_ASSERT_EQUAL(seq, number);
}

static int count(void *ctx, const struct pp_entry *entry)
{
    unsigned *n = ctx;
    CU_ASSERT_EQUAL(entry->seq, ++*n);
    return 0;
}

static void has_all(unsigned wanted)
{
    struct pp_name name = kit_name(KIT_INBOX);
    unsigned n = 0;
    struct pp_view *v = p->begin_view(store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(v);
    CU_ASSERT_EQUAL(p->entries(v, &name, 0, count, &n), PP_OK);
    CU_ASSERT_EQUAL(n, wanted);
    p->end_view(v);
}

static void test_a_hot_inbox_is_read_once(void)
{
    char file[200];
    struct stat st;
    kit_begin();
    kit_open();
    for (unsigned i = 1; i <= 200; i++) {
        append(i);
    }
    kit_close();
    kit_open();
    kit_path(file, "inboxes", KIT_INBOX);
    CU_ASSERT_EQUAL(stat(file, &st), 0);
    uint64_t before = octets_read();
    for (unsigned i = 201; i <= 220; i++) {
        append(i);
        has_all(i);
    }
    uint64_t all = octets_read() - before;
    CU_ASSERT_TRUE(all < 2 * (uint64_t)st.st_size);
    kit_close();
    kit_end();
}

/* Slots of 64 KiB: files change all the time under what is kept. */
static void test_what_is_kept_is_never_stale(void)
{
    kit_begin();
    kit_open();
    for (unsigned i = 1; i <= 600; i++) {
        append(i);
        has_all(i);
    }
    kit_close();
    CU_ASSERT_EQUAL(p->check(path, values, false, NULL, NULL), 0);
    kit_end();
}

CHECK_MAIN("store-fs cache", CHECK(test_a_hot_inbox_is_read_once),
           CHECK(test_what_is_kept_is_never_stale))
