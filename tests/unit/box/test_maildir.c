/* Delivery: once, whole and durable, whatever dies in between and whatever a mail program did. */
#include <box/maildir.h>

#include "folder.h"
#include <base/crash.h>
#include <dirent.h>
#include <sys/stat.h>

static char box[300];

static int64_t read_fails(void *ctx, uint64_t offset, void *out, size_t cap)
{
    (void)ctx;
    (void)offset;
    (void)out;
    (void)cap;
    return PP_IO;
}

static int deliver(const char *name)
{
    return pp_maildir_keep(box, name, read_text, "Subject: x\n\nbody\n");
}

static int count(const char *sub)
{
    char path[400];
    snprintf(path, sizeof path, "%s/%s", box, sub);
    DIR *d = opendir(path);
    CHECK_FATAL(d != NULL);
    int n = 0;
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        n += e->d_name[0] != '.';
    }
    closedir(d);
    return n;
}

static void begin(void)
{
    folder_make();
    folder_path(box, "deep/Maildir");
    CHECK_FATAL(pp_maildir_make(box, NULL) == 0);
}

static void test_delivers_once(void)
{
    begin();
    CU_ASSERT_EQUAL(deliver("aa"), 0);
    CU_ASSERT_EQUAL(count("new"), 1);
    CU_ASSERT_EQUAL(deliver("aa"), PP_EXISTS);
    pp_maildir_settle(box, "aa");
    CU_ASSERT_EQUAL(count("tmp"), 0);
    CU_ASSERT_EQUAL(deliver("aa"), PP_EXISTS);
    CU_ASSERT_EQUAL(count("new"), 1);
    CU_ASSERT_EQUAL(count("tmp"), 0);
    folder_remove();
}

/* A mail program takes the file into cur/ before our mark is synced. */
static void test_knows_a_renamed_file(void)
{
    begin();
    CU_ASSERT_EQUAL(deliver("aa"), 0);
    char from[400], to[400];
    snprintf(from, sizeof from, "%s/new/aa", box);
    snprintf(to, sizeof to, "%s/cur/other-name:2,S", box);
    CU_ASSERT_EQUAL(rename(from, to), 0);
    CU_ASSERT_EQUAL(deliver("aa"), PP_EXISTS);
    CU_ASSERT_EQUAL(count("new"), 0);
    setenv("PP_MUTANT", "maildir-ignore-links", 1);
    if (pp_mutant("maildir-ignore-links")) { /* the test has teeth: the mutant delivers twice */
        CU_ASSERT_EQUAL(deliver("aa"), 0);
        CU_ASSERT_EQUAL(count("new"), 1);
    }
    unsetenv("PP_MUTANT");
    folder_remove();
}

static void test_failed_source_leaves_nothing(void)
{
    begin();
    CU_ASSERT_EQUAL(pp_maildir_keep(box, "aa", read_fails, NULL), PP_IO);
    CU_ASSERT_EQUAL(count("new") + count("tmp"), 0);
    CU_ASSERT_EQUAL(pp_maildir_keep(box, "../aa", read_text, "x"), PP_IO);
    folder_remove();
}

static void deliver_in_child(void)
{
    (void)deliver("aa");
}

static void test_killed_at_each_point(void)
{
    static const char *const points[] = {"maildir-tmp-part", "maildir-tmp-written",
                                         "maildir-tmp-synced", "maildir-linked",
                                         "maildir-folder-synced"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        begin();
        CU_ASSERT(dies_at(points[i], 1, deliver_in_child));
        bool linked = i >= 3;
        CU_ASSERT_EQUAL(count("new"), linked);
        CU_ASSERT_EQUAL(deliver("aa"), linked ? PP_EXISTS : 0);
        CU_ASSERT_EQUAL(count("new"), 1);
        pp_maildir_settle(box, "aa");
        CU_ASSERT_EQUAL(count("tmp"), 0);
        folder_remove();
    }
}

CHECK_MAIN("maildir", CHECK(test_delivers_once), CHECK(test_knows_a_renamed_file),
           CHECK(test_failed_source_leaves_nothing), CHECK(test_killed_at_each_point))
