/* Rows as octets: they come back as they were, and octets that are no row are refused. */
#include <check.h>
#include <common/store/layout.h>

static void test_heads_come_back(void)
{
    struct rows_head in = {.large = true,
                           .h = {.serial = 7,
                                 .size = 1 << 20,
                                 .digest = {1, 2, 3},
                                 .created = 4,
                                 .expires = 5,
                                 .stamp = 6,
                                 .copies = 8,
                                 .members = 9,
                                 .entries = {10, 11},
                                 .octets = {12, 13}}};
    struct rows_head out;
    struct pp_buf row = {0};
    in.h.identifier = pp_str("id@x");
    rows_head_encode(&row, &in);
    CU_ASSERT_EQUAL_FATAL(rows_head_decode(&out, pp_buf_bytes(&row)), PP_OK);
    CU_ASSERT_TRUE(out.large && !out.tombstone);
    CU_ASSERT_TRUE(pp_bytes_is(out.h.identifier, "id@x"));
    out.h.identifier = in.h.identifier;
    struct pp_buf again = {0};
    rows_head_encode(&again, &out);
    CU_ASSERT_TRUE(pp_bytes_equal(pp_buf_bytes(&row), pp_buf_bytes(&again)));
    for (size_t len = 0; len < row.len - 4; len++) {
        CU_ASSERT_EQUAL(rows_head_decode(&out, pp_bytes(row.data, len)), PP_BROKEN);
    }
    pp_buf_free(&row);
    pp_buf_free(&again);
}

static void test_entries_and_counters_are_checked(void)
{
    struct rows_entry entry = {1, {2}, 3, 4}, back;
    struct rows_meta meta = {1, 2, 3, 4, 5, 6}, read = {0};
    uint8_t row[ROWS_ENTRY_LEN], first[ROWS_META_LEN], epoch[16] = {9}, got[16];
    uint32_t format;
    rows_entry_encode(row, &entry);
    CU_ASSERT_EQUAL(rows_entry_decode(&back, pp_bytes(row, sizeof row)), PP_OK);
    CU_ASSERT_TRUE(back.queue == 1 && back.expires == 3 && back.size == 4);
    row[0] = PP_QUEUES;
    CU_ASSERT_EQUAL(rows_entry_decode(&back, pp_bytes(row, sizeof row)), PP_BROKEN);
    CU_ASSERT_EQUAL(rows_entry_decode(&back, pp_bytes(row, sizeof row - 1)), PP_BROKEN);
    rows_meta_encode(first, &meta, epoch);
    CU_ASSERT_EQUAL(rows_meta_decode(&read, got, &format, pp_bytes(first, sizeof first)), PP_OK);
    CU_ASSERT_EQUAL(memcmp(&read, &meta, sizeof meta), 0);
    CU_ASSERT_EQUAL(memcmp(got, epoch, sizeof epoch), 0);
    first[3]++;
    CU_ASSERT_EQUAL(rows_meta_decode(&read, got, &format, pp_bytes(first, sizeof first)),
                    PP_FORMAT);
    CU_ASSERT_EQUAL(format, ROWS_FORMAT + 1);
    CU_ASSERT_EQUAL(rows_meta_decode(&read, got, &format, pp_bytes(first, 2)), PP_BROKEN);
}

static void test_keys_sort_as_numbers(void)
{
    struct pp_name name = {{1}};
    struct rows_key a = rows_key_index('S', 255, 9, PP_OBJECT, &name);
    struct rows_key b = rows_key_index('S', 256, 1, PP_OBJECT, &name);
    struct rows_key t = rows_key_index('T', 1, 0, PP_OBJECT, &name);
    CU_ASSERT_TRUE(pp_bytes_compare(rows_key_bytes(&a), rows_key_bytes(&b)) < 0);
    CU_ASSERT_TRUE(pp_bytes_compare(rows_key_bytes(&b), rows_key_bytes(&t)) < 0);
    CU_ASSERT_EQUAL(a.len, ROWS_INDEX_LEN);
}

/* Heads and what hangs on them share the name's prefix, and a head's key tells both. */
static void test_rows_of_a_name_stand_together(void)
{
    struct pp_name name = {{7, 8, 9}}, back;
    enum pp_kind kind = PP_OBJECT;
    struct rows_key head = rows_key_head(PP_INBOX, &name), line = rows_key_name('I', &name);
    CU_ASSERT_EQUAL(memcmp(head.b, line.b, ROWS_OF_NAME - 1), 0);
    CU_ASSERT_TRUE(rows_key_of_head(&head, &kind, &back));
    CU_ASSERT_EQUAL(kind, PP_INBOX);
    CU_ASSERT_EQUAL(memcmp(back.b, name.b, sizeof name.b), 0);
    CU_ASSERT_FALSE(rows_key_is_head(&line));
    head.len--;
    CU_ASSERT_FALSE(rows_key_of_head(&head, &kind, &back));
}

CHECK_MAIN("layout", CHECK(test_heads_come_back), CHECK(test_entries_and_counters_are_checked),
           CHECK(test_keys_sort_as_numbers), CHECK(test_rows_of_a_name_stand_together))
