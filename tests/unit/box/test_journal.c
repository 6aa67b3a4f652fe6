/* The durable map: what was synced survives kills and torn tails, damage is named, one holder. */
#include <box/journal.h>

#include "folder.h"
#include <fcntl.h>
#include <stdbool.h>
#include <sys/stat.h>

static char path[300];
static struct pp_journal *j;
static struct pp_error error;

static void put(const char *key, const char *value)
{
    CU_ASSERT_EQUAL(pp_journal_put(j, pp_str(key), pp_str(value)), 0);
}

static bool has(const char *key, const char *value)
{
    struct pp_bytes v;
    return pp_journal_get(j, pp_str(key), &v) == 0 && pp_bytes_is(v, value);
}

static bool lacks(const char *key)
{
    struct pp_bytes v;
    return pp_journal_get(j, pp_str(key), &v) == PP_NOT_FOUND;
}

static void begin(void)
{
    folder_make();
    folder_path(path, "journal");
    CHECK_FATAL(pp_journal_open(&j, path, &error) == 0);
}

static void reopen(void)
{
    pp_journal_close(j);
    CHECK_FATAL(pp_journal_open(&j, path, &error) == 0);
}

static void end(void)
{
    pp_journal_close(j);
    folder_remove();
}

static void test_synced_survives_unsynced_does_not(void)
{
    begin();
    put("a", "1");
    put("b", "2");
    CU_ASSERT_EQUAL(pp_journal_sync(j), 0);
    put("a", "");
    put("c", "3");
    CU_ASSERT(lacks("a") && has("c", "3"));
    reopen();
    CU_ASSERT(has("a", "1") && has("b", "2") && lacks("c"));
    put("a", "");
    put("b", "22");
    CU_ASSERT_EQUAL(pp_journal_sync(j), 0);
    reopen();
    CU_ASSERT(lacks("a") && has("b", "22"));
    end();
}

static int collect(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    (void)value;
    return pp_buf_add(ctx, key.data, key.len);
}

static void test_each_by_prefix_in_order(void)
{
    begin();
    put("q:2", "x");
    put("m:1", "x");
    put("q:1", "x");
    struct pp_buf seen = {0};
    CU_ASSERT_EQUAL(pp_journal_each(j, pp_str("q:"), collect, &seen), 0);
    CU_ASSERT(pp_bytes_is(pp_buf_bytes(&seen), "q:2q:1"));
    pp_buf_free(&seen);
    end();
}

static void test_one_holder(void)
{
    begin();
    struct pp_journal *other = NULL;
    CU_ASSERT_EQUAL(pp_journal_open(&other, path, &error), PP_BUSY);
    CU_ASSERT(strstr(error.text, "try again") != NULL);
    end();
}

/* Every cut of the file leaves all frames that end before it, and the journal writable. */
static void test_torn_at_every_octet(void)
{
    begin();
    put("a", "1");
    pp_journal_sync(j);
    struct stat st;
    CHECK_FATAL(stat(path, &st) == 0);
    off_t first = st.st_size;
    put("b", "a longer value than the others have");
    pp_journal_sync(j);
    CHECK_FATAL(stat(path, &st) == 0);
    for (off_t cut = st.st_size - 1; cut >= first; cut--) {
        CHECK_FATAL(truncate(path, cut) == 0);
        reopen();
        CU_ASSERT(has("a", "1") && lacks("b"));
    }
    put("b", "2");
    pp_journal_sync(j);
    reopen();
    CU_ASSERT(has("a", "1") && has("b", "2"));
    end();
}

static void overwrite(off_t at, const char *with, size_t len)
{
    int fd = open(path, O_WRONLY);
    CHECK_FATAL(fd >= 0);
    CU_ASSERT_EQUAL(pwrite(fd, with, len, at), (ssize_t)len);
    close(fd);
}

/* A tail whose first half never reached the disk is torn; damage before a good frame is not. */
static void test_torn_inside_against_damage(void)
{
    static const char zeros[64];
    begin();
    put("a", "1");
    pp_journal_sync(j);
    struct stat st;
    CHECK_FATAL(stat(path, &st) == 0);
    off_t first = st.st_size;
    put("b", "0123456789012345678901234567890123456789012345678901234567890123456789");
    pp_journal_sync(j);
    pp_journal_close(j);
    overwrite(first, zeros, 40);
    CHECK_FATAL(pp_journal_open(&j, path, &error) == 0);
    CU_ASSERT(has("a", "1") && lacks("b"));
    put("c", "3");
    pp_journal_sync(j);
    pp_journal_close(j);
    overwrite(17, "X", 1);
    CU_ASSERT_EQUAL(pp_journal_open(&j, path, &error), PP_FORMAT);
    CU_ASSERT(strstr(error.text, "octet 16") != NULL);
    j = NULL;
    end();
}

static void test_other_file_is_refused(void)
{
    begin();
    pp_journal_close(j);
    j = NULL;
    overwrite(0, "hello", 5);
    CU_ASSERT_EQUAL(pp_journal_open(&j, path, &error), PP_FORMAT);
    end();
}

static void test_compaction_keeps_all_current(void)
{
    begin();
    char big[1001];
    memset(big, 'x', 1000);
    big[1000] = '\0';
    put("keep", "kept");
    for (int i = 0; i < 2000; i++) {
        put("churn", big);
        CU_ASSERT_EQUAL(pp_journal_sync(j), 0);
    }
    struct stat st;
    CHECK_FATAL(stat(path, &st) == 0);
    CU_ASSERT(st.st_size < 400000);
    put("late", "too");
    CU_ASSERT_EQUAL(pp_journal_sync(j), 0);
    reopen();
    CU_ASSERT(has("keep", "kept") && has("churn", big) && has("late", "too"));
    end();
}

static void write_three(void)
{
    struct pp_journal *mine = NULL;
    if (pp_journal_open(&mine, path, NULL) != 0) {
        _exit(3);
    }
    for (int i = 0; i < 3; i++) {
        char key[8];
        snprintf(key, sizeof key, "k%d", i);
        pp_journal_put(mine, pp_str(key), pp_str("v"));
        pp_journal_sync(mine);
    }
    pp_journal_close(mine);
}

static void test_killed_at_each_point(void)
{
    static const char *const points[] = {"journal-written-aside", "journal-renamed",
                                         "journal-written", "journal-synced"};
    for (size_t p = 0; p < sizeof points / sizeof *points; p++) {
        folder_make();
        folder_path(path, "journal");
        CU_ASSERT(dies_at(points[p], p < 2 ? 1 : 2, write_three));
        CHECK_FATAL(pp_journal_open(&j, path, &error) == 0);
        CU_ASSERT(p < 2 ? lacks("k0") : has("k0", "v"));
        CU_ASSERT(p < 3 || has("k1", "v"));
        CU_ASSERT(lacks("k2"));
        end();
    }
}

CHECK_MAIN("journal", CHECK(test_synced_survives_unsynced_does_not),
           CHECK(test_each_by_prefix_in_order), CHECK(test_one_holder),
           CHECK(test_torn_at_every_octet), CHECK(test_torn_inside_against_damage),
           CHECK(test_other_file_is_refused), CHECK(test_compaction_keeps_all_current),
           CHECK(test_killed_at_each_point))
