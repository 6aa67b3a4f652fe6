/*
 * Looks at every file of objects and inboxes: does it parse, is its checksum right? A repair moves
 * those that do not into quarantine/, where they can be read by hand; the rows' own repair then
 * mends what counted on them.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

static int quarantine(struct fs_store *s, enum pp_kind kind, const struct pp_name *name)
{
    char path[80], to[112];
    fs_group_path(path, kind, name);
    snprintf(to, sizeof to, "quarantine/%s-%s", kind == PP_INBOX ? "inbox" : "object",
             strrchr(path, '/') + 1);
    if (mkdirat(s->path, "quarantine", 0700) < 0 && errno != EEXIST) {
        return fs_code(errno);
    }
    return renameat(s->path, path, s->path, to) < 0 && errno != ENOENT ? fs_code(errno) : PP_OK;
}

int fs_set_aside(void *env, enum pp_kind kind, const struct pp_name *name)
{
    struct fs_store *s = env;
    struct fs_group *g;
    pthread_mutex_lock(&s->files);
    int err = fs_group_load(s, kind, name, &g);
    if (!err) {
        fs_group_free(g);
    }
    err = err == PP_BROKEN ? quarantine(s, kind, name) : PP_OK;
    pthread_mutex_unlock(&s->files);
    return err;
}

static int verify_one(struct fs_store *s, enum pp_kind kind, const struct pp_name *name,
                      bool repair, const struct pp_sink *sink, int *faults)
{
    struct fs_group *g;
    char path[80], line[160];
    int err = fs_group_load(s, kind, name, &g);
    if (err != PP_BROKEN) {
        if (!err) {
            fs_group_free(g);
        }
        return err;
    }
    fs_group_path(path, kind, name);
    snprintf(line, sizeof line, "%s: the file is damaged%s", path,
             repair ? ", moved to quarantine/" : "");
    ++*faults;
    if (sink) {
        sink->line(sink->ctx, line);
    }
    return repair ? quarantine(s, kind, name) : PP_OK;
}

int fs_files_verify(struct fs_store *s, bool repair, const struct pp_sink *sink)
{
    int faults = 0, err = PP_OK;
    for (int kind = PP_OBJECT; !err && kind <= PP_INBOX; kind++) {
        struct pp_name *names = NULL;
        size_t n = 0;
        err = fs_folder_list(s, (enum pp_kind)kind, &names, &n);
        for (size_t i = 0; !err && i < n; i++) {
            err = verify_one(s, (enum pp_kind)kind, &names[i], repair, sink, &faults);
        }
        free(names);
    }
    if (!err && repair && faults > 0) {
        err = fs_sync_all(s);
    }
    return err ? err : faults;
}
