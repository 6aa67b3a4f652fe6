/* The log torn and damaged at every octet of its last records: what was acknowledged is there, or
 * the open says that it is not. */
#include "kit.h"

#include <store-fs/fs_store.h>

/* The slot that holds the last records, and where those lie. */
static char slot_file[200];
static uint8_t *slot;
static size_t slot_len, start_a, start_b, end_b;

static int append_two(void)
{
    kit_open();
    for (uint8_t i = 10; i <= 11; i++) {
        struct pp_batch *b = p->begin(store);
        kit_append_in(b, KIT_INBOX, i);
        if (p->commit(b) != PP_OK) {
            return 1;
        }
    }
    return 0;
}

static bool find_records(const char *file)
{
    struct fs_record r;
    size_t last[3] = {0, 0, 0}, n = 0;
    slot = kit_read(file, &slot_len);
    for (size_t at = 0;
         at + FS_RECORD_HEAD <= slot_len && fs_record_read(&r, slot + at, slot_len - at); n++) {
        last[0] = last[1];
        last[1] = at;
        at += r.len;
        last[2] = at;
    }
    start_a = last[0];
    start_b = last[1];
    end_b = last[2];
    return n >= 2 && r.batch > 0;
}

/* A store whose log holds a batch A and behind it the last, B. */
static void begin(void)
{
    kit_begin();
    kit_open();
    kit_fill();
    kit_close();
    CU_ASSERT_EQUAL_FATAL(kit_apart(append_two), 0);
    for (int i = 0; i < 8; i++) {
        snprintf(slot_file, sizeof slot_file, "%s/log/%d", path, i);
        if (access(slot_file, F_OK) == 0 && find_records(slot_file)) {
            struct fs_record r;
            CU_ASSERT_TRUE_FATAL(fs_record_read(&r, slot + start_b, slot_len - start_b));
            return;
        }
        free(slot);
        slot = NULL;
    }
    CU_FAIL_FATAL("no slot with two records");
}

static void end(void)
{
    free(slot);
    kit_end();
}

/* How many notifications there are; 100: damage, well said; 101: something else. */
static int count_entries(void)
{
    struct pp_error error = {0};
    struct pp_head head;
    int err = kit_try(&error);
    if (err == PP_BROKEN) {
        bool said = strstr(error.text, "/log/") && strstr(error.text, "octet") &&
                    strstr(error.text, "--check-store --repair");
        return said ? 100 : 101;
    }
    return err || kit_head(PP_INBOX, KIT_INBOX, &head) ? 101 : (int)head.entries[0];
}

/* What a start finds when the disk has other octets from `at` up to the end of a record. */
static int found_with(size_t at, size_t upto, uint8_t octet)
{
    uint8_t *torn = malloc(slot_len);
    CU_ASSERT_PTR_NOT_NULL_FATAL(torn);
    memcpy(torn, slot, slot_len);
    memset(torn + at, octet, upto - at);
    bool same = memcmp(torn, slot, slot_len) == 0;
    kit_write(slot_file, torn, slot_len);
    free(torn);
    int found = kit_apart(count_entries);
    return same && found == 5 ? 0 : found;
}

/* kit_fill's three, A's and B's are five. */
static void test_a_torn_last_record_is_cut_and_nothing_else(void)
{
    begin();
    CU_ASSERT_EQUAL(kit_apart(count_entries), 5);
    for (size_t at = start_b; at < end_b; at++) {
        int found = found_with(at, end_b, at % 2 ? 0 : 0xff);
        CU_ASSERT_TRUE(found == 4 || found == 0);
    }
    for (size_t at = end_b; at < end_b + 200; at++) { /* behind it: acknowledged */
        CU_ASSERT_TRUE(found_with(at, at + 8, 0xff) == 5);
    }
    end();
}

static void test_damage_before_the_last_record_is_told(void)
{
    begin();
    for (size_t at = start_a; at < start_b; at++) {
        int found = found_with(at, start_b, at % 2 ? 0 : 0xff);
        CU_ASSERT_TRUE(found == 100 || found == 0);
        found = found_with(at, at + 1, (uint8_t)(slot[at] ^ 1));
        CU_ASSERT_EQUAL(found, 100);
    }
    end();
}

/* The disk lost the slot's first octets, or all of them: no torn write does that. */
static void test_a_slot_without_its_begin_is_told(void)
{
    begin();
    CU_ASSERT_EQUAL(found_with(0, slot_len, 0), 100);
    CU_ASSERT_EQUAL(found_with(0, 512, 0), 100);
    CU_ASSERT_EQUAL(found_with(0, 2, 0x55), 100);
    kit_write(slot_file, slot, slot_len / 2);
    CU_ASSERT_NOT_EQUAL(kit_apart(count_entries), 5);
    kit_write(slot_file, slot, 0);
    CU_ASSERT_EQUAL(kit_apart(count_entries), 100);
    end();
}

CHECK_MAIN("store-fs log", CHECK(test_a_torn_last_record_is_cut_and_nothing_else),
           CHECK(test_damage_before_the_last_record_is_told),
           CHECK(test_a_slot_without_its_begin_is_told))
