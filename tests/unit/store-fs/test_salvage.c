/* Every kind of file damaged in every way: the open says what and where and changes nothing, a
 * repair keeps all that can still be read, sets the rest aside, and the store opens. */
#include "kit.h"

#include <store-fs/fs_store.h>

#include <dirent.h>
#include <fcntl.h>

enum way { BEGIN, MIDDLE, END, TRUNCATED, ZEROED, MISSING, WAYS };
static const char *const ways[] = {"begin", "middle", "end", "truncated", "zeroed", "missing"};

/* In files: kit_fill's. In the log: two more notifications, object 7, and a touch of object 2. */
static int leave_in_log(void)
{
    struct pp_name two = kit_name(2);
    kit_open();
    for (uint8_t i = 10; i <= 13; i++) {
        struct pp_batch *b = p->begin(store);
        if (i == 12) {
            kit_put_in(b, 7, 5000);
        } else if (i == 13) {
            CU_ASSERT_EQUAL(p->touch(b, PP_OBJECT, &two, 77, 0, 0), PP_OK);
        } else {
            kit_append_in(b, KIT_INBOX, i);
        }
        if (p->commit(b) != PP_OK) {
            return 1;
        }
    }
    return 0;
}

static void begin(void)
{
    kit_begin();
    kit_open();
    kit_fill();
    kit_close();
    CU_ASSERT_EQUAL_FATAL(kit_apart(leave_in_log), 0);
}

/* The octets of the log's slot that matter: from its first to its last record. */
static size_t records_end(const uint8_t *octets, size_t len)
{
    struct fs_record r;
    size_t at = 0;
    while (at < len && fs_record_read(&r, octets + at, len - at)) {
        at += r.len;
    }
    return at > 0 ? at : len;
}

static void damage(const char *file, enum way way)
{
    size_t len, zero = 0;
    uint8_t *octets = kit_read(file, &len);
    size_t end = records_end(octets, len);
    switch (way) {
    case BEGIN:
        octets[0] ^= 0x40;
        break;
    case MIDDLE:
        octets[end / 2] ^= 1;
        break;
    case END:
        octets[end - 3] ^= 1;
        break;
    case TRUNCATED:
        len = end / 2 | 1;
        break;
    case ZEROED:
        memset(octets, 0, len);
        break;
    case MISSING:
        len = zero;
        break;
    case WAYS:
        break;
    }
    if (way == MISSING) {
        CU_ASSERT_EQUAL(unlink(file), 0);
    } else {
        kit_write(file, octets, len);
    }
    free(octets);
}

/* The file of a folder whose records are the youngest; of the index any. */
static void find_file(char out[200], const char *what)
{
    struct dirent *entry;
    uint64_t best = 0;
    snprintf(out, 200, "%s/%s", path, what);
    DIR *walk = opendir(out);
    if (!walk) {
        return;
    }
    while ((entry = readdir(walk)) != NULL) {
        char file[500];
        struct fs_record r;
        size_t len;
        snprintf(file, sizeof file, "%s/%s/%s", path, what, entry->d_name);
        if (entry->d_name[0] == '.') {
            continue;
        }
        uint8_t *octets = kit_read(file, &len);
        bool record = fs_record_read(&r, octets, len);
        if (strcmp(what, "index") == 0 || (record && r.segment > best)) {
            best = record ? r.segment : 0;
            snprintf(out, 200, "%.190s", file);
        }
        free(octets);
    }
    closedir(walk);
}

static int try_open(void)
{
    struct pp_error error = {0};
    int err = kit_try(&error);
    if (err == PP_OK) {
        return 0;
    }
    return err == PP_BROKEN && strstr(error.text, path) &&
                   strstr(error.text, "--check-store --repair")
               ? 1
               : 2;
}

static uint64_t seq_of(unsigned number, uint64_t after);

struct seen {
    uint8_t digest;
    uint64_t seq;
};

static int look_for(void *ctx, const struct pp_entry *entry)
{
    struct seen *seen = ctx;
    if (entry->digest[0] == seen->digest) {
        seen->seq = entry->seq;
    }
    return 0;
}

/* The sequence of a notification; 0: it is not there. */
static uint64_t seq_of(unsigned number, uint64_t after)
{
    struct seen seen = {.digest = (uint8_t)number};
    struct pp_name name = kit_name(KIT_INBOX);
    struct pp_view *v = p->begin_view(store);
    p->entries(v, &name, after, look_for, &seen);
    p->end_view(v);
    return seen.seq;
}

/* All that lay in files of their own is there, its long body too. */
static void files_are_there(void)
{
    struct pp_head head;
    for (unsigned n = 1; n <= KIT_OBJECTS; n++) {
        CU_ASSERT_EQUAL(kit_head(PP_OBJECT, n, &head), n == 5 ? PP_GONE : PP_OK);
    }
    struct pp_name six = kit_name(6);
    struct pp_spans spans;
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 6, &head), PP_OK);
    struct pp_view *v = p->begin_view(store);
    CU_ASSERT_EQUAL(p->read(v, &six, head.serial, 0, &spans), PP_OK);
    CU_ASSERT_TRUE(spans.fd >= 0);
    p->end_view(v);
    for (unsigned i = 1; i <= 3; i++) {
        CU_ASSERT_EQUAL(seq_of(i, 0), i);
    }
}

static void log_is_there(void)
{
    struct pp_head head;
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 7, &head), PP_OK);
    CU_ASSERT_EQUAL(kit_head(PP_OBJECT, 2, &head), PP_OK);
    CU_ASSERT_EQUAL(head.stamp, 77);
    CU_ASSERT_EQUAL(seq_of(10, 0), 4);
    CU_ASSERT_EQUAL(seq_of(11, 0), 5);
}

/* Later sequences and serials are none of before; all counts are right; it holds over a restart. */
static void goes_on(void)
{
    struct pp_name name = kit_name(KIT_INBOX);
    uint8_t epoch[16];
    p->epoch(store, epoch);
    struct pp_batch *b = p->begin(store);
    kit_append_in(b, KIT_INBOX, 99);
    kit_put_in(b, 8, 300000);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    uint64_t seq = seq_of(99, 0);
    CU_ASSERT_TRUE(seq > 5 || memcmp(epoch, "0123456789abcdef", 16) != 0);
    kit_close();
    CU_ASSERT_EQUAL(p->check(path, values, false, NULL, NULL), 0);
    kit_open();
    CU_ASSERT_EQUAL(seq_of(99, 0), seq);
    b = p->begin(store);
    CU_ASSERT_EQUAL(p->drop(b, &name, seq, seq), PP_OK);
    CU_ASSERT_EQUAL(p->commit(b), PP_OK);
    files_are_there();
    kit_close();
}

/* Is there something in quarantine/ under the name? */
static bool is_aside(const char *name)
{
    char file[200];
    snprintf(file, sizeof file, "%s/quarantine/%s", path, name);
    return access(file, F_OK) == 0;
}

static void check_one(const char *what, const char *aside, enum way way, bool log_whole)
{
    char file[200];
    struct pp_error error = {0};
    begin();
    find_file(file, what);
    damage(file, way);
    int opened = kit_apart(try_open);
    bool told = opened == 1;
    if (opened > 1 || (!told && way != MIDDLE && way != END)) {
        fprintf(stderr, "%s, %s: open gives %d\n", what, ways[way], opened);
        CU_FAIL("damage goes unseen, or is not well told");
    }
    int faults = p->check(path, values, true, NULL, &error);
    if (faults != 0) {
        fprintf(stderr, "%s, %s: %d faults left: %s\n", what, ways[way], faults, error.text);
    }
    CU_ASSERT_EQUAL_FATAL(faults, 0);
    if (told && way != MISSING) {
        CU_ASSERT_TRUE(is_aside(aside));
    }
    kit_open();
    files_are_there();
    if (log_whole) {
        log_is_there();
    }
    goes_on();
    kit_end();
}

static void test_a_lost_state_loses_nothing(void)
{
    for (int way = 0; way < WAYS; way++) {
        check_one("state", "state", (enum way)way, true);
    }
}

static void test_a_lost_index_loses_nothing(void)
{
    for (int way = 0; way < WAYS; way++) {
        check_one("index", "index-1.run", (enum way)way, true);
    }
}

/* Batches that lay in it may be lost; those before, and all in files, are not. */
static void test_a_damaged_log_loses_what_cannot_be_read(void)
{
    for (int way = 0; way < WAYS; way++) {
        char aside[200], file[200];
        begin();
        find_file(file, "log");
        snprintf(aside, sizeof aside, "log-%.20s", strrchr(file, '/') + 1);
        kit_end();
        check_one("log", aside, (enum way)way, false);
    }
}

/* Both at once: the epoch is new, for nobody knows what sequences were given. */
static void test_state_and_log_lost(void)
{
    char log[200], state[200];
    begin();
    find_file(log, "log");
    find_file(state, "state");
    damage(log, ZEROED);
    damage(state, MISSING);
    CU_ASSERT_EQUAL(kit_apart(try_open), 1);
    CU_ASSERT_EQUAL_FATAL(p->check(path, values, true, NULL, NULL), 0);
    kit_open();
    files_are_there();
    uint8_t epoch[16];
    p->epoch(store, epoch);
    CU_ASSERT_NOT_EQUAL(memcmp(epoch, "0123456789abcdef", 16), 0);
    goes_on();
    kit_end();
}

static void test_a_missing_folder_is_told(void)
{
    static const char *const folders[] = {"log", "index", "objects", "inboxes", "bodies"};
    for (size_t i = 0; i < sizeof folders / sizeof *folders; i++) {
        char command[300];
        begin();
        snprintf(command, sizeof command, "rm -r '%s/%s'", path, folders[i]);
        CU_ASSERT_EQUAL(system(command), 0);
        CU_ASSERT_EQUAL(kit_apart(try_open), 1);
        CU_ASSERT_EQUAL(p->check(path, values, true, NULL, NULL), 0);
        kit_open();
        kit_close();
        CU_ASSERT_EQUAL(p->check(path, values, false, NULL, NULL), 0);
        kit_end();
    }
}

/* A refused open leaves every octet as it was. */
static void test_a_refused_open_changes_nothing(void)
{
    char file[200], command[400];
    begin();
    find_file(file, "log");
    damage(file, BEGIN);
    snprintf(command, sizeof command, "cp -a '%s' '%s.was'", path, path);
    CU_ASSERT_EQUAL(system(command), 0);
    CU_ASSERT_EQUAL(kit_apart(try_open), 1);
    CU_ASSERT_EQUAL(p->check(path, values, false, NULL, NULL), PP_BROKEN);
    snprintf(command, sizeof command, "diff -r '%s' '%s.was'", path, path);
    CU_ASSERT_EQUAL(system(command), 0);
    kit_end();
}

static int repair_and_die(void)
{
    setenv("PP_CRASH", getenv("PP_TEST_CRASH"), 1);
    return p->check(path, values, true, NULL, NULL) == 0 ? 0 : 1;
}

/* Killed midway, a repair has lost nothing and can begin anew. */
static void test_a_killed_repair_begins_anew(void)
{
    static const char *const points[] = {
        "store-fill-written:1",  "store-fill-synced:1",   "store-fill-renamed:1",
        "store-index-written:1", "store-fill-folder:1",   "store-state-renamed:1",
        "store-state-renamed:2", "store-state-renamed:3", "store-log-synced:1",
        "store-index-written:2", "store-grow:1"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        char file[200];
        begin();
        find_file(file, "state");
        damage(file, MIDDLE);
        setenv("PP_TEST_CRASH", points[i], 1);
        (void)kit_apart(repair_and_die);
        int faults = p->check(path, values, true, NULL, NULL);
        if (faults != 0) {
            fprintf(stderr, "killed at %s: %d faults left\n", points[i], faults);
        }
        CU_ASSERT_EQUAL_FATAL(faults, 0);
        kit_open();
        files_are_there();
        log_is_there();
        goes_on();
        kit_end();
    }
}

struct lines {
    char text[20][300];
    size_t n;
};

static void keep_line(void *ctx, const char *text)
{
    struct lines *lines = ctx;
    if (lines->n < 20) {
        snprintf(lines->text[lines->n++], 300, "%s", text);
    }
}

/* Whoever put a file there: it stays, and a check names it once. */
static void test_foreign_files_are_left_alone_and_named(void)
{
    static const char *const foreign[] = {"notes.txt",      "log/0.bak",    "log/00",
                                          "index/copy.run", "index/.run",   "index/ 3.run",
                                          "bodies/1.old",   "objects/deep", "inboxes/README"};
    const size_t n = sizeof foreign / sizeof *foreign;
    struct lines lines = {.n = 0};
    struct pp_sink sink = {keep_line, &lines};
    begin();
    for (size_t i = 0; i < n; i++) {
        char file[200];
        snprintf(file, sizeof file, "%s/%s", path, foreign[i]);
        kit_write(file, (const uint8_t *)"mine", 4);
    }
    kit_open();
    kit_batch();
    kit_close();
    CU_ASSERT_EQUAL(p->check(path, values, true, &sink, NULL), 0);
    CU_ASSERT_EQUAL(lines.n, n);
    for (size_t i = 0; i < n; i++) {
        char file[200];
        size_t times = 0;
        for (size_t k = 0; k < lines.n; k++) {
            times += strncmp(lines.text[k], foreign[i], strlen(foreign[i])) == 0 &&
                     lines.text[k][strlen(foreign[i])] == ':';
        }
        snprintf(file, sizeof file, "%s/%s", path, foreign[i]);
        CU_ASSERT_EQUAL(times, 1);
        CU_ASSERT_EQUAL(access(file, F_OK), 0);
    }
    kit_end();
}

CHECK_MAIN("store-fs salvage", CHECK(test_a_lost_state_loses_nothing),
           CHECK(test_a_lost_index_loses_nothing),
           CHECK(test_a_damaged_log_loses_what_cannot_be_read), CHECK(test_state_and_log_lost),
           CHECK(test_a_missing_folder_is_told), CHECK(test_a_refused_open_changes_nothing),
           CHECK(test_a_killed_repair_begins_anew),
           CHECK(test_foreign_files_are_left_alone_and_named))
