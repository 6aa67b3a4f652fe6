/* The spool: a file is there whole or not at all, before and after a kill. */
#include <box/spool.h>

#include "folder.h"

static int spool(const char *name)
{
    struct pp_spool_file *f = NULL;
    int rc = pp_spool_begin(&f, folder, name, NULL);
    if (rc == 0) {
        rc = pp_spool_add(f, pp_str("hello "), NULL);
        rc = rc ? rc : pp_spool_add(f, pp_str("world"), NULL);
        rc = pp_spool_commit(f, NULL);
    }
    return rc;
}

static int list(void *ctx, const char *name)
{
    return pp_buf_add_str(ctx, name);
}

static bool holds(const char *names)
{
    struct pp_buf b = {0};
    CU_ASSERT_EQUAL(pp_spool_each(folder, list, &b), 0);
    bool same = pp_bytes_is(pp_buf_bytes(&b), names);
    pp_buf_free(&b);
    return same;
}

static void test_spools_whole(void)
{
    folder_make();
    CU_ASSERT_EQUAL(spool("one"), 0);
    CU_ASSERT(holds("one"));
    struct pp_spool_file *f = NULL;
    CU_ASSERT_EQUAL(pp_spool_begin(&f, folder, "two", NULL), 0);
    CU_ASSERT(holds("one"));
    pp_spool_abort(f);
    CU_ASSERT(holds("one"));
    folder_remove();
    struct pp_error error;
    CU_ASSERT(pp_spool_begin(&f, folder, "two", &error) < 0);
    CU_ASSERT(strstr(error.text, "spool") != NULL);
}

static void spool_in_child(void)
{
    (void)spool("one");
}

static void test_killed_at_each_point(void)
{
    static const char *const points[] = {"spool-written", "spool-synced", "spool-renamed",
                                         "spool-folder-synced"};
    for (size_t i = 0; i < sizeof points / sizeof *points; i++) {
        folder_make();
        CU_ASSERT(dies_at(points[i], 1, spool_in_child));
        CU_ASSERT(holds(i < 2 ? "" : "one"));
        folder_remove();
    }
}

CHECK_MAIN("spool", CHECK(test_spools_whole), CHECK(test_killed_at_each_point))
