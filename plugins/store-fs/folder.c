/*
 * The folder of a flat-file store: what stands in it, listing, syncing. Knows no rows.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static const char *const folders[] = {"log", "index", "objects", "inboxes", "bodies", "quarantine"};
#define FOLDERS (sizeof folders / sizeof *folders)

int fs_code(int error)
{
    switch (error) {
    case ENOSPC:
    case EDQUOT:
    case EFBIG:
        return PP_FULL;
    case EMFILE:
    case ENFILE:
    case ENOMEM:
        return PP_NOMEM;
    default:
        return PP_BROKEN;
    }
}

/* A `state` that is damaged or missing is nothing to stop for. */
static int salvage_state(struct fs_store *s, const char *path, struct pp_error *error)
{
    struct pp_error why = {.text = "`state` cannot be written"};
    int err = fs_state_read(s, path, &why);
    s->reindex = s->reindex || s->state.repairing;
    s->state.repairing = true;
    if (err != PP_BROKEN) {
        err = err ? err : fs_state_write(s->path, s->store.epoch, &s->state);
        return err ? pp_fail(error, err, "%s", why.text) : PP_OK;
    }
    bool there = faccessat(s->path, "state", F_OK, 0) == 0;
    fs_say(s->say, "state: %s; made anew from what the log says", there ? "damaged" : "missing");
    s->state = (struct fs_state){.segment = 0, .repairing = true};
    s->reindex = true;
    err = there ? fs_quarantine_link(s, "state", "state") : PP_OK;
    return err ? pp_fail(error, err, "%s/quarantine: %s", path, strerror(errno)) : PP_OK;
}

int fs_folder_open(struct fs_store *s, const char *path, struct pp_error *error)
{
    s->path = s->log = s->index = s->store.folder = -1;
    int err = rows_folder_lock(&s->path, path, error);
    err = err ? err : s->salvaging ? salvage_state(s, path, error) : fs_state_read(s, path, error);
    if (!err && s->salvaging && (err = fs_salvage_folders(s)) != PP_OK) {
        err = pp_fail(error, err, "%s: a folder of the store cannot be made: %s", path,
                      strerror(errno));
    }
    for (size_t i = 0; !err && i + 1 < FOLDERS; i++) { /* quarantine is made when it is needed */
        if (faccessat(s->path, folders[i], F_OK, 0) < 0) {
            err = pp_fail(error, PP_BROKEN, "%s/%s: %s: " FS_ADVICE, path, folders[i],
                          strerror(errno));
        }
    }
    if (err) {
        return err;
    }
    s->log = rows_folder_at(s->path, "log");
    s->index = rows_folder_at(s->path, "index");
    s->store.folder = rows_folder_at(s->path, "bodies");
    return s->log < 0 || s->index < 0 || s->store.folder < 0
               ? pp_fail(error, fs_code(errno), "%s: a folder of the store: %s", path,
                         strerror(errno))
               : PP_OK;
}

void fs_folder_close(struct fs_store *s)
{
    const int fds[] = {s->store.folder, s->index, s->log, s->path}; /* the lock goes last */
    for (size_t i = 0; i < sizeof fds / sizeof *fds; i++) {
        if (fds[i] >= 0) {
            close(fds[i]);
        }
    }
}

int fs_sync_all(struct fs_store *s)
{
    return !pp_mutant("store-nosync-body") && syncfs(s->path) < 0 ? fs_code(errno) : PP_OK;
}

static int make_parts(int aside, uint64_t slot, const uint8_t epoch[16])
{
    const struct fs_state state = {.segment = 1, .slots = 2};
    int fd, log, err = PP_OK;
    for (size_t i = 0; i < FOLDERS; i++) {
        if (mkdirat(aside, folders[i], 0700) < 0) {
            return fs_code(errno);
        }
    }
    log = rows_folder_at(aside, "log");
    for (size_t n = 0; !err && n < 2; n++) {
        err = fs_slot_create(log, n, slot, &fd);
        if (!err) {
            close(fd);
        }
    }
    if (log >= 0) {
        close(log);
    }
    return err ? err : fs_state_write(aside, epoch, &state);
}

struct creation {
    uint64_t slot;
    const uint8_t *epoch;
};

static int make_empty(void *ctx, const char *aside, struct pp_error *error)
{
    const struct creation *c = ctx;
    int fd = rows_folder_at(AT_FDCWD, aside);
    int err = fd < 0 ? PP_BROKEN : make_parts(fd, c->slot, c->epoch);
    if (err) {
        err = pp_fail(error, err, "%s: cannot be written: %s", aside, strerror(errno));
    }
    if (fd >= 0) {
        close(fd);
    }
    return err;
}

int fs_folder_create(const char *path, uint64_t slot, const uint8_t epoch[16],
                     struct pp_error *error)
{
    struct creation c = {slot, epoch};
    return rows_folder_create(path, make_empty, &c, error);
}

static int by_name(const void *a, const void *b)
{
    return memcmp(a, b, sizeof(struct pp_name));
}

static int list_folder(int fd, struct pp_buf *names)
{
    DIR *folder = fdopendir(fd);
    const struct dirent *entry;
    if (!folder) {
        close(fd);
        return PP_BROKEN;
    }
    while ((entry = readdir(folder)) != NULL) {
        struct pp_name name;
        if (pp_unhex(name.b, sizeof name.b, pp_str(entry->d_name)) == PP_OK) {
            pp_buf_add(names, name.b, sizeof name.b);
        }
    }
    closedir(folder);
    return names->failed ? PP_NOMEM : PP_OK;
}

int fs_folder_list(struct fs_store *s, enum pp_kind kind, struct pp_name **names, size_t *n)
{
    struct pp_buf all = {0};
    int err = PP_OK;
    for (unsigned i = 0; !err && i < 256; i++) {
        char path[16];
        snprintf(path, sizeof path, "%s/%02x", kind == PP_INBOX ? "inboxes" : "objects", i);
        int fd = rows_folder_at(s->path, path);
        if (fd >= 0) {
            err = list_folder(fd, &all);
        } else if (errno != ENOENT) {
            err = fs_code(errno);
        }
    }
    if (err) {
        pp_buf_free(&all);
        return err;
    }
    *n = all.len / sizeof **names;
    *names = (struct pp_name *)(void *)all.data; /* octets: no alignment asked for */
    if (*n > 1) {
        qsort(*names, *n, sizeof **names, by_name);
    }
    return PP_OK;
}
