/*
 * The file `state`: one small text, written aside, synced and renamed, that says which part of the
 * log is in files already, and which runs are the index. Format and epoch stand in it too.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>
#include <zlib.h>

#define STATE_MAX 4096

static void print(struct pp_buf *out, const uint8_t epoch[16], const struct fs_state *st)
{
    char hex[2 * ROWS_META_LEN + 1] = "-";
    pp_buf_printf(out, "Peerpost store of flat files, format %u\n", FS_FORMAT);
    pp_hex(hex, epoch, 16);
    pp_buf_printf(out, "epoch %s\n", hex);
    snprintf(hex, sizeof hex, "-");
    if (st->has_meta) {
        pp_hex(hex, st->meta, sizeof st->meta);
    }
    pp_buf_printf(
        out, "segment %llu\nbatch %llu\nreached %llu\nslots %llu\nused %llu\ncounters %s\nruns",
        (unsigned long long)st->segment, (unsigned long long)st->batch,
        (unsigned long long)st->reached, (unsigned long long)st->slots,
        (unsigned long long)st->used, hex);
    for (size_t i = 0; i < st->runs; i++) {
        pp_buf_printf(out, " %llu", (unsigned long long)st->run[i]);
    }
    pp_buf_printf(out, "\nrepair %d\n", st->repairing);
    pp_buf_printf(out, "check %08lx\n", crc32(0, out->data, (uInt)out->len));
}

int fs_state_write(int folder, const uint8_t epoch[16], const struct fs_state *state)
{
    struct pp_buf text = {0};
    bool sync = !pp_mutant("store-nosync");
    print(&text, epoch, state);
    int fd = text.failed
                 ? -1
                 : openat(folder, "state.new", O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = text.failed ? PP_NOMEM : fd < 0 ? fs_code(errno) : PP_OK;
    if (!err && pwrite(fd, text.data, text.len, 0) != (ssize_t)text.len) {
        err = fs_code(errno);
    }
    if (!err && sync && fsync(fd) < 0) {
        err = fs_code(errno);
    }
    if (fd >= 0) {
        close(fd);
    }
    pp_buf_free(&text);
    if (!err && renameat(folder, "state.new", folder, "state") < 0) {
        err = fs_code(errno);
    }
    pp_crash("store-state-renamed");
    if (!err && sync && fsync(folder) < 0) {
        err = fs_code(errno);
    }
    return err;
}

int fs_state_note(struct fs_store *s, const struct fs_state *next)
{
    pthread_mutex_lock(&s->noting);
    pthread_mutex_lock(&s->lock);
    struct fs_state state = next ? *next : s->state;
    state.reached = s->reached;
    state.slots = s->slots;
    pthread_mutex_unlock(&s->lock);
    int err = fs_state_write(s->path, s->epoch, &state);
    if (!err) {
        pthread_mutex_lock(&s->lock);
        s->state = state;
        pthread_mutex_unlock(&s->lock);
    }
    pthread_mutex_unlock(&s->noting);
    return err;
}

static bool read_runs(struct fs_state *st, const char *at)
{
    st->runs = 0;
    while (*at == ' ' && st->runs < FS_RUNS) {
        char *end;
        st->run[st->runs++] = strtoull(at + 1, &end, 10);
        if (end == at + 1) {
            return false;
        }
        at = end;
    }
    st->repairing = fs_skip(&at, "\nrepair 1");
    return st->repairing || fs_skip(&at, "\nrepair 0");
}

static bool is_whole(const char *text)
{
    uint64_t check;
    const char *end = strstr(text, "\ncheck "), *sum = end ? end + 7 : NULL;
    return end && fs_number(&sum, 16, &check) && fs_skip(&sum, "\n") && *sum == '\0' &&
           check == crc32(0, (const Bytef *)text, (uInt)(end + 1 - text));
}

static bool read_fields(struct fs_store *s, const char *text)
{
    struct fs_state *st = &s->state;
    char epoch[33], meta[2 * ROWS_META_LEN + 1];
    const char *at = strchr(text, '\n');
    bool read = fs_skip(&at, "\nepoch ") && fs_word(&at, epoch, sizeof epoch) &&
                fs_skip(&at, "\nsegment ") && fs_number(&at, 10, &st->segment) &&
                fs_skip(&at, "\nbatch ") && fs_number(&at, 10, &st->batch) &&
                fs_skip(&at, "\nreached ") && fs_number(&at, 10, &st->reached) &&
                fs_skip(&at, "\nslots ") && fs_number(&at, 10, &st->slots) &&
                fs_skip(&at, "\nused ") && fs_number(&at, 10, &st->used) &&
                fs_skip(&at, "\ncounters ") && fs_word(&at, meta, sizeof meta) &&
                fs_skip(&at, "\nruns");
    if (!read || pp_unhex(s->store.epoch, 16, pp_str(epoch)) != PP_OK) {
        return false;
    }
    st->has_meta = strcmp(meta, "-") != 0;
    return (!st->has_meta || pp_unhex(st->meta, ROWS_META_LEN, pp_str(meta)) == PP_OK) &&
           read_runs(st, at);
}

/* Is there any folder that only a store has? */
static bool has_parts(int folder)
{
    return faccessat(folder, "log", F_OK, 0) == 0 || faccessat(folder, "objects", F_OK, 0) == 0 ||
           faccessat(folder, "inboxes", F_OK, 0) == 0;
}

static int missing(struct fs_store *s, const char *path, struct pp_error *error)
{
    return has_parts(s->path)
               ? pp_fail(error, PP_BROKEN,
                         "%s/state is missing, while other parts of a store are there: " FS_ADVICE,
                         path)
               : pp_fail(error, PP_NOT_FOUND, "%s: the folder holds no store", path);
}

int fs_state_read(struct fs_store *s, const char *path, struct pp_error *error)
{
    char text[STATE_MAX + 1];
    uint64_t format = 0;
    const char *at = text;
    int fd = openat(s->path, "state", O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return errno == ENOENT ? missing(s, path, error)
                               : pp_fail(error, PP_BROKEN, "%s/state: %s", path, strerror(errno));
    }
    ssize_t n = pread(fd, text, STATE_MAX, 0);
    close(fd);
    text[n > 0 ? n : 0] = '\0';
    bool whole = is_whole(text);
    bool ours =
        fs_skip(&at, "Peerpost store of flat files, format ") && fs_number(&at, 10, &format);
    if (whole && ours && format != FS_FORMAT) {
        return pp_fail(
            error, PP_FORMAT,
            "%s: the store has format %llu, this version reads format %u: use the version "
            "that wrote it, or migrate the store",
            path, (unsigned long long)format, FS_FORMAT);
    }
    if (!whole || !ours || !read_fields(s, text)) {
        return pp_fail(
            error, PP_BROKEN,
            "%s/state is damaged (its checksum over octets 0 to %zd is wrong): " FS_ADVICE, path,
            n > 0 ? n : 0);
    }
    return s->state.repairing && !s->salvaging
               ? pp_fail(error, PP_BROKEN, "%s: a repair of the store has not ended: " FS_ADVICE,
                         path)
               : PP_OK;
}
