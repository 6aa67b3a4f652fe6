/*
 * Failing disks: a small file system that fills up (never an error but FULL, removals go on), a
 * sync that fails (BROKEN, and it stays so). The second needs the fault library, so it runs in a
 * program started anew.
 */
#include "store_model.h"

#include <errno.h>
#include <spawn.h>
#include <stdlib.h>
#include <sys/mount.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static void fill_small_disk(struct store_suite *s, const char *path, uint64_t size)
{
    struct pp_store *store = kit_open(s, path, s->values);
    struct pp_head head;
    unsigned n = 0, again = 0;
    int err = PP_OK;
    RULE(s, store, "a store opens on a small disk");
    while (err == PP_OK && n < 100000) {
        err = kit_put(s, store, n, size);
        n += err == PP_OK;
    }
    RULE(s, err == PP_FULL && n > 0,
         "a full disk is FULL, nothing else (%s after %u bodies of %llu)", pp_error_text(err), n,
         (unsigned long long)size);
    for (unsigned i = 0; i < n; i++) {
        RULE(s, kit_head_of(s, store, PP_OBJECT, i, &head) == PP_OK, "a full disk stays readable");
    }
    err = kit_put(s, store, n, size);
    RULE(s, err == PP_FULL, "FULL again, not worse (%s after %u of %llu)", pp_error_text(err), n,
         (unsigned long long)size);
    for (unsigned i = 0; i < n; i++) {
        err = kit_remove_one(s, store, PP_OBJECT, i, false);
        RULE(s, err == PP_OK, "removals work on a full disk (%s at %u of %u)", pp_error_text(err),
             i, n);
    }
    for (err = PP_OK; err == PP_OK && again < n; again += err == PP_OK) {
        err = kit_put(s, store, 500000 + again, size);
    }
    RULE(s, again > n / 2, "what is removed makes room (%u of %u fit again, then %s)", again, n,
         pp_error_text(err));
    s->p->close(store);
    RULE(s, s->p->check(path, s->values, false, NULL, NULL) == 0,
         "check finds no fault afterwards");
    store = kit_open(s, path, s->values);
    RULE(s, store && kit_usage(s, store).objects == again, "and it opens again with all in it");
    s->p->close(store);
}

static void disk_fills(struct store_suite *s)
{
    static const uint64_t sizes[] = {4000, 100000, 1000000};
    char disk[256], path[300];
    bool mounted = false;
    if (!s->keeps) {
        return;
    }
    kit_path(s, disk);
    if (s->disk) {
        snprintf(disk, sizeof disk, "%s", s->disk);
    } else if (mkdir(disk, 0700) < 0 || mount("none", disk, "tmpfs", 0, "size=24m") < 0) {
        kit_skip(s, "no small file system: mount: %s (give one with --disk FOLDER)",
                 strerror(errno));
        return;
    } else {
        mounted = true;
    }
    for (size_t i = 0; i < 3 && !s->broken; i++) {
        snprintf(path, sizeof path, "%s/store-%zu", disk, i);
        fill_small_disk(s, path, sizes[i]);
        kit_remove(path);
    }
    if (mounted && umount2(disk, MNT_DETACH) < 0) {
        perror(disk);
    }
}

/* Starts this program as a worker with the fault library; its exit status, -1. */
static int run_worker(struct store_suite *s, const char *fail, const char *path)
{
    char preload[300], failing[80], asan[] = "ASAN_OPTIONS=verify_asan_link_order=0";
    char *argv[] = {(char *)(uintptr_t)s->program, (char *)(uintptr_t) "--worker",
                    (char *)(uintptr_t)s->file,    (char *)(uintptr_t) "fault",
                    (char *)(uintptr_t)path,       NULL};
    char *env[80] = {preload, failing, asan};
    size_t n = 3;
    pid_t pid;
    int status = -1;
    snprintf(preload, sizeof preload, "LD_PRELOAD=%s/store_faults.so", s->preload);
    snprintf(failing, sizeof failing, "PP_FAIL=%s", fail);
    for (char **e = environ; *e && n < 79; e++) {
        if (strncmp(*e, "LD_PRELOAD=", 11) != 0 && strncmp(*e, "ASAN_OPTIONS=", 13) != 0) {
            env[n++] = *e;
        }
    }
    env[n] = NULL;
    if (posix_spawn(&pid, s->program, NULL, NULL, argv, env) != 0 ||
        waitpid(pid, &status, 0) != pid) {
        return -1;
    }
    return WIFEXITED(status) ? WEXITSTATUS(status) : -1;
}

enum { WORKER_STAYED = 0, WORKER_NO_FAULT = 10, WORKER_WRONG = 11 };

static void syncs_fail(struct store_suite *s)
{
    static const char *const calls[] = {"fdatasync", "fsync", "syncfs", "pwrite"};
    if (!s->keeps) {
        return;
    }
    if (!s->program || !s->preload) {
        kit_skip(s, "no fault library beside this program");
        return;
    }
    unsigned failed = 0;
    for (size_t c = 0; c < sizeof calls / sizeof *calls; c++) {
        for (unsigned n = 1; n < (s->lengthy ? 400 : 24); n++) {
            char fail[64], path[256];
            kit_path(s, path);
            snprintf(fail, sizeof fail, "%s:%u", calls[c], n);
            int status = run_worker(s, fail, path);
            kit_remove(path);
            if (status == WORKER_NO_FAULT) {
                break;
            }
            failed++;
            RULE(s, status == WORKER_STAYED,
                 "after a failed write or sync (the %u. %s) the store says BROKEN and stays so "
                 "(worker: %d)",
                 n, calls[c], status);
        }
    }
    RULE(s, failed > 0, "the store syncs what it commits (no write or sync could be made to fail)");
    fprintf(s->out, "  %u failures injected\n", failed);
}

/* Writes until something fails: it must be BROKEN, and nothing may commit after it. */
int store_worker_fault(struct store_suite *s, int argc, char **argv)
{
    struct pp_store *store = NULL;
    struct pp_error error;
    int err = argc < 1 ? PP_INVALID
                       : s->p->open(&store, argv[0], s->values, (const uint8_t *)"0123456789abcde",
                                    PP_STORE_CREATE, &error);
    if (err) {
        return err == PP_BROKEN ? WORKER_STAYED : WORKER_WRONG;
    }
    for (unsigned n = 0; !err && n < 60; n++) {
        err = kit_put(s, store, n, n % 6 == 5 ? 700000 : 5000);
        if (!err && n % 3 == 2) {
            err = kit_remove_one(s, store, PP_OBJECT, n, false);
        }
    }
    if (!err) {
        s->p->close(store);
        return WORKER_NO_FAULT;
    }
    if (err != PP_BROKEN || s->p->begin(store) || s->p->begin_view(store)) {
        return WORKER_WRONG;
    }
    s->p->close(store);
    return WORKER_STAYED;
}

const struct store_case store_cases_fault[] = {
    {"fault: a small disk fills", disk_fills},
    {"fault: writes and syncs fail", syncs_fail},
    {NULL, NULL},
};
