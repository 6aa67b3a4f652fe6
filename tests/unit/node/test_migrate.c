/* Copying a whole store and comparing two: every part that could be lost changes the sum. */
#include <check.h>
#include <node/migrate.h>

extern const struct pp_store_plugin peerpost_plugin;
static const struct pp_store_plugin *const p = &peerpost_plugin;
static const struct migrate_progress silent;
static struct migrate_store from, to;

static const uint8_t keyids[3][32] = {{1}, {2}, {3}};
static const struct pp_name body = {{10}}, empty = {{11}}, gone = {{12}}, inbox = {{13}};

static void open_one(struct migrate_store *m, const char *path, int64_t capacity)
{
    static union pp_value values[2][1];
    union pp_value *value = values[m == &to];
    value->number = capacity;
    *m = (struct migrate_store){.api = p, .options = value, .path = path};
    CU_ASSERT_EQUAL_FATAL(
        p->open(&m->store, path, value, (const uint8_t *)"0123456789abcdef", PP_STORE_CREATE, NULL),
        PP_OK);
}

static void put(struct pp_batch *b, const struct pp_name *name, size_t size, pp_ns stamp)
{
    struct pp_head head = {.size = size, .created = 5, .expires = 900, .stamp = stamp, .copies = 3};
    uint8_t *octets = malloc(size + 1);
    CU_ASSERT_PTR_NOT_NULL_FATAL(octets);
    memset(octets, 'x', size);
    for (size_t at = 0; at < size; at += PP_PIECE_MAX) {
        size_t len = size - at < PP_PIECE_MAX ? size - at : PP_PIECE_MAX;
        CU_ASSERT_EQUAL(p->piece(b, &head.serial, pp_bytes(octets + at, len)), PP_OK);
    }
    head.digest[0] = name->b[0];
    head.identifier = pp_str("id@x");
    CU_ASSERT_EQUAL(p->put(b, name, &head), PP_OK);
    free(octets);
}

static void append(struct pp_batch *b, uint8_t n, unsigned queue)
{
    struct pp_entry entry = {.queue = queue, .digest = {n}, .expires = 100u + n};
    uint64_t seq;
    entry.bytes = pp_str("notification");
    CU_ASSERT_EQUAL(p->append(b, &inbox, pp_str("user@x"), &entry, 7, &seq), PP_OK);
}

/* Two objects of which one lost a certificate, a tombstone, an inbox with gaps. */
static void fill(struct pp_store *s)
{
    struct pp_batch *b = p->begin(s);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    put(b, &body, 700000, 40);
    put(b, &empty, 0, 30);
    put(b, &gone, 10, 20);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_EQUAL(p->member_add(b, &body, keyids[i], pp_str("DER")), PP_OK);
    }
    CU_ASSERT_EQUAL(p->member_drop(b, &body, keyids[1]), PP_OK);
    CU_ASSERT_EQUAL(p->remove(b, PP_OBJECT, &gone, true), PP_OK);
    for (uint8_t n = 1; n <= 5; n++) {
        append(b, n, n % 2);
    }
    CU_ASSERT_EQUAL(p->drop(b, &inbox, 2, 2), PP_OK);
    CU_ASSERT_EQUAL(p->drop(b, &inbox, 5, 5), PP_OK);
    CU_ASSERT_EQUAL(p->touch(b, PP_INBOX, &inbox, 35, 0, 4), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
}

static struct migrate_sum sum_of(const struct migrate_store *m)
{
    struct migrate_sum sum;
    struct pp_error error = {0};
    CU_ASSERT_EQUAL(migrate_sum_of(m, &silent, "reading", &sum, &error), PP_OK);
    return sum;
}

static void begin(void)
{
    open_one(&from, "from", 1 << 24);
    open_one(&to, "to", 1 << 24);
    fill(from.store);
}

static void end(void)
{
    p->close(from.store);
    p->close(to.store);
}

static void test_a_copy_is_equal(void)
{
    struct pp_error error = {0};
    begin();
    CU_ASSERT_EQUAL(migrate_copy(&from, &to, &silent, &error), PP_OK);
    struct migrate_sum a = sum_of(&from), b = sum_of(&to);
    CU_ASSERT_TRUE(migrate_sum_equal(&a, &b, &error));
    CU_ASSERT_EQUAL(b.objects, 2);
    CU_ASSERT_EQUAL(b.tombstones, 1);
    CU_ASSERT_EQUAL(b.inboxes, 1);
    CU_ASSERT_EQUAL(b.members, 2);
    CU_ASSERT_EQUAL(b.taken, 1);
    CU_ASSERT_EQUAL(b.notifications, 3);
    CU_ASSERT_EQUAL(b.octets, 700000 + 36);
    CU_ASSERT_EQUAL(b.last_seq, 5); /* of a notification that is gone */
    end();
}

/* The copy with one thing changed behind its back is not taken for equal. */
static void differs(int (*change)(struct pp_batch *b))
{
    struct pp_error error = {0};
    begin();
    CU_ASSERT_EQUAL(migrate_copy(&from, &to, &silent, &error), PP_OK);
    struct pp_batch *b = p->begin(to.store);
    CU_ASSERT_PTR_NOT_NULL_FATAL(b);
    CU_ASSERT_EQUAL(change(b), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    struct migrate_sum was = sum_of(&from), is = sum_of(&to);
    CU_ASSERT_FALSE(migrate_sum_equal(&was, &is, &error));
    CU_ASSERT_TRUE(strstr(error.text, "differs") != NULL);
    end();
}

static int lose_object(struct pp_batch *b)
{
    return p->remove(b, PP_OBJECT, &empty, false);
}

static int lose_tombstone(struct pp_batch *b)
{
    return p->remove(b, PP_OBJECT, &gone, false);
}

static int lose_member(struct pp_batch *b)
{
    return p->member_drop(b, &body, keyids[0]);
}

static int lose_entry(struct pp_batch *b)
{
    return p->drop(b, &inbox, 3, 3);
}

static int other_stamp(struct pp_batch *b)
{
    return p->touch(b, PP_OBJECT, &body, 41, 0, 0);
}

static int other_inbox_stamp(struct pp_batch *b)
{
    return p->touch(b, PP_INBOX, &inbox, 36, 0, 0);
}

static int other_expiry(struct pp_batch *b)
{
    return p->touch(b, PP_OBJECT, &body, 0, 901, 0);
}

static int other_copies(struct pp_batch *b)
{
    return p->touch(b, PP_INBOX, &inbox, 0, 0, 5);
}

static int other_last_seq(struct pp_batch *b)
{
    const struct pp_name other = {{77}};
    struct pp_entry entry = {.seq = 6};
    uint64_t seq;
    int err = p->append(b, &other, pp_str("x@x"), &entry, 1, &seq);
    return err ? err : p->remove(b, PP_INBOX, &other, false);
}

static int other_sequence(struct pp_batch *b)
{
    struct pp_entry entry = {.seq = 2, .queue = 1, .digest = {3}, .expires = 103};
    uint64_t seq;
    entry.bytes = pp_str("notification");
    int err = p->drop(b, &inbox, 3, 3);
    return err ? err : p->append(b, &inbox, pp_str("user@x"), &entry, 7, &seq);
}

static int other_body(struct pp_batch *b)
{
    struct pp_head head = {.created = 5, .expires = 900, .stamp = 30, .copies = 3};
    uint64_t one = 1;
    int err = p->remove(b, PP_OBJECT, &empty, false);
    head.size = one;
    head.digest[0] = empty.b[0];
    head.identifier = pp_str("id@x");
    err = err ? err : p->piece(b, &head.serial, pp_str("y"));
    return err ? err : p->put(b, &empty, &head);
}

static void test_any_change_is_noticed(void)
{
    int (*const changes[])(struct pp_batch *) = {lose_object,    lose_tombstone, lose_member,
                                                 lose_entry,     other_stamp,    other_inbox_stamp,
                                                 other_expiry,   other_copies,   other_last_seq,
                                                 other_sequence, other_body};
    for (size_t i = 0; i < sizeof changes / sizeof *changes; i++) {
        differs(changes[i]);
    }
}

static void test_a_full_store_says_so(void)
{
    struct pp_error error = {0};
    open_one(&from, "from", 1 << 24);
    open_one(&to, "to", 1 << 17);
    fill(from.store);
    CU_ASSERT_EQUAL(migrate_copy(&from, &to, &silent, &error), PP_FULL);
    CU_ASSERT_TRUE(strstr(error.text, "store.mem.capacity") != NULL);
    end();
}

static void test_an_empty_store_is_copied(void)
{
    struct pp_error error = {0};
    open_one(&from, "from", 1 << 20);
    open_one(&to, "to", 1 << 20);
    CU_ASSERT_EQUAL(migrate_copy(&from, &to, &silent, &error), PP_OK);
    struct migrate_sum a = sum_of(&from), b = sum_of(&to);
    CU_ASSERT_TRUE(migrate_sum_equal(&a, &b, &error));
    CU_ASSERT_EQUAL(b.objects + b.inboxes + b.tombstones + b.last_seq, 0);
    end();
}

CHECK_MAIN("migrate", CHECK(test_a_copy_is_equal), CHECK(test_any_change_is_noticed),
           CHECK(test_a_full_store_says_so), CHECK(test_an_empty_store_is_copied))
