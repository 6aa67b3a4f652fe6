/*
 * The log: slots of zeros written once and used over and over, so that a commit's one fdatasync
 * carries no metadata. A slot in use is a segment, and its number stands in each record, so what an
 * earlier use left is no record. One slot is kept for removals, which must pass when all is full.
 */
#include "fs_store.h"

#include <peerpost/crash.h>

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#define NEW "PPLslot\n" /* a slot's begin until its first record; records begin with PPL too */
#define BACKLOG 4       /* log_max that may wait to be filled */

static int write_zeros(int fd, uint64_t size)
{
    static const uint8_t zeros[64 * 1024];
    for (uint64_t at = 0; at < size;) {
        size_t len = size - at < sizeof zeros ? (size_t)(size - at) : sizeof zeros;
        ssize_t n = pwrite(fd, zeros, len, (off_t)at);
        if (n < 0 && errno != EINTR) {
            return fs_code(errno);
        }
        at += n > 0 ? (uint64_t)n : 0;
    }
    return PP_OK;
}

bool fs_slot_begins(const uint8_t *at, uint64_t size)
{
    return size > FS_RECORD_HEAD && memcmp(at, NEW, 3) == 0;
}

bool fs_slot_is_new(const uint8_t *at, uint64_t size)
{
    return size > FS_RECORD_HEAD && memcmp(at, NEW, 8) == 0;
}

int fs_slot_create(int folder, size_t number, uint64_t size, int *fd)
{
    char name[24];
    bool sync = !pp_mutant("store-nosync");
    snprintf(name, sizeof name, "%zu", number);
    *fd = openat(folder, "new", O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    int err = *fd < 0 ? fs_code(errno) : write_zeros(*fd, size);
    if (!err && pwrite(*fd, NEW, 8, 0) != 8) {
        err = fs_code(errno);
    }
    if (!err && sync && fsync(*fd) < 0) {
        err = fs_code(errno);
    }
    if (!err && renameat(folder, "new", folder, name) < 0) {
        err = fs_code(errno);
    }
    if (err && *fd >= 0) {
        close(*fd);
        unlinkat(folder, "new", 0);
    }
    pp_crash("store-grow");
    return err || !sync || fsync(folder) == 0 ? err : PP_BROKEN;
}

/* Opens slots in their order, up to the first that is not there. */
int fs_log_open(struct fs_store *s)
{
    for (s->slots = 0; s->slots < FS_SLOTS; s->slots++) {
        struct fs_slot *slot = &s->slot[s->slots];
        struct stat st;
        char name[24];
        snprintf(name, sizeof name, "%zu", s->slots);
        int fd = openat(s->log, name, O_RDWR | O_CLOEXEC);
        if (fd < 0 && errno == ENOENT) {
            return PP_OK;
        }
        if (fd < 0 || fstat(fd, &st) < 0) {
            if (fd >= 0) {
                close(fd);
            }
            return PP_BROKEN;
        }
        *slot = (struct fs_slot){.fd = fd, .size = (uint64_t)st.st_size};
    }
    return PP_OK;
}

void fs_log_close(struct fs_store *s)
{
    while (s->slots > 0) {
        close(s->slot[--s->slots].fd);
    }
}

static uint64_t log_size(const struct fs_store *s)
{
    uint64_t all = 0;
    for (size_t i = 0; i < s->slots; i++) {
        all += s->slot[i].size;
    }
    return all;
}

uint64_t fs_freeze_size(const struct fs_store *s)
{
    return s->log_max; /* the more at once, the less each file costs to sync */
}

static bool disk_has(struct fs_store *s, uint64_t octets)
{
    struct statvfs v;
    pthread_mutex_lock(&s->lock);
    octets += s->active.debt + s->frozen.debt;
    for (size_t i = 0; i < s->runs->n; i++) { /* runs are merged into a new one */
        octets += s->runs->run[i]->len;
    }
    pthread_mutex_unlock(&s->lock);
    return fstatvfs(s->path, &v) < 0 || (uint64_t)v.f_bavail * v.f_frsize > octets + s->log_min ||
           pp_mutant("store-no-room");
}

/* Adding: only where the disk has room for it beside all that is still to be filled. */
static int add_slot(struct fs_store *s, uint64_t octets, bool adding, struct fs_slot **out)
{
    uint64_t size = log_size(s) / 2;
    size = size < s->log_min ? s->log_min : size > s->log_max ? s->log_max : size;
    uint64_t least = octets > s->log_min ? octets : s->log_min;
    if (adding && !disk_has(s, size + octets)) {
        size = least;
        if (!disk_has(s, size + octets)) {
            return PP_FULL;
        }
    }
    int fd, err = s->slots == FS_SLOTS
                      ? PP_FULL
                      : fs_slot_create(s->log, s->slots, size > least ? size : least, &fd);
    if (err == PP_FULL && s->slots < FS_SLOTS && size > least) {
        err = fs_slot_create(s->log, s->slots, least, &fd);
    }
    if (err) {
        return err;
    }
    pthread_mutex_lock(&s->lock); /* the filler notes how many there are */
    *out = &s->slot[s->slots++];
    pthread_mutex_unlock(&s->lock);
    **out = (struct fs_slot){.fd = fd, .size = size > least ? size : least};
    struct stat st;
    if (fstat(fd, &st) == 0) {
        (*out)->size = (uint64_t)st.st_size;
    }
    err = fs_state_note(s, NULL); /* so that its loss is seen; a full disk may forbid it */
    return err == PP_FULL ? PP_OK : err;
}

/* A slot in which so many octets have room becomes the current one. */
static int find_slot(struct fs_store *s, uint64_t octets, bool adding)
{
    struct fs_slot *best = NULL;
    size_t free_slots = 0;
    pthread_mutex_lock(&s->lock);
    uint64_t freed = s->freed;
    pthread_mutex_unlock(&s->lock);
    for (size_t i = 0; i < s->slots; i++) {
        struct fs_slot *slot = &s->slot[i];
        slot->segment = slot->segment <= freed ? 0 : slot->segment;
        free_slots += slot->segment == 0;
        if (slot->segment == 0 && slot->size >= octets && (!best || slot->size < best->size)) {
            best = slot;
        }
    }
    if (!best || (adding && free_slots < 2)) {
        int err = add_slot(s, octets, adding, &best);
        if (err) {
            return err == PP_NOMEM ? PP_FULL : err;
        }
    }
    best->segment = ++s->segment;
    best->used = 0;
    s->current = best;
    return PP_OK;
}

/* Keeps the writer from running away from the filler. */
static void await_filler(struct fs_store *s)
{
    pthread_mutex_lock(&s->lock);
    while (s->filling && !s->stuck && !s->waiting && !atomic_load(&s->store.broken) &&
           s->active.octets + s->frozen.octets > BACKLOG * s->log_max) {
        pthread_cond_wait(&s->changed, &s->lock);
    }
    pthread_mutex_unlock(&s->lock);
}

int fs_log_room(struct fs_store *s, uint64_t octets, uint64_t debt, bool adding)
{
    int err = PP_FULL;
    await_filler(s);
    for (int tries = 0; err == PP_FULL && tries < 2; tries++) {
        if (tries > 0 && !fs_fill_all(s)) {
            return PP_FULL;
        }
        if (atomic_load(&s->store.broken)) {
            return PP_BROKEN;
        }
        if (adding && !disk_has(s, debt)) {
            continue;
        }
        bool fits = s->current && s->current->size - s->current->used >= octets;
        err = fits ? PP_OK : find_slot(s, octets, adding);
    }
    return err;
}

static int write_record(const struct fs_slot *slot, const struct pp_buf *record)
{
    for (size_t at = 0; at < record->len;) {
        ssize_t n = pwrite(slot->fd, record->data + at, record->len - at, (off_t)(slot->used + at));
        if (n < 0 && errno != EINTR) {
            return PP_BROKEN;
        }
        at += n > 0 ? (size_t)n : 0;
    }
    pp_crash("store-log-written");
    return !pp_mutant("store-nosync") && fdatasync(slot->fd) < 0 ? PP_BROKEN : PP_OK;
}

int fs_log_append(struct fs_store *s, struct pp_buf *record, uint64_t used)
{
    struct fs_slot *slot = s->current;
    pthread_mutex_lock(&s->lock);
    struct fs_record r = {.segment = slot->segment,
                          .batch = s->batch + 1,
                          .used = used,
                          .first = s->freed + 1,
                          .slot_size = slot->size,
                          .slots = (uint32_t)s->slots};
    pthread_mutex_unlock(&s->lock);
    int err = fs_record_close(record, &r);
    err = err ? err : write_record(slot, record);
    if (!err) {
        pp_crash("store-log-synced");
        slot->used += record->len;
        s->batch++;
    }
    return err;
}
