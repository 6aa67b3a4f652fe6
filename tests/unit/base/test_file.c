/* Whole files: replaced at once, bounded, and private ones told from open ones. */
#include <base/file.h>
#include <check.h>
#include <fcntl.h>
#include <stdio.h>
#include <sys/stat.h>
#include <unistd.h>

static char folder[64], path[80];

static void make_folder(void)
{
    snprintf(folder, sizeof folder, "/tmp/peerpost-file.XXXXXX");
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/f", folder);
}

static void drop_folder(void)
{
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* fails when anything was left aside */
}

static void test_write_then_read(void)
{
    struct pp_buf back = {0};
    struct stat st;
    make_folder();
    CU_ASSERT_EQUAL(pp_file_write(path, pp_str("old"), 0600, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_file_write(path, pp_str("new text"), 0644, NULL), PP_OK);
    CU_ASSERT_EQUAL(pp_file_read(&back, path, 8, NULL), PP_OK);
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&back), "new text"));
    CU_ASSERT_EQUAL(stat(path, &st), 0);
    CU_ASSERT_EQUAL(st.st_mode & 0777, 0644);
    back.len = 0;
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_file_read(&back, path, 7, &error), PP_TOO_BIG);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, path));
    pp_buf_free(&back);
    drop_folder();
}

static void test_failures_name_the_file(void)
{
    struct pp_buf out = {0};
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_file_read(&out, "/nowhere/f", 10, &error), PP_NOT_FOUND);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/nowhere/f"));
    CU_ASSERT_NOT_EQUAL(pp_file_write("/nowhere/f", pp_str("x"), 0600, &error), PP_OK);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "/nowhere/f"));
    CU_ASSERT_NOT_EQUAL(pp_folder_make("/nowhere/d/e", 0700, &error), PP_OK);
    CU_ASSERT_NOT_EQUAL(pp_folder_make("/dev/null", 0700, &error), PP_OK);
    pp_buf_free(&out);
}

static void test_private(void)
{
    struct pp_error error;
    make_folder();
    CU_ASSERT_EQUAL(pp_folder_make(folder, 0700, NULL), PP_OK); /* there already */
    pp_file_write(path, pp_str("key"), 0600, NULL);
    int fd = open(path, O_RDONLY);
    CU_ASSERT_EQUAL(pp_file_is_private(fd, path, &error), PP_OK);
    chmod(path, 0640);
    CU_ASSERT_EQUAL(pp_file_is_private(fd, path, &error), PP_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "chmod 600"));
    chmod(path, 0600);
    chmod(folder, 0755);
    CU_ASSERT_EQUAL(pp_file_is_private(fd, path, &error), PP_DENIED);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "chmod 700"));
    chmod(folder, 0700);
    close(fd);
    drop_folder();
}

CHECK_MAIN("file", CHECK(test_write_then_read), CHECK(test_failures_name_the_file),
           CHECK(test_private))
