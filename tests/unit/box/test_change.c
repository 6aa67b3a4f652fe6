/* Files replaced together, killed at each step: all old or all new, nothing left beside them. */
#include "folder.h"

#include <base/file.h>
#include <box/change.h>
#include <sys/stat.h>

static void put(const char *name, const char *text)
{
    char path[300];
    CHECK_FATAL(pp_file_write(folder_path(path, name), pp_str(text), 0600, NULL) == PP_OK);
}

static bool holds(const char *name, const char *text)
{
    char path[300];
    struct pp_buf b = {0};
    bool same = pp_file_read(&b, folder_path(path, name), 1000, NULL) == PP_OK &&
                pp_bytes_equal(pp_buf_bytes(&b), pp_str(text));
    pp_buf_free(&b);
    return same;
}

static bool exists(const char *name)
{
    char path[300];
    return access(folder_path(path, name), F_OK) == 0;
}

static void change(void)
{
    struct pp_change c = {.folder = folder};
    char path[300];
    pp_change_add(&c, folder_path(path, "key"), pp_str("new key"), 0600);
    pp_change_add(&c, folder_path(path, "certificate"), pp_str("new certificate"), 0644);
    pp_change_commit(&c, NULL);
    pp_change_finish(&c);
}

static void begin(void)
{
    folder_make();
    put("key", "old key");
    put("certificate", "old certificate");
}

static void check_clean(void)
{
    CU_ASSERT_FALSE(exists("key.new"));
    CU_ASSERT_FALSE(exists("certificate.new"));
    CU_ASSERT_FALSE(exists("change"));
}

static void test_whole(void)
{
    struct stat st;
    char path[300];
    begin();
    change();
    CU_ASSERT(holds("key", "new key") && holds("certificate", "new certificate"));
    CU_ASSERT(stat(folder_path(path, "key"), &st) == 0 && (st.st_mode & 0777) == 0600);
    check_clean();
    folder_remove();
}

static void killed_at(const char *point, int n, bool is_new)
{
    begin();
    CU_ASSERT(dies_at(point, n, change));
    CU_ASSERT_EQUAL(pp_change_recover(folder, NULL), PP_OK);
    CU_ASSERT(holds("key", is_new ? "new key" : "old key"));
    CU_ASSERT(holds("certificate", is_new ? "new certificate" : "old certificate"));
    check_clean();
    folder_remove();
}

static void test_killed(void)
{
    killed_at("change-staged", 1, false);
    killed_at("change-staged", 2, false);
    killed_at("change-decided", 1, true);
    killed_at("change-replaced", 1, true);
    killed_at("change-replaced", 2, true);
}

/* Proof that the tests above would notice. */
static void test_mutant_is_seen(void)
{
    begin();
    setenv("PP_MUTANT", "change-in-place", 1);
    CU_ASSERT(dies_at("change-replaced", 1, change));
    unsetenv("PP_MUTANT");
    CU_ASSERT_EQUAL(pp_change_recover(folder, NULL), PP_OK);
    CU_ASSERT(holds("key", "new key") && holds("certificate", "old certificate"));
    folder_remove();
}

static void test_nothing_to_recover(void)
{
    begin();
    CU_ASSERT_EQUAL(pp_change_recover(folder, NULL), PP_OK);
    CU_ASSERT(holds("key", "old key"));
    folder_remove();
}

CHECK_MAIN("change", CHECK(test_whole), CHECK(test_killed), CHECK(test_mutant_is_seen),
           CHECK(test_nothing_to_recover))
