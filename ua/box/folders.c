/* Folders of a Maildir; see folders.h. It must not know who else uses them. */
#include <box/folders.h>

#include <base/crash.h>
#include <box/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define SEPARATOR ":2,"

static int join(char out[PATH_MAX], const char *maildir, const char *folder, const char *sub,
                const char *name)
{
    int n = snprintf(out, PATH_MAX, "%s%s%s%s%s%s%s", maildir, *folder ? "/" : "", folder,
                     *sub ? "/" : "", sub, *name ? "/" : "", name);
    return n > 0 && n < PATH_MAX ? PP_OK : PP_IO;
}

/* Splits "name:2,FS"; false: the name is too long for us. */
static bool split(const char *file, char name[NAME_MAX + 1], const char **letters)
{
    const char *colon = strchr(file, ':');
    size_t len = colon ? (size_t)(colon - file) : strlen(file);
    *letters = colon && strncmp(colon, SEPARATOR, 3) == 0 ? colon + 3 : "";
    if (!len || len > NAME_MAX) {
        return false;
    }
    memcpy(name, file, len);
    name[len] = '\0';
    return true;
}

/* --- looking ------------------------------------------------------------------------------- */

typedef int each_fn(void *ctx, const struct pp_folder_file *file);

static int each_in(const char *maildir, const char *folder, bool fresh, each_fn *fn, void *ctx)
{
    char path[PATH_MAX], name[NAME_MAX + 1];
    const char *letters;
    int rc = join(path, maildir, folder, fresh ? "new" : "cur", "");
    DIR *d = rc == PP_OK ? opendir(path) : NULL;
    if (!d) {
        return rc == PP_OK && errno == ENOENT ? PP_OK : PP_IO;
    }
    errno = 0;
    for (struct dirent *e; rc == PP_OK && (e = readdir(d)); errno = 0) {
        if (e->d_name[0] != '.' && split(e->d_name, name, &letters)) {
            const struct pp_folder_file file = {folder, name, fresh ? "" : letters, fresh};
            rc = fn(ctx, &file);
        }
    }
    rc = rc == PP_OK && errno ? PP_IO : rc;
    closedir(d);
    return rc;
}

/* A program moves mail from new to cur: in this order we miss none. */
static int each_of(const char *maildir, const char *folder, each_fn *fn, void *ctx)
{
    int rc = each_in(maildir, folder, true, fn, ctx);
    return rc == PP_OK ? each_in(maildir, folder, false, fn, ctx) : rc;
}

int pp_folders_names(const char *maildir, int (*fn)(void *ctx, const char *folder), void *ctx)
{
    char path[PATH_MAX];
    DIR *d = opendir(maildir);
    int rc = d ? PP_OK : PP_IO;
    for (struct dirent *e; rc == PP_OK && (e = readdir(d));) {
        struct stat st;
        bool is_name = e->d_name[0] == '.' && e->d_name[1] && e->d_name[1] != '.';
        if (is_name && join(path, maildir, e->d_name, "cur", "") == PP_OK && stat(path, &st) == 0 &&
            S_ISDIR(st.st_mode)) {
            rc = fn(ctx, e->d_name);
        }
    }
    if (d) {
        closedir(d);
    }
    return rc;
}

struct walk {
    const char *maildir;
    each_fn *fn;
    void *ctx;
};

static int walk_folder(void *ctx, const char *folder)
{
    const struct walk *w = ctx;
    return each_of(w->maildir, folder, w->fn, w->ctx);
}

int pp_folders_each(const char *maildir, each_fn *fn, void *ctx)
{
    struct walk w = {maildir, fn, ctx};
    int rc = each_of(maildir, "", fn, ctx);
    return rc == PP_OK ? pp_folders_names(maildir, walk_folder, &w) : rc;
}

struct find {
    const char *name;
    char path[PATH_MAX], letters[64];
    const char *maildir;
    bool found;
};

static int is_it(void *ctx, const struct pp_folder_file *file)
{
    struct find *f = ctx;
    char name[NAME_MAX + 8];
    if (strcmp(file->name, f->name) != 0) {
        return 0;
    }
    snprintf(name, sizeof name, "%s%s%s", file->name, file->fresh ? "" : SEPARATOR, file->letters);
    snprintf(f->letters, sizeof f->letters, "%s", file->letters);
    f->found = join(f->path, f->maildir, file->folder, file->fresh ? "new" : "cur", name) == PP_OK;
    return f->found;
}

/* The place it had when it was last seen is tried first. */
static bool find(struct find *f, const char *maildir, const struct pp_folder_file *file)
{
    char name[NAME_MAX + 1];
    struct stat st;
    *f = (struct find){.name = file->name, .maildir = maildir};
    int n = snprintf(name, sizeof name, "%s%s%s", file->name, file->fresh ? "" : SEPARATOR,
                     file->letters);
    if (n > 0 && n < (int)sizeof name &&
        join(f->path, maildir, file->folder, file->fresh ? "new" : "cur", name) == PP_OK &&
        lstat(f->path, &st) == 0) {
        snprintf(f->letters, sizeof f->letters, "%s", file->letters);
        return true;
    }
    each_of(maildir, file->folder, is_it, f);
    return f->found;
}

int pp_folders_open(const char *maildir, const struct pp_folder_file *file)
{
    struct find f;
    return find(&f, maildir, file) ? open(f.path, O_RDONLY | O_CLOEXEC | O_NOFOLLOW) : -1;
}

/* --- folders ------------------------------------------------------------------------------- */

int pp_folders_make(const char *maildir, const char *folder)
{
    char path[PATH_MAX];
    int rc = join(path, maildir, folder, "", "");
    rc = rc == PP_OK ? pp_maildir_make(path, NULL) : rc;
    if (rc == PP_OK && *folder) { /* so that other programs know it for a folder */
        rc = join(path, maildir, folder, "", "maildirfolder");
        int fd = rc == PP_OK ? open(path, O_WRONLY | O_CREAT | O_CLOEXEC, 0600) : -1;
        rc = fd >= 0 && close(fd) == 0 ? pp_box_sync_folder(path) : PP_IO;
    }
    return rc == PP_OK ? pp_box_sync_folder(maildir) : rc;
}

static int one(void *ctx, const struct pp_folder_file *file)
{
    (void)ctx;
    (void)file;
    return 1;
}

int pp_folders_drop(const char *maildir, const char *folder)
{
    static const char *const subs[] = {"cur", "new", "tmp"};
    char path[PATH_MAX];
    struct stat st;
    if (!*folder || join(path, maildir, folder, "", "") != PP_OK || lstat(path, &st) != 0 ||
        each_of(maildir, folder, one, NULL) != PP_OK) {
        return PP_OK;
    }
    for (size_t i = 0; i < sizeof subs / sizeof *subs; i++) {
        if (join(path, maildir, folder, subs[i], "") == PP_OK) {
            rmdir(path); /* mail came just now: it stays */
        }
    }
    if (join(path, maildir, folder, "", "maildirfolder") == PP_OK) {
        unlink(path);
    }
    if (join(path, maildir, folder, "", "") == PP_OK) {
        rmdir(path);
    }
    return pp_box_sync_folder(maildir);
}

/* --- changing ------------------------------------------------------------------------------ */

static bool is_mine(const char *letters, const char *wanted, const char *mine)
{
    for (; *mine; mine++) {
        if (!strchr(letters, *mine) != !strchr(wanted, *mine)) {
            return false;
        }
    }
    return true;
}

/* The flags wanted, and those that stand there and are not ours; in the order of ASCII. */
static void merge(char out[64], const char *wanted, const char *there, const char *mine)
{
    size_t n = 0;
    for (int c = '!'; c < 0x7f && n < 63; c++) {
        if (strchr(wanted, c) || (strchr(there, c) && !strchr(mine, c))) {
            out[n++] = (char)c;
        }
    }
    out[n] = '\0';
}

static int synced(const char *a, const char *b)
{
    int rc = pp_box_sync_folder(a);
    return rc == PP_OK && b ? pp_box_sync_folder(b) : rc;
}

int pp_folders_move(const char *maildir, const struct pp_folder_file *from,
                    const struct pp_folder_file *to, const char *mine)
{
    char path[PATH_MAX], name[NAME_MAX + 70], letters[64];
    struct find f;
    if (!find(&f, maildir, from) || !is_mine(f.letters, from->letters, mine)) {
        return PP_NOT_FOUND;
    }
    merge(letters, to->letters, f.letters, mine);
    snprintf(name, sizeof name, "%s%s%s", from->name, SEPARATOR, letters);
    int rc = join(path, maildir, to->folder, "cur", "");
    struct stat st;
    if (rc == PP_OK && stat(path, &st) != 0) {
        rc = pp_folders_make(maildir, to->folder);
    }
    rc = rc == PP_OK ? join(path, maildir, to->folder, "cur", name) : rc;
    if (rc != PP_OK) {
        return rc;
    }
    if (rename(f.path, path) != 0) {
        return errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    }
    return synced(path, f.path);
}

int pp_folders_remove(const char *maildir, const struct pp_folder_file *file, const char *mine)
{
    struct find f;
    if (!find(&f, maildir, file) || !is_mine(f.letters, file->letters, mine)) {
        return PP_NOT_FOUND;
    }
    if (unlink(f.path) != 0) {
        return errno == ENOENT ? PP_NOT_FOUND : PP_IO;
    }
    return pp_box_sync_folder(f.path);
}

static int copy(int fd, pp_maildir_read *read, void *ctx)
{
    uint8_t piece[65536];
    int64_t n;
    for (uint64_t offset = 0; (n = read(ctx, offset, piece, sizeof piece)) > 0;
         offset += (uint64_t)n) {
        int rc = pp_box_write(fd, pp_bytes(piece, (size_t)n));
        if (rc != PP_OK) {
            return rc;
        }
    }
    return (int)n;
}

static int write_tmp(const char *tmp, pp_maildir_read *read, void *ctx)
{
    unlink(tmp); /* of a round that died */
    int fd = open(tmp, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pp_box_code(errno);
    }
    int rc = copy(fd, read, ctx);
    pp_crash("folders-tmp-written");
    rc = rc == PP_OK && fsync(fd) != 0 ? pp_box_code(errno) : rc;
    return close(fd) != 0 && rc == PP_OK ? PP_IO : rc;
}

int pp_folders_put(const char *maildir, const struct pp_folder_file *as, pp_maildir_read *read,
                   void *ctx)
{
    char tmp[PATH_MAX], path[PATH_MAX], name[NAME_MAX + 70];
    struct find f;
    int rc = pp_folders_make(maildir, as->folder);
    if (rc == PP_OK && find(&f, maildir, as)) {
        return PP_EXISTS;
    }
    snprintf(name, sizeof name, "sync.%s", as->name);
    rc = rc == PP_OK ? join(tmp, maildir, as->folder, "tmp", name) : rc;
    snprintf(name, sizeof name, "%s%s%s", as->name, as->fresh ? "" : SEPARATOR,
             as->fresh ? "" : as->letters);
    rc = rc == PP_OK ? join(path, maildir, as->folder, as->fresh ? "new" : "cur", name) : rc;
    rc = rc == PP_OK ? write_tmp(tmp, read, ctx) : rc;
    if (rc != PP_OK) {
        unlink(tmp);
        return rc;
    }
    rc = rename(tmp, path) == 0 ? pp_box_sync_folder(path) : pp_box_code(errno);
    pp_crash("folders-placed");
    return rc;
}
