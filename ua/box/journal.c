/*
 * The durable map; see journal.h. File: 16 octets of header, then frames. A frame is mark (4),
 * payload length (4), the first 8 octets of SHA-256 of length and payload, payload; the payload is
 * records of key length (4), value length (4), key, value. A frame is what one sync wrote, so a
 * power cut tears the last frame only. It must not know what keys and values mean.
 */
#include <box/journal.h>

#include <base/crash.h>
#include <base/hash.h>
#include <box/files.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#define FILE_HEADER 16
#define FRAME_HEADER 16
#define FRAME_MAX ((size_t)64 << 20)
#define COMPACT_FROM ((uint64_t)256 << 10)
static const char file_mark[FILE_HEADER] = "PPJOURNAL\0\0\0\0\0\0\1";
static const uint8_t frame_mark[4] = {0xf7, 'P', 'J', 'f'};

struct entry {
    UT_hash_handle hh;
    struct pp_buf value;
    size_t key_len;
    uint8_t key[];
};

struct pp_journal {
    char path[PATH_MAX], aside[PATH_MAX];
    int fd, lock;
    struct entry *entries;
    struct pp_buf pending; /* room for a frame's header, then records */
    uint64_t size, live;   /* octets of the file; of the records still current */
    bool broken;
};

static uint64_t record_size(size_t key, size_t value)
{
    return 8 + (uint64_t)key + value;
}

static struct entry *entry_find(const struct pp_journal *j, struct pp_bytes key)
{
    struct entry *e = NULL;
    HASH_FIND(hh, j->entries, key.data, key.len, e);
    return e;
}

static void entry_remove(struct pp_journal *j, struct entry *e)
{
    j->live -= record_size(e->key_len, e->value.len);
    HASH_DELETE(hh, j->entries, e);
    pp_buf_wipe(&e->value);
    free(e);
}

static int entry_new(struct pp_journal *j, struct pp_bytes key, struct pp_buf *value)
{
    struct entry *e = calloc(1, sizeof *e + key.len);
    if (!e) {
        return PP_NOMEM;
    }
    memcpy(e->key, key.data, key.len);
    e->key_len = key.len;
    e->value = *value;
    HASH_ADD(hh, j->entries, key, key.len, e);
    j->live += record_size(key.len, value->len);
    return PP_OK;
}

static int entry_set(struct pp_journal *j, struct pp_bytes key, struct pp_bytes value)
{
    struct entry *e = entry_find(j, key);
    if (!value.len) {
        if (e) {
            entry_remove(j, e);
        }
        return PP_OK;
    }
    struct pp_buf copy = {0};
    if (pp_buf_add(&copy, value.data, value.len) != PP_OK) {
        return PP_NOMEM;
    }
    if (!e) {
        int rc = entry_new(j, key, &copy);
        if (rc != PP_OK) {
            pp_buf_free(&copy);
        }
        return rc;
    }
    j->live += value.len;
    j->live -= e->value.len;
    pp_buf_wipe(&e->value);
    e->value = copy;
    return PP_OK;
}

static void frame_sum(uint8_t out[8], struct pp_bytes frame)
{
    uint8_t digest[32], length[4];
    struct pp_hash *h = pp_hash_create();
    pp_put32(length, (uint32_t)(frame.len - FRAME_HEADER));
    pp_hash_add(h, pp_bytes(length, sizeof length));
    pp_hash_add(h, pp_bytes(frame.data + FRAME_HEADER, frame.len - FRAME_HEADER));
    pp_hash_digest(h, digest);
    pp_hash_destroy(h);
    memcpy(out, digest, 8);
}

/* Octets of the whole frame that starts here, 0 when none does. */
static size_t frame_at(struct pp_bytes in)
{
    if (in.len < FRAME_HEADER || memcmp(in.data, frame_mark, sizeof frame_mark) != 0) {
        return 0;
    }
    size_t len = pp_get32(in.data + 4);
    if (len > FRAME_MAX || len > in.len - FRAME_HEADER) {
        return 0;
    }
    uint8_t sum[8];
    frame_sum(sum, pp_bytes(in.data, FRAME_HEADER + len));
    return memcmp(sum, in.data + 8, sizeof sum) == 0 ? FRAME_HEADER + len : 0;
}

/* A bad frame with a good one after it is no torn tail. */
static bool any_frame_after(struct pp_bytes in)
{
    for (size_t i = 1; i + FRAME_HEADER <= in.len; i++) {
        if (in.data[i] == frame_mark[0] && frame_at(pp_bytes(in.data + i, in.len - i))) {
            return true;
        }
    }
    return false;
}

static int read_frame(struct pp_journal *j, struct pp_bytes payload)
{
    struct pp_reader r = pp_reader(payload);
    while (pp_reader_left(&r)) {
        size_t key_len = pp_read32(&r), value_len = pp_read32(&r);
        const uint8_t *key = pp_read(&r, key_len), *value = pp_read(&r, value_len);
        if (r.failed) {
            return PP_FORMAT;
        }
        int rc = entry_set(j, pp_bytes(key, key_len), pp_bytes(value, value_len));
        if (rc != PP_OK) {
            return rc;
        }
    }
    return PP_OK;
}

static int read_frames(struct pp_journal *j, struct pp_bytes all, struct pp_error *error)
{
    size_t at = FILE_HEADER;
    while (at < all.len) {
        struct pp_bytes rest = pp_bytes(all.data + at, all.len - at);
        size_t len = frame_at(rest);
        if (!len) {
            if (any_frame_after(rest)) {
                return pp_fail(error, PP_FORMAT,
                               "%s is damaged at octet %zu: restore it from a backup, or move it "
                               "away (mail under way is then forgotten)",
                               j->path, at);
            }
            break;
        }
        int rc = read_frame(j, pp_bytes(rest.data + FRAME_HEADER, len - FRAME_HEADER));
        if (rc != PP_OK) {
            return pp_fail(error, rc, "%s: %s at octet %zu", j->path, pp_error_text(rc), at);
        }
        at += len;
    }
    j->size = at;
    if (at < all.len && (ftruncate(j->fd, (off_t)at) != 0 || fsync(j->fd) != 0)) {
        return pp_fail(error, PP_IO, "cannot cut the torn end off %s: %s", j->path,
                       strerror(errno));
    }
    return PP_OK;
}

static int read_whole(int fd, struct pp_buf *out)
{
    struct stat st;
    if (fstat(fd, &st) != 0 || st.st_size < 0 || pp_buf_reserve(out, (size_t)st.st_size + 1)) {
        return PP_IO;
    }
    for (;;) {
        if (pp_buf_reserve(out, 65536) != PP_OK) {
            return PP_NOMEM;
        }
        ssize_t n = read(fd, out->data + out->len, out->cap - out->len - 1);
        if (n < 0 && errno == EINTR) {
            continue;
        }
        if (n < 0) {
            return PP_IO;
        }
        if (n == 0) {
            return PP_OK;
        }
        out->len += (size_t)n;
    }
}

/* Puts a new file with these octets in the place of the journal: aside, synced, renamed. */
static int replace(struct pp_journal *j, struct pp_bytes bytes)
{
    int fd = open(j->aside, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0) {
        return PP_IO;
    }
    int rc = pp_box_write(fd, bytes);
    if (rc == PP_OK && fsync(fd) != 0) {
        rc = PP_IO;
    }
    if (rc == PP_OK) {
        pp_crash("journal-written-aside");
    }
    if (rc == PP_OK && rename(j->aside, j->path) != 0) {
        rc = PP_IO;
    }
    if (rc != PP_OK) {
        close(fd);
        unlink(j->aside);
        return rc;
    }
    if (j->fd >= 0) {
        close(j->fd);
    }
    j->fd = fd;
    j->size = bytes.len;
    pp_crash("journal-renamed");
    /* The rename may yet be undone by a power cut: nothing more may go into the new file. */
    j->broken = pp_box_sync_folder(j->path) != PP_OK;
    return j->broken ? PP_BROKEN : PP_OK;
}

static void frame_begin(struct pp_buf *b)
{
    static const uint8_t room[FRAME_HEADER];
    pp_buf_add(b, room, sizeof room);
}

/* Fills in the header of the frame that begins at `start` and ends with the buffer. */
static void frame_end(struct pp_buf *b, size_t start)
{
    memcpy(b->data + start, frame_mark, sizeof frame_mark);
    pp_put32(b->data + start + 4, (uint32_t)(b->len - start - FRAME_HEADER));
    frame_sum(b->data + start + 8, pp_bytes(b->data + start, b->len - start));
}

static void add_record(struct pp_buf *b, struct pp_bytes key, struct pp_bytes value)
{
    uint8_t lengths[8];
    pp_put32(lengths, (uint32_t)key.len);
    pp_put32(lengths + 4, (uint32_t)value.len);
    pp_buf_add(b, lengths, sizeof lengths);
    pp_buf_add(b, key.data, key.len);
    pp_buf_add(b, value.data, value.len);
}

static int compact(struct pp_journal *j)
{
    struct pp_buf b = {0};
    pp_buf_add(&b, file_mark, FILE_HEADER);
    size_t start = b.len;
    frame_begin(&b);
    struct entry *e, *next;
    HASH_ITER(hh, j->entries, e, next)
    {
        add_record(&b, pp_bytes(e->key, e->key_len), pp_buf_bytes(&e->value));
        if (b.len - start > FRAME_MAX / 2) {
            frame_end(&b, start);
            start = b.len;
            frame_begin(&b);
        }
    }
    if (b.failed) {
        pp_buf_wipe(&b);
        return PP_NOMEM;
    }
    frame_end(&b, start);
    int rc = replace(j, pp_buf_bytes(&b));
    pp_buf_wipe(&b);
    return rc;
}

static int load(struct pp_journal *j, struct pp_error *error)
{
    unlink(j->aside);
    j->fd = open(j->path, O_RDWR | O_CLOEXEC);
    if (j->fd < 0 && errno == ENOENT) {
        int rc = replace(j, pp_bytes(file_mark, FILE_HEADER));
        return rc ? pp_fail(error, rc, "cannot create %s: %s", j->path, strerror(errno)) : PP_OK;
    }
    struct pp_buf all = {0};
    int rc = j->fd < 0 ? PP_IO : read_whole(j->fd, &all);
    if (rc != PP_OK) {
        pp_fail(error, rc, "cannot read %s: %s", j->path, strerror(errno));
    } else if (all.len < FILE_HEADER || memcmp(all.data, file_mark, FILE_HEADER) != 0) {
        rc = pp_fail(error, PP_FORMAT, "%s is no journal of this version of Peerpost", j->path);
    } else {
        rc = read_frames(j, pp_buf_bytes(&all), error);
    }
    pp_buf_wipe(&all);
    return rc;
}

int pp_journal_open(struct pp_journal **out, const char *path, struct pp_error *error)
{
    struct pp_journal *j = calloc(1, sizeof *j);
    if (!j) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    j->fd = -1;
    char lock[PATH_MAX];
    if (snprintf(j->path, sizeof j->path, "%s", path) >= PATH_MAX - 8) {
        free(j);
        return pp_fail(error, PP_IO, "journal name too long: use a shorter user.state");
    }
    snprintf(j->aside, sizeof j->aside, "%.*s.new", PATH_MAX - 8, path);
    snprintf(lock, sizeof lock, "%.*s.lock", PATH_MAX - 8, path);
    j->lock = pp_box_lock(lock, error);
    int rc = j->lock < 0 ? j->lock : load(j, error);
    if (rc != PP_OK) {
        pp_journal_close(j);
        return rc;
    }
    frame_begin(&j->pending);
    *out = j;
    return PP_OK;
}

void pp_journal_close(struct pp_journal *j)
{
    if (!j) {
        return;
    }
    struct entry *e, *next;
    HASH_ITER(hh, j->entries, e, next)
    {
        entry_remove(j, e);
    }
    pp_buf_wipe(&j->pending);
    if (j->fd >= 0) {
        close(j->fd);
    }
    if (j->lock >= 0) {
        close(j->lock);
    }
    free(j);
}

int pp_journal_put(struct pp_journal *j, struct pp_bytes key, struct pp_bytes value)
{
    if (j->broken) {
        return PP_BROKEN;
    }
    if (key.len > FRAME_MAX || value.len > FRAME_MAX ||
        j->pending.len + record_size(key.len, value.len) > FRAME_MAX) {
        return PP_TOO_BIG;
    }
    if (pp_buf_reserve(&j->pending, (size_t)record_size(key.len, value.len)) != PP_OK) {
        return PP_NOMEM;
    }
    int rc = entry_set(j, key, value);
    if (rc == PP_OK) {
        add_record(&j->pending, key, value);
    }
    return rc;
}

int pp_journal_sync(struct pp_journal *j)
{
    if (j->broken) {
        return PP_BROKEN;
    }
    if (j->pending.len <= FRAME_HEADER) {
        return PP_OK;
    }
    frame_end(&j->pending, 0);
    int rc = lseek(j->fd, (off_t)j->size, SEEK_SET) < 0
                 ? PP_IO
                 : pp_box_write(j->fd, pp_buf_bytes(&j->pending));
    pp_crash("journal-written");
    if (rc == PP_FULL && ftruncate(j->fd, (off_t)j->size) == 0) {
        return PP_FULL; /* nothing was synced, nothing lost: the next sync tries again */
    }
    if (rc != PP_OK || (!pp_mutant("journal-no-sync") && fdatasync(j->fd) != 0)) {
        j->broken = true;
        return PP_BROKEN;
    }
    pp_crash("journal-synced");
    j->size += j->pending.len;
    j->pending.len = FRAME_HEADER;
    if (j->size > COMPACT_FROM && j->live * 4 < j->size) {
        /* Failing to shrink loses nothing as long as the old file is still in place. */
        (void)compact(j);
    }
    return PP_OK;
}

int pp_journal_get(struct pp_journal *j, struct pp_bytes key, struct pp_bytes *value)
{
    const struct entry *e = entry_find(j, key);
    if (!e) {
        return PP_NOT_FOUND;
    }
    *value = pp_buf_bytes(&e->value);
    return PP_OK;
}

int pp_journal_each(struct pp_journal *j, struct pp_bytes prefix,
                    int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx)
{
    struct entry *e, *next;
    HASH_ITER(hh, j->entries, e, next)
    {
        if (e->key_len >= prefix.len && memcmp(e->key, prefix.data, prefix.len) == 0) {
            int rc = fn(ctx, pp_bytes(e->key, e->key_len), pp_buf_bytes(&e->value));
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}
