/* Folders of a Maildir: found by the name without flags, moved, flagged, removed; other programs'
 * flags stay, and what another program changed meanwhile is left to it. */
#include <box/folders.h>

#include "folder.h"
#include <base/crash.h>
#include <fcntl.h>
#include <sys/stat.h>

static char box[300];

static void begin(void)
{
    folder_make();
    folder_path(box, "Maildir");
    CHECK_FATAL(pp_maildir_make(box, NULL) == PP_OK);
}

static bool there(const char *name)
{
    char path[600];
    struct stat st;
    snprintf(path, sizeof path, "%s/%s", box, name);
    return stat(path, &st) == 0;
}

static void file(const char *name)
{
    char path[600];
    snprintf(path, sizeof path, "%s/%s", box, name);
    int fd = open(path, O_WRONLY | O_CREAT, 0600);
    CHECK_FATAL(fd >= 0 && write(fd, "text", 4) == 4);
    close(fd);
}

static int put(const char *in, const char *name, const char *letters, bool fresh)
{
    static char text[] = "Subject: x\n\nbody\n";
    const struct pp_folder_file as = {in, name, letters, fresh};
    return pp_folders_put(box, &as, read_text, text);
}

static int move(const char *in, const char *name, const char *letters, const char *to,
                const char *to_letters)
{
    const struct pp_folder_file from = {in, name, letters, false};
    const struct pp_folder_file there_to = {to, name, to_letters, false};
    return pp_folders_move(box, &from, &there_to, "DFPRST");
}

static void test_put(void)
{
    begin();
    CU_ASSERT_EQUAL(put("", "one", "", true), PP_OK);
    CU_ASSERT_EQUAL(put(".Work.Old", "two", "RS", false), PP_OK);
    CU_ASSERT(there("new/one") && there(".Work.Old/cur/two:2,RS"));
    CU_ASSERT(there(".Work.Old/maildirfolder") && there(".Work.Old/tmp"));
    CU_ASSERT_EQUAL(put("", "one", "S", false), PP_EXISTS);
    CU_ASSERT_EQUAL(put(".Work.Old", "two", "", true), PP_EXISTS);
    CU_ASSERT(!there("tmp/sync.one") && !there(".Work.Old/tmp/sync.two"));
    folder_remove();
}

static void test_move(void)
{
    begin();
    file("new/one");
    file("cur/two:2,FSab"); /* a and b are another program's */
    CU_ASSERT_EQUAL(move("", "one", "", "", "S"), PP_OK);
    CU_ASSERT(there("cur/one:2,S") && !there("new/one"));
    CU_ASSERT_EQUAL(move("", "two", "FS", ".Archive", "RS"), PP_OK);
    CU_ASSERT(there(".Archive/cur/two:2,RSab"));
    CU_ASSERT_EQUAL(move("", "one", "FS", ".Archive", ""), PP_NOT_FOUND); /* she changed it since */
    CU_ASSERT_EQUAL(move("", "nobody", "", ".Archive", ""), PP_NOT_FOUND);
    CU_ASSERT(there("cur/one:2,S"));
    folder_remove();
}

static void test_remove(void)
{
    begin();
    const struct pp_folder_file one = {"", "one", "S", false}, two = {".A", "two", "", true};
    file("cur/one:2,S");
    CU_ASSERT_EQUAL(put(".A", "two", "", true), PP_OK);
    CU_ASSERT_EQUAL(pp_folders_remove(box, &one, "DFPRST"), PP_OK);
    CU_ASSERT_EQUAL(pp_folders_remove(box, &one, "DFPRST"), PP_NOT_FOUND);
    CU_ASSERT_EQUAL(pp_folders_remove(box, &two, "DFPRST"), PP_OK);
    CU_ASSERT(!there("cur/one:2,S") && !there(".A/new/two"));
    folder_remove();
}

struct heard {
    char text[1000];
};

static int hear(void *ctx, const struct pp_folder_file *f)
{
    struct heard *h = ctx;
    size_t len = strlen(h->text);
    snprintf(h->text + len, sizeof h->text - len, "[%s|%s|%s|%d]", f->folder, f->name, f->letters,
             f->fresh);
    return 0;
}

static void test_each(void)
{
    begin();
    struct heard h = {""};
    file("new/one");
    CU_ASSERT_EQUAL(put(".A", "two", "S", false), PP_OK);
    file("cur/three");   /* no flags at all */
    file("cur/.hidden"); /* and these are nobody's mail */
    file("tmp/four");
    file("dovecot-uidlist");
    CU_ASSERT_EQUAL(pp_folders_each(box, hear, &h), PP_OK);
    CU_ASSERT_STRING_EQUAL(h.text, "[|one||1][|three||0][.A|two|S|0]");
    folder_remove();
}

static void test_open_finds_what_was_renamed(void)
{
    begin();
    const struct pp_folder_file as_seen = {"", "one", "", true};
    file("cur/one:2,RS");
    int fd = pp_folders_open(box, &as_seen);
    CU_ASSERT_FATAL(fd >= 0);
    close(fd);
    const struct pp_folder_file nobody = {"", "on", "", true};
    CU_ASSERT(pp_folders_open(box, &nobody) < 0);
    folder_remove();
}

static int name(void *ctx, const char *found)
{
    snprintf(ctx, 100, "%s", found);
    return 0;
}

static void test_folders(void)
{
    begin();
    char found[100] = "";
    CU_ASSERT_EQUAL(pp_folders_make(box, ".A"), PP_OK);
    CU_ASSERT_EQUAL(pp_folders_names(box, name, found), PP_OK);
    CU_ASSERT_STRING_EQUAL(found, ".A");
    CU_ASSERT_EQUAL(put(".A", "one", "", true), PP_OK);
    CU_ASSERT_EQUAL(pp_folders_drop(box, ".A"), PP_OK); /* a message is in it */
    CU_ASSERT(there(".A/new/one"));
    const struct pp_folder_file one = {".A", "one", "", true};
    CU_ASSERT_EQUAL(pp_folders_remove(box, &one, ""), PP_OK);
    CU_ASSERT_EQUAL(pp_folders_drop(box, ".A"), PP_OK);
    CU_ASSERT(!there(".A"));
    folder_remove();
}

CHECK_MAIN("folders", CHECK(test_put), CHECK(test_move), CHECK(test_remove), CHECK(test_each),
           CHECK(test_open_finds_what_was_renamed), CHECK(test_folders))
