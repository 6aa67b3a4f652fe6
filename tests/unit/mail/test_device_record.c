/* Records and directory entries as octets: back as they were; hostile ones refused. */
#include <check.h>
#include <mail/device_record.h>
#include <stdio.h>

static struct pp_stamp stamp(uint64_t lamport, char device)
{
    struct pp_stamp s = {.lamport = lamport};
    memset(s.device, device, sizeof s.device);
    return s;
}

static void fill(struct pp_device_state *s)
{
    *s = (struct pp_device_state){0};
    struct pp_item *item = pp_item_of(s, "one");
    item->added = stamp(1, 'a');
    memset(item->id, 1, sizeof item->id);
    memset(item->key, 2, sizeof item->key);
    memset(item->digest, 3, sizeof item->digest);
    memset(item->content, 4, sizeof item->content);
    item->size = 4711;
    item->stored = 1800000000;
    item->dirty = true;
    item = pp_item_of(s, "two");
    item->added = stamp(2, 'b');
    item->moved = stamp(4, 'a');
    snprintf(item->folder, sizeof item->folder, ".Archive");
    item->flags = pp_flags_of("FS");
    item->flagged[1] = stamp(3, 'b');
    item->flagged[4] = stamp(5, 'a');
    item->deleted = stamp(6, 'a');
    item->deleted_at = 1800000001;
    struct pp_setting *set = pp_setting_of(s, "2anna@x");
    set->on = set->dirty = true;
    set->changed = stamp(7, 'b');
}

static const struct pp_record_head head = {.snapshot = true,
                                           .device = "dddddddddddddddd",
                                           .n = 256,
                                           .lamport = 7,
                                           .time = 1800000002,
                                           .name = "office"};

static void write_one(struct pp_buf *out, bool snapshot)
{
    struct pp_device_state s;
    struct pp_record_head h = head;
    h.snapshot = snapshot;
    fill(&s);
    CHECK_FATAL(pp_record_write(out, &h, &s) == PP_OK);
    pp_device_state_finish(&s);
}

static void test_back_as_it_was(void)
{
    struct pp_buf octets = {0};
    struct pp_record_head h;
    struct pp_device_state s = {0}, was;
    write_one(&octets, true);
    fill(&was);
    CHECK_FATAL(pp_record_read(&h, &s, pp_buf_bytes(&octets)) == PP_OK);
    CU_ASSERT(h.snapshot && h.n == 256 && h.lamport == 7 && h.time == head.time);
    CU_ASSERT_STRING_EQUAL(h.name, "office");
    CU_ASSERT_EQUAL(HASH_COUNT(s.items), 2);
    for (const struct pp_item *i = was.items; i; i = i->hh.next) {
        struct pp_item *read = pp_item_find(&s, i->name);
        CHECK_FATAL(read != NULL);
        CU_ASSERT_FALSE(pp_item_join(read, i)); /* nothing is missing .. */
        CU_ASSERT(read->size == i->size && read->stored == i->stored);
        CU_ASSERT(memcmp(read->key, i->key, 32) == 0 && memcmp(read->content, i->content, 32) == 0);
        CU_ASSERT(read->deleted_at == i->deleted_at && read->flags == i->flags);
    }
    CU_ASSERT(HASH_COUNT(s.settings) == 1 && s.settings->on && s.settings->changed.lamport == 7);
    pp_device_state_finish(&s);
    pp_device_state_finish(&was);
    pp_buf_free(&octets);
}

static void test_only_what_is_new(void)
{
    struct pp_buf octets = {0};
    struct pp_record_head h;
    struct pp_device_state s = {0};
    write_one(&octets, false);
    CHECK_FATAL(pp_record_read(&h, &s, pp_buf_bytes(&octets)) == PP_OK);
    CU_ASSERT(!h.snapshot && HASH_COUNT(s.items) == 1 && pp_item_find(&s, "one") != NULL);
    pp_device_state_finish(&s);
    pp_buf_free(&octets);
}

static int read_octets(struct pp_bytes octets)
{
    struct pp_record_head h;
    struct pp_device_state s = {0};
    int rc = pp_record_read(&h, &s, octets);
    if (rc == PP_OK) {
        pp_device_state_finish(&s);
    }
    return rc;
}

static void test_hostile_octets(void)
{
    struct pp_buf octets = {0};
    write_one(&octets, true);
    for (size_t len = 0; len < octets.len; len++) {
        CU_ASSERT_EQUAL(read_octets(pp_bytes(octets.data, len)), PP_MALFORMED);
    }
    for (size_t i = 0; i < octets.len; i++) { /* no octet brings it down */
        for (unsigned bit = 0; bit < 8; bit++) {
            octets.data[i] ^= (uint8_t)(1u << bit);
            int rc = read_octets(pp_buf_bytes(&octets));
            CU_ASSERT(rc == PP_OK || rc == PP_MALFORMED);
            octets.data[i] ^= (uint8_t)(1u << bit);
        }
    }
    pp_buf_add(&octets, "", 1);
    CU_ASSERT_EQUAL(read_octets(pp_buf_bytes(&octets)), PP_MALFORMED);
    pp_buf_free(&octets);
}

/* Replaces one text by another of the same length. */
static int read_with(const char *from, const char *to)
{
    struct pp_buf octets = {0};
    write_one(&octets, true);
    uint8_t *at = memmem(octets.data, octets.len, from, strlen(from));
    CHECK_FATAL(at != NULL);
    memcpy(at, to, strlen(to));
    int rc = read_octets(pp_buf_bytes(&octets));
    pp_buf_free(&octets);
    return rc;
}

static void test_names_that_lead_elsewhere(void)
{
    CU_ASSERT_EQUAL(read_with(".Archive", ".Archivf"), PP_OK);
    CU_ASSERT_EQUAL(read_with(".Archive", "/etc/ssh"), PP_MALFORMED);
    CU_ASSERT_EQUAL(read_with(".Archive", "../../.."), PP_MALFORMED);
    CU_ASSERT_EQUAL(read_with("one", "../"), PP_MALFORMED);
    CU_ASSERT_EQUAL(read_with("one", "two"), PP_MALFORMED); /* twice */
    CU_ASSERT_EQUAL(read_with("2anna@x", "9anna@x"), PP_MALFORMED);
}

static void test_a_note_of_an_item(void)
{
    struct pp_device_state s;
    struct pp_item back = {.name = "two"};
    struct pp_buf value = {0};
    fill(&s);
    struct pp_item *item = pp_item_find(&s, "two");
    item->here = (struct pp_item_here){.there = true, .file = "twö", .folder = ".X", .flags = 3};
    item->dirty = true;
    CU_ASSERT_EQUAL(pp_item_write(&value, item), PP_OK);
    CU_ASSERT_EQUAL(pp_item_read(&back, pp_buf_bytes(&value)), PP_OK);
    CU_ASSERT(back.here.there && back.dirty && back.here.flags == 3);
    CU_ASSERT_STRING_EQUAL(back.here.file, "twö");
    CU_ASSERT_FALSE(pp_item_join(&back, item));
    back = (struct pp_item){.name = "two"};
    CU_ASSERT_EQUAL(pp_item_read(&back, pp_bytes(value.data, value.len - 1)), PP_MALFORMED);
    pp_buf_free(&value);
    pp_device_state_finish(&s);
}

static void test_the_directory(void)
{
    struct pp_directory_entry e = {.first = 512, .time = 1800000000, .name = "home"}, back;
    struct pp_buf octets = {0};
    memset(e.device, 7, sizeof e.device);
    CU_ASSERT_EQUAL(pp_directory_write(&octets, &e), PP_OK);
    CU_ASSERT_EQUAL(pp_directory_read(&back, pp_buf_bytes(&octets)), PP_OK);
    CU_ASSERT(back.first == 512 && back.time == e.time && memcmp(back.device, e.device, 16) == 0);
    CU_ASSERT_STRING_EQUAL(back.name, "home");
    for (size_t len = 0; len < octets.len; len++) {
        CU_ASSERT_EQUAL(pp_directory_read(&back, pp_bytes(octets.data, len)), PP_MALFORMED);
    }
    octets.len = 0;
    e.first = 513; /* no snapshot */
    CU_ASSERT_EQUAL(pp_directory_write(&octets, &e), PP_OK);
    CU_ASSERT_EQUAL(pp_directory_read(&back, pp_buf_bytes(&octets)), PP_MALFORMED);
    pp_buf_free(&octets);
}

CHECK_MAIN("device_record", CHECK(test_back_as_it_was), CHECK(test_only_what_is_new),
           CHECK(test_hostile_octets), CHECK(test_names_that_lead_elsewhere),
           CHECK(test_a_note_of_an_item), CHECK(test_the_directory))
