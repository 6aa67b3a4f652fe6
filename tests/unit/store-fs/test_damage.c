/* One damaged file costs what it held; the store serves on, and is whole again by itself. */
#include "kit.h"

#include <fcntl.h>

enum way { TRUNCATED, GARBAGE, FLIPPED, EMPTY, MISSING, WAYS };

static void damage(const char *file, enum way way)
{
    struct stat st;
    int fd = open(file, O_RDWR);
    CU_ASSERT_TRUE_FATAL(fd >= 0 && fstat(fd, &st) == 0);
    uint8_t octet = 0;
    switch (way) {
    case TRUNCATED:
        CU_ASSERT_EQUAL(ftruncate(fd, st.st_size / 2), 0);
        break;
    case GARBAGE:
        CU_ASSERT_EQUAL(pwrite(fd, "no such text", 12, 0), 12);
        break;
    case FLIPPED:
        CU_ASSERT_EQUAL(pread(fd, &octet, 1, st.st_size - 1), 1);
        octet ^= 1;
        CU_ASSERT_EQUAL(pwrite(fd, &octet, 1, st.st_size - 1), 1);
        break;
    case EMPTY:
        CU_ASSERT_EQUAL(ftruncate(fd, 0), 0);
        break;
    case MISSING:
        CU_ASSERT_EQUAL(unlink(file), 0);
        break;
    case WAYS:
        break;
    }
    close(fd);
}

/* A filled store, closed, with the file of one thing damaged, opened again. */
static void begin(const char *kind, unsigned n, enum way way)
{
    char file[200];
    kit_begin();
    kit_open();
    kit_fill();
    kit_close();
    kit_path(file, kind, n);
    damage(file, way);
    kit_open();
}

/* Nothing of it is left to count; the rest is whole, and a check finds no fault. */
static void end(uint64_t objects, uint64_t inboxes, uint64_t tombstones)
{
    struct pp_usage u = kit_usage();
    CU_ASSERT_EQUAL(u.objects, objects);
    CU_ASSERT_EQUAL(u.inboxes, inboxes);
    CU_ASSERT_EQUAL(u.tombstones, tombstones);
    CU_ASSERT_EQUAL(kit_listed(), (int)(objects + inboxes + tombstones));
    kit_close();
    CU_ASSERT_EQUAL(p->check(path, values, false, NULL, NULL), 0);
    kit_end();
}

static void is_aside(const char *name, bool wanted)
{
    char file[220], hex[65];
    struct pp_name n = kit_name(2);
    pp_hex(hex, n.b, sizeof n.b);
    snprintf(file, sizeof file, "%s/quarantine/%s-%s", path, name, hex);
    CU_ASSERT_EQUAL(access(file, F_OK) == 0, wanted);
}

static void test_a_damaged_object_is_set_aside(void)
{
    for (int way = 0; way < WAYS; way++) {
        struct pp_head head;
        begin("objects", 2, (enum way)way);
        CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 2, &head), PP_NOT_FOUND);
        CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 3, &head), PP_OK);
        CU_ASSERT_EQUAL(kit_listed(), KIT_OBJECTS); /* five others and the inbox */
        CU_ASSERT_EQUAL(kit_usage().damaged, 1);
        kit_batch();
        is_aside("object", way != MISSING);
        end(4, 1, 1);
    }
}

static void test_what_is_damaged_may_come_anew(void)
{
    struct pp_head head;
    begin("objects", 2, GARBAGE);
    struct pp_batch *b = p->begin(store);
    kit_put_in(b, 2, 777);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    kit_batch();
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 2, &head), PP_OK);
    CU_ASSERT_EQUAL(head.size, 777);
    end(5, 1, 1);
}

/* Its head lies in a table above the file. */
static void test_a_touched_object_is_damaged_below(void)
{
    struct pp_name name = kit_name(2);
    struct pp_head head;
    char file[200];
    kit_begin();
    kit_open();
    kit_fill();
    kit_close();
    kit_open();
    struct pp_batch *b = p->begin(store);
    CU_ASSERT_EQUAL(p->touch(b, PP_OBJECT, &name, 99, 0, 0), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    kit_path(file, "objects", 2);
    damage(file, TRUNCATED);
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 2, &head), PP_OK);
    struct pp_view *v = p->begin_view(store);
    struct pp_spans spans;
    CU_ASSERT_EQUAL(p->read(v, &name, head.serial, 0, &spans), PP_NOT_FOUND);
    p->end_view(v);
    kit_batch();
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 2, &head), PP_NOT_FOUND);
    end(4, 1, 1);
}

static void test_a_damaged_tombstone_is_forgotten(void)
{
    struct pp_head head;
    begin("objects", 5, GARBAGE);
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 5, &head), PP_NOT_FOUND);
    kit_batch();
    end(5, 1, 0);
}

/* Notifications that came since lie in the log: they stay. */
static void test_a_damaged_inbox_keeps_what_came_since(void)
{
    struct pp_head head;
    char file[200];
    kit_begin();
    kit_open();
    kit_fill();
    kit_close();
    kit_open();
    struct pp_batch *b = p->begin(store);
    kit_append_in(b, KIT_INBOX, 8);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    kit_path(file, "inboxes", KIT_INBOX);
    damage(file, FLIPPED);
    kit_close(); /* fills: meets the damage */
    kit_open();
    CU_ASSERT_EQUAL(kit_head(PP_INBOX, KIT_INBOX, &head), PP_OK);
    CU_ASSERT_EQUAL(head.entries[0], 1);
    end(5, 1, 1);
}

static void test_a_body_beside_is_missing_or_short(void)
{
    for (int cut = 0; cut < 2; cut++) {
        struct pp_name name = kit_name(6);
        struct pp_spans spans;
        struct pp_head head;
        char file[200];
        kit_begin();
        kit_open();
        kit_fill();
        CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 6, &head), PP_OK);
        snprintf(file, sizeof file, "%s/bodies/%llu", path, (unsigned long long)head.serial);
        damage(file, cut ? TRUNCATED : MISSING);
        struct pp_view *v = p->begin_view(store);
        CU_ASSERT_EQUAL(p->read(v, &name, head.serial, 0, &spans), PP_NOT_FOUND);
        p->end_view(v);
        kit_batch();
        CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 6, &head), PP_NOT_FOUND);
        CU_ASSERT_EQUAL(kit_usage().damaged, 1);
        end(4, 1, 1);
    }
}

/* The object of a long body is damaged: the body goes with it. */
static void test_a_long_body_goes_with_its_object(void)
{
    struct pp_head head;
    begin("objects", 6, EMPTY);
    uint64_t before = kit_usage().octets;
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 6, &head), PP_NOT_FOUND);
    kit_batch();
    CU_ASSERT_TRUE(kit_usage().octets <= before - 300000);
    kit_batch();
    end(4, 1, 1);
}

CHECK_MAIN("store-fs damage", CHECK(test_a_damaged_object_is_set_aside),
           CHECK(test_what_is_damaged_may_come_anew), CHECK(test_a_touched_object_is_damaged_below),
           CHECK(test_a_damaged_tombstone_is_forgotten),
           CHECK(test_a_damaged_inbox_keeps_what_came_since),
           CHECK(test_a_body_beside_is_missing_or_short),
           CHECK(test_a_long_body_goes_with_its_object))
