/* A mailbox on several computers as a value: the same for all, in whatever order records come. */
#include <check.h>
#include <mail/device_record.h>
#include <stdio.h>

#define DEVICES 3
#define RECORDS 40
#define NAMES 6

static uint64_t seed;

static unsigned dice(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static struct pp_stamp stamp(uint64_t lamport, unsigned device)
{
    struct pp_stamp s = {.lamport = lamport};
    memset(s.device, 'a' + (int)device, sizeof s.device);
    return s;
}

static void item_name(char out[32], unsigned i)
{
    snprintf(out, 32, "message-%u.host", i);
}

static void add(struct pp_device_state *s, const char *name, struct pp_stamp at)
{
    struct pp_item *item = pp_item_of(s, name);
    item->added = at;
    memcpy(item->id, &at, sizeof item->id);
    item->size = 4711;
    item->dirty = true;
}

static void move(struct pp_device_state *s, const char *name, struct pp_stamp at, const char *to)
{
    struct pp_item *item = pp_item_of(s, name);
    item->moved = at;
    snprintf(item->folder, sizeof item->folder, "%s", to);
    item->dirty = true;
}

static void erase(struct pp_device_state *s, const char *name, struct pp_stamp at)
{
    struct pp_item *item = pp_item_of(s, name);
    item->deleted = at;
    item->deleted_at = 1800000000;
    item->dirty = true;
}

static void flag(struct pp_device_state *s, const char *name, struct pp_stamp at, unsigned bit,
                 bool on)
{
    struct pp_item *item = pp_item_of(s, name);
    item->flagged[bit] = at;
    item->flags = (uint8_t)((item->flags & ~(1u << bit)) | (unsigned)on << bit);
    item->dirty = true;
}

static void join(struct pp_device_state *into, const struct pp_device_state *from)
{
    for (const struct pp_item *i = from->items; i; i = i->hh.next) {
        pp_item_join(pp_item_of(into, i->name), i);
    }
    for (const struct pp_setting *s = from->settings; s; s = s->hh.next) {
        pp_setting_join(pp_setting_of(into, s->key), s);
    }
    into->lamport = from->lamport > into->lamport ? from->lamport : into->lamport;
}

/* --- two changes --------------------------------------------------------------------------- */

static void two(struct pp_device_state *a, struct pp_device_state *b)
{
    *a = *b = (struct pp_device_state){0};
    add(a, "m", stamp(1, 0));
    add(b, "m", stamp(1, 0));
}

static void test_concurrent_changes_lose_nothing(void)
{
    struct pp_device_state a, b;
    two(&a, &b);
    flag(&a, "m", stamp(2, 0), 4, true); /* S */
    flag(&b, "m", stamp(2, 1), 1, true); /* F */
    move(&b, "m", stamp(3, 1), ".Archive");
    join(&a, &b);
    const struct pp_item *item = pp_item_find(&a, "m");
    CU_ASSERT_EQUAL(item->flags, pp_flags_of("FS"));
    CU_ASSERT_STRING_EQUAL(pp_item_folder(item), ".Archive");
    CU_ASSERT(pp_item_lives(item));
    pp_device_state_finish(&a);
    pp_device_state_finish(&b);
}

static bool lives_after(uint64_t moved, uint64_t deleted, bool delete_first)
{
    struct pp_device_state a, b;
    two(&a, &b);
    move(&a, "m", stamp(moved, 0), ".Archive");
    erase(&b, "m", stamp(deleted, 1));
    if (delete_first) {
        join(&b, &a);
    } else {
        join(&a, &b);
    }
    bool lives = pp_item_lives(pp_item_find(delete_first ? &b : &a, "m"));
    pp_device_state_finish(&a);
    pp_device_state_finish(&b);
    return lives;
}

static void test_a_deletion_wins_over_a_move_only_if_later(void)
{
    for (int first = 0; first < 2; first++) {
        CU_ASSERT_FALSE(lives_after(2, 3, first));
        CU_ASSERT_TRUE(lives_after(3, 2, first));
        CU_ASSERT_FALSE(lives_after(2, 2, first)); /* device b is the greater */
    }
}

static void test_a_deletion_wins_over_all_else(void)
{
    struct pp_device_state a, b;
    two(&a, &b);
    erase(&a, "m", stamp(2, 0));
    flag(&b, "m", stamp(9, 1), 4, true);
    add(&b, "m", stamp(9, 1));
    join(&a, &b);
    CU_ASSERT_FALSE(pp_item_lives(pp_item_find(&a, "m")));
    pp_device_state_finish(&a);
    pp_device_state_finish(&b);
}

/* --- any order ----------------------------------------------------------------------------- */

static void random_change(struct pp_device_state *s, struct pp_stamp at)
{
    static const char *const folders[] = {"", ".Archive", ".Work.Old"};
    char name[32];
    item_name(name, dice(NAMES));
    struct pp_item *item = pp_item_find(s, name);
    switch (item && item->added.lamport ? dice(5) : 0) {
    case 0:
        add(s, name, at);
        break;
    case 1:
        move(s, name, at, folders[dice(3)]);
        break;
    case 2:
        erase(s, name, at);
        break;
    case 3:
        flag(s, name, at, dice(PP_FLAGS), dice(2));
        break;
    default: {
        struct pp_setting *set = pp_setting_of(s, dice(2) ? "2anna@x" : "1.Archive");
        set->on = dice(2);
        set->changed = at;
        set->dirty = true;
    }
    }
}

static void clean(struct pp_device_state *s)
{
    for (struct pp_item *i = s->items; i; i = i->hh.next) {
        i->dirty = false;
    }
    for (struct pp_setting *t = s->settings; t; t = t->hh.next) {
        t->dirty = false;
    }
}

struct logs {
    struct pp_buf record[DEVICES][RECORDS];
    unsigned n[DEVICES];
};

static void read_in(struct pp_device_state *into, const struct pp_buf *record)
{
    struct pp_record_head head;
    struct pp_device_state read = {0};
    CHECK_FATAL(pp_record_read(&head, &read, pp_buf_bytes(record)) == PP_OK);
    join(into, &read);
    pp_device_state_finish(&read);
}

/* Devices change things, and hear of each other now and then. */
static void live(struct logs *logs)
{
    struct pp_device_state state[DEVICES] = {{0}};
    unsigned heard[DEVICES][DEVICES] = {{0}};
    *logs = (struct logs){0};
    for (unsigned step = 0; step < DEVICES * RECORDS; step++) {
        unsigned d = dice(DEVICES);
        struct pp_device_state *s = &state[d];
        for (unsigned o = 0; o < DEVICES; o++) {
            while (o != d && heard[d][o] < logs->n[o] && dice(4)) {
                read_in(s, &logs->record[o][heard[d][o]++]);
            }
        }
        if (logs->n[d] == RECORDS) {
            continue;
        }
        struct pp_record_head head = {.n = logs->n[d], .snapshot = dice(8) == 0};
        memset(head.device, 'a' + (int)d, sizeof head.device);
        head.lamport = ++s->lamport;
        for (unsigned i = dice(4) + 1; i; i--) {
            random_change(s, stamp(head.lamport, d));
        }
        CHECK_FATAL(pp_record_write(&logs->record[d][logs->n[d]++], &head, s) == PP_OK);
        clean(s);
    }
    for (unsigned d = 0; d < DEVICES; d++) {
        pp_device_state_finish(&state[d]);
    }
}

/* Everything of a state, in one order. */
static void print(const struct pp_device_state *s, struct pp_buf *out)
{
    char name[32];
    out->len = 0;
    for (unsigned i = 0; i < NAMES; i++) {
        item_name(name, i);
        const struct pp_item *item = pp_item_find(s, name);
        pp_buf_printf(out, "%s %d %d %s %x\n", name, item && pp_item_lives(item),
                      item ? (int)item->added.lamport : 0, item ? pp_item_folder(item) : "-",
                      item ? item->flags : 0);
    }
    for (unsigned i = 0; i < 2; i++) {
        const char *key = i ? "2anna@x" : "1.Archive";
        struct pp_setting *set;
        HASH_FIND_STR(s->settings, key, set);
        pp_buf_printf(out, "%s %d\n", key, set && set->on);
    }
}

/* One reader: its own interleaving, some records twice. */
static void read_all(const struct logs *logs, bool in_order, struct pp_buf *out)
{
    struct pp_device_state s = {0};
    bool seen[DEVICES][RECORDS] = {{false}};
    unsigned next[DEVICES] = {0}, left = 0;
    for (unsigned d = 0; d < DEVICES; d++) {
        left += logs->n[d];
    }
    while (left) {
        unsigned d = dice(DEVICES);
        unsigned n = in_order ? next[d]++ : dice(RECORDS);
        if (n >= logs->n[d]) {
            continue;
        }
        read_in(&s, &logs->record[d][n]);
        left -= !seen[d][n];
        seen[d][n] = true;
    }
    print(&s, out);
    pp_device_state_finish(&s);
}

static void test_any_order_gives_the_same(void)
{
    for (seed = 1; seed < 40; seed += 1) {
        uint64_t begin = seed;
        struct logs logs;
        struct pp_buf first = {0}, other = {0};
        live(&logs);
        read_all(&logs, true, &first);
        for (unsigned i = 0; i < 5; i++) {
            read_all(&logs, i % 2, &other);
            CU_ASSERT(pp_bytes_equal(pp_buf_bytes(&first), pp_buf_bytes(&other)));
        }
        for (unsigned d = 0; d < DEVICES; d++) {
            for (unsigned n = 0; n < logs.n[d]; n++) {
                pp_buf_free(&logs.record[d][n]);
            }
        }
        pp_buf_free(&first);
        pp_buf_free(&other);
        seed = begin;
    }
}

static void test_names_stay_in_the_maildir(void)
{
    CU_ASSERT(pp_item_name_is_fit("1764067892.M12P3.host,S=123") && pp_item_folder_is_fit(""));
    CU_ASSERT(pp_item_folder_is_fit(".Archive.2026") && !pp_item_folder_is_fit("Archive"));
    CU_ASSERT(!pp_item_name_is_fit("../x") && !pp_item_name_is_fit("a/b"));
    CU_ASSERT(!pp_item_name_is_fit(".x") && !pp_item_name_is_fit("a:2,S"));
    CU_ASSERT(!pp_item_name_is_fit("") && !pp_item_name_is_fit("a\nb"));
    CU_ASSERT(!pp_item_folder_is_fit("..") && !pp_item_folder_is_fit("./x"));
    CU_ASSERT(!pp_item_folder_is_fit(".") && !pp_item_folder_is_fit("..x"));
    CU_ASSERT(!pp_setting_key_is_fit("1..") && !pp_setting_key_is_fit("9x"));
    CU_ASSERT(!pp_setting_key_is_fit("2") && pp_setting_key_is_fit("2anna@x"));
}

CHECK_MAIN("device_state", CHECK(test_concurrent_changes_lose_nothing),
           CHECK(test_a_deletion_wins_over_a_move_only_if_later),
           CHECK(test_a_deletion_wins_over_all_else), CHECK(test_any_order_gives_the_same),
           CHECK(test_names_stay_in_the_maildir))
