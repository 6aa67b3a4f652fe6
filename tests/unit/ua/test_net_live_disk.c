/* Notes and blobs of the live pp_net: durable across a reopening, never twice, bounded names. */
#include "live_world.h"

#include <check.h>
#include <dirent.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct live_world w;
static struct live_act a;

static void start(void)
{
    live_world_start(&w, 27, false);
    live_act_init(&a, &w);
}

static void reopen(void)
{
    pp_net_live_close(w.net);
    live_world_open_net(&w, false);
}

static bool has(const char *path)
{
    char full[200];
    struct stat st;
    snprintf(full, sizeof full, "%s/%s", w.folder, path);
    return stat(full, &st) == 0;
}

static size_t count_files(const char *path)
{
    char full[200];
    size_t n = 0;
    snprintf(full, sizeof full, "%s/%s", w.folder, path);
    DIR *d = opendir(full);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        n += e->d_name[0] != '.' || strlen(e->d_name) > 2;
    }
    closedir(d);
    return n;
}

static struct pp_blob *blob_of(size_t len)
{
    struct pp_blob *b = w.mail.ops->blob_new(w.net);
    uint8_t *octets = calloc(1, len + 1);
    memset(octets, 'b', len);
    CU_ASSERT_EQUAL(w.mail.ops->blob_write(w.net, b, pp_bytes(octets, len)), PP_OK);
    free(octets);
    return b;
}

static int count_note(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    (void)value;
    *(int *)ctx += pp_bytes_equal(pp_bytes(key.data, 5), pp_str("mail/"));
    return 0;
}

static void test_notes_survive(void)
{
    start();
    w.mail.ops->note(w.net, &a.act, pp_str("mail/1"), pp_str("one"), 1);
    w.mail.ops->note(w.net, &a.act, pp_str("mail/2"), pp_str("two"), 2);
    w.mail.ops->note(w.net, NULL, pp_str("other"), pp_str("x"), 0);
    CU_ASSERT_EQUAL(a.noted, 0);
    CU_ASSERT_TRUE(live_await(&w, &a.noted, 2));
    CU_ASSERT_EQUAL(a.note_error, PP_OK);
    w.mail.ops->note(w.net, &a.act, pp_str("mail/2"), pp_str(""), 3);
    CU_ASSERT_TRUE(live_await(&w, &a.noted, 3));
    reopen();
    struct pp_bytes value;
    CU_ASSERT_EQUAL(w.mail.ops->recall(w.net, pp_str("mail/1"), &value), PP_OK);
    CU_ASSERT_TRUE(pp_bytes_is(value, "one"));
    CU_ASSERT_EQUAL(w.mail.ops->recall(w.net, pp_str("mail/2"), &value), PP_NOT_FOUND);
    int n = 0;
    CU_ASSERT_EQUAL(w.mail.ops->replay(w.net, pp_str("mail/"), count_note, &n), 0);
    CU_ASSERT_EQUAL(n, 1);
    live_world_stop(&w);
}

static void test_a_second_process_is_refused(void)
{
    start();
    struct pp_net_impl *second = NULL;
    char journal[100];
    struct pp_error error = {0};
    snprintf(journal, sizeof journal, "%s/journal", w.folder);
    struct pp_net_live_options o = {.journal = journal};
    CU_ASSERT_EQUAL(pp_net_live_open(&second, w.loop, &o, &error), PP_BUSY);
    CU_ASSERT_TRUE(error.text[0] != '\0');
    live_world_stop(&w);
}

static void check_spool(size_t len)
{
    start();
    struct pp_blob *b = blob_of(len), *again;
    CU_ASSERT_EQUAL(w.mail.ops->blob_size(w.net, b), len);
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_SPOOL, "one", 5);
    CU_ASSERT_EQUAL(a.kept, 0);
    CU_ASSERT_TRUE(live_await(&w, &a.kept, 1));
    CU_ASSERT_TRUE(a.keep_error == PP_OK && a.token == 5);
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_SPOOL, "one", 6);
    CU_ASSERT_TRUE(live_await(&w, &a.kept, 2));
    CU_ASSERT_EQUAL(a.keep_error, PP_EXISTS);
    w.mail.ops->blob_free(w.net, b);
    reopen();
    again = w.mail.ops->blob_open(w.net, PP_PLACE_SPOOL, "one");
    CHECK_FATAL(again != NULL);
    CU_ASSERT_EQUAL(w.mail.ops->blob_size(w.net, again), len);
    uint8_t octets[10];
    CU_ASSERT_EQUAL(w.mail.ops->blob_read(w.net, again, len - 3, octets, 10), 3);
    CU_ASSERT_EQUAL(octets[2], 'b');
    CU_ASSERT_EQUAL(w.mail.ops->blob_read(w.net, again, len, octets, 10), 0);
    CU_ASSERT_EQUAL(w.mail.ops->blob_read(w.net, again, UINT64_MAX, octets, 10), 0);
    w.mail.ops->blob_drop(w.net, PP_PLACE_SPOOL, "one");
    CU_ASSERT_EQUAL(w.mail.ops->blob_read(w.net, again, 0, octets, 10), 10); /* still readable */
    w.mail.ops->blob_free(w.net, again);
    CU_ASSERT_PTR_NULL(w.mail.ops->blob_open(w.net, PP_PLACE_SPOOL, "one"));
    CU_ASSERT_EQUAL(count_files("spool"), 0);
    CU_ASSERT_EQUAL(count_files("blobs"), 0);
    live_world_stop(&w);
}

static void test_small_spool_blob(void)
{
    check_spool(100);
}

static void test_big_spool_blob(void)
{
    check_spool(300000);
}

static void test_mail_is_delivered_once(void)
{
    start();
    struct pp_blob *b = blob_of(100000);
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_NEW, "hash1", 1);
    CU_ASSERT_TRUE(live_await(&w, &a.kept, 1));
    CU_ASSERT_EQUAL(a.keep_error, PP_OK);
    CU_ASSERT_TRUE(has("Maildir/new/hash1"));
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_NEW, "hash1", 1);
    CU_ASSERT_TRUE(live_await(&w, &a.kept, 2));
    CU_ASSERT_EQUAL(a.keep_error, PP_EXISTS);
    w.mail.ops->blob_drop(w.net, PP_PLACE_NEW, "hash1"); /* the mark is synced */
    CU_ASSERT_TRUE(has("Maildir/new/hash1"));
    CU_ASSERT_EQUAL(count_files("Maildir/tmp"), 0);
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_JUNK, "hash2", 1);
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_QUARANTINE, "hash3", 1);
    CU_ASSERT_TRUE(live_await(&w, &a.kept, 4));
    CU_ASSERT_TRUE(has("Maildir/.Junk/new/hash2"));
    CU_ASSERT_TRUE(has("quarantine/hash3"));
    w.mail.ops->blob_free(w.net, b);
    live_world_stop(&w);
}

static void test_names_cannot_leave_the_folder(void)
{
    start();
    static const char *const bad[] = {"", ".", "..", "../x", "a/b", ".hidden"};
    struct pp_blob *b = blob_of(10);
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_SPOOL, bad[i], 1);
        CU_ASSERT_TRUE(live_await(&w, &a.kept, (int)i + 1));
        CU_ASSERT_EQUAL(a.keep_error, PP_IO);
        CU_ASSERT_PTR_NULL(w.mail.ops->blob_open(w.net, PP_PLACE_SPOOL, bad[i]));
        w.mail.ops->blob_drop(w.net, PP_PLACE_SPOOL, bad[i]);
    }
    w.mail.ops->blob_free(w.net, b);
    live_world_stop(&w);
}

static void test_a_deaf_acts_blob_is_kept_all_the_same(void)
{
    start();
    struct pp_blob *b = blob_of(10);
    w.mail.ops->blob_keep(w.net, &a.act, b, PP_PLACE_SPOOL, "deaf", 1);
    w.mail.ops->forget(w.net, &a.act);
    w.mail.ops->blob_free(w.net, b);
    struct live_act other;
    live_act_init(&other, &w);
    b = blob_of(10);
    w.mail.ops->blob_keep(w.net, &other.act, b, PP_PLACE_SPOOL, "heard", 1);
    w.mail.ops->blob_free(w.net, b);
    CU_ASSERT_TRUE(live_await(&w, &other.kept, 1));
    reopen(); /* waits for what is being kept */
    CU_ASSERT_TRUE(has("spool/deaf") && has("spool/heard"));
    CU_ASSERT_EQUAL(a.kept, 0);
    live_world_stop(&w);
}

CHECK_MAIN("net live disk", CHECK(test_notes_survive), CHECK(test_a_second_process_is_refused),
           CHECK(test_small_spool_blob), CHECK(test_big_spool_blob),
           CHECK(test_mail_is_delivered_once), CHECK(test_names_cannot_leave_the_folder),
           CHECK(test_a_deaf_acts_blob_is_kept_all_the_same))
