/* Small acts and judgements of the store suite; see store_kit.h. */
#include "store_kit.h"

#include <ftw.h>
#include <stdarg.h>
#include <stdlib.h>
#include <unistd.h>

void kit_breach(struct store_suite *s, const char *file, int line, const char *check,
                const char *format, ...)
{
    va_list args;
    const char *base = strrchr(file, '/');
    s->broken++;
    fprintf(s->out, "  BROKEN RULE: ");
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
    fprintf(s->out, "\n    expected: %s (%s:%d)\n", check, base ? base + 1 : file, line);
    fflush(s->out);
}

void kit_skip(struct store_suite *s, const char *format, ...)
{
    va_list args;
    fprintf(s->out, "  skipped: ");
    va_start(args, format);
    vfprintf(s->out, format, args);
    va_end(args);
    fprintf(s->out, "\n");
}

void kit_path(struct store_suite *s, char path[256])
{
    snprintf(path, 256, "%s/store-%u", s->scratch, s->paths++);
}

struct pp_store *kit_open(struct store_suite *s, const char *path, const union pp_value *values)
{
    static const uint8_t epoch[16] = {9, 8, 7, 6, 5, 4, 3, 2, 1, 0, 1, 2, 3, 4, 5, 6};
    struct pp_store *store = NULL;
    struct pp_error error = {0};
    int err = s->p->open(&store, path, values, epoch, PP_STORE_CREATE, &error);
    if (err) {
        kit_breach(s, __FILE__, __LINE__, "open(CREATE) == 0",
                   "a store opens where there is none or a whole one: %s: %s", pp_error_text(err),
                   error.text);
        return NULL;
    }
    return store;
}

struct pp_store *kit_fresh(struct store_suite *s)
{
    char path[256];
    kit_path(s, path);
    return kit_open(s, path, s->values);
}

void kit_remove(const char *path)
{
    char command[300];
    snprintf(command, sizeof command, "rm -rf '%s'", path);
    if (system(command) != 0) {
        perror(command);
    }
}

static uint64_t disk_blocks;

static int add_blocks(const char *path, const struct stat *st, int type, struct FTW *at)
{
    (void)path, (void)type, (void)at;
    disk_blocks += (uint64_t)st->st_blocks;
    return 0;
}

uint64_t kit_disk(const char *path)
{
    disk_blocks = 0;
    nftw(path, add_blocks, 8, FTW_PHYS);
    return disk_blocks * 512;
}

struct pp_name kit_name(unsigned n)
{
    struct pp_name name;
    uint64_t state = n + 1;
    for (int i = 0; i < 4; i++) {
        pp_put64(name.b + 8 * i, kit_random(&state));
    }
    return name;
}

void kit_keyid(uint8_t keyid[32], unsigned n)
{
    struct pp_name name = kit_name(n ^ 0x55aa0000u);
    memcpy(keyid, name.b, 32);
}

uint64_t kit_random(uint64_t *state)
{
    uint64_t z = (*state += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

void kit_fill(uint8_t *out, size_t len, uint64_t text, uint64_t offset)
{
    uint8_t word[8] = {0};
    for (size_t i = 0; i < len; i++) {
        uint64_t at = offset + i;
        if (i == 0 || at % 8 == 0) {
            uint64_t state = text * 0x100000001b3u + at / 8;
            pp_put64(word, kit_random(&state));
        }
        out[i] = word[at % 8];
    }
}

struct pp_head kit_head(unsigned n, uint64_t serial, uint64_t size)
{
    static char identifier[32];
    struct pp_head head = {.serial = serial, .size = size, .created = 1000 + n};
    snprintf(identifier, sizeof identifier, "object-%u@example", n);
    kit_fill(head.digest, 32, n, 1 << 20);
    head.expires = 5000 + n;
    head.stamp = 2000 + n;
    head.copies = n % 7;
    head.identifier = pp_str(identifier);
    return head;
}

struct pp_entry kit_entry(unsigned n, size_t len)
{
    static uint8_t octets[PP_PIECE_MAX];
    struct pp_entry entry = {.queue = n % PP_QUEUES, .expires = 7000 + n};
    kit_fill(octets, len, n, 0);
    kit_fill(entry.digest, 32, n, 1 << 20);
    entry.bytes = pp_bytes(octets, len);
    return entry;
}

/* Commits when err is 0, else aborts. */
static int over(struct store_suite *s, struct pp_batch *b, int err)
{
    if (err) {
        s->p->abort(b);
        return err;
    }
    return s->p->commit(b);
}

int kit_pieces(struct store_suite *s, struct pp_batch *b, uint64_t *serial, uint64_t text,
               uint64_t from, uint64_t size, size_t step)
{
    static uint8_t octets[PP_PIECE_MAX];
    for (uint64_t at = from; at < size;) {
        size_t len = size - at < step ? (size_t)(size - at) : step;
        kit_fill(octets, len, text, at);
        int err = s->p->piece(b, serial, pp_bytes(octets, len));
        if (err) {
            return err;
        }
        at += len;
    }
    return PP_OK;
}

int kit_put(struct store_suite *s, struct pp_store *store, unsigned n, uint64_t size)
{
    struct pp_name name = kit_name(n);
    uint64_t serial = 0;
    struct pp_batch *b = s->p->begin(store);
    if (!b) {
        return PP_BROKEN;
    }
    int err = kit_pieces(s, b, &serial, n, 0, size, PP_PIECE_MAX);
    struct pp_head head = kit_head(n, serial, size);
    err = err ? err : s->p->put(b, &name, &head);
    if (err && serial) {
        /* A body of earlier pieces stays until it is discarded; this one goes with the batch. */
        s->p->discard(b, serial);
    }
    return over(s, b, err);
}

int kit_append(struct store_suite *s, struct pp_store *store, unsigned inbox, unsigned n,
               size_t len, uint64_t *seq)
{
    struct pp_name name = kit_name(inbox);
    struct pp_entry entry = kit_entry(n, len);
    struct pp_batch *b = s->p->begin(store);
    return b ? over(s, b, s->p->append(b, &name, pp_str("user@example"), &entry, 3000, seq))
             : PP_BROKEN;
}

int kit_remove_one(struct store_suite *s, struct pp_store *store, enum pp_kind kind, unsigned n,
                   bool tombstone)
{
    struct pp_name name = kit_name(n);
    struct pp_batch *b = s->p->begin(store);
    return b ? over(s, b, s->p->remove(b, kind, &name, tombstone)) : PP_BROKEN;
}

/* Compares octets given with the text. */
static bool same(const uint8_t *octets, size_t len, uint64_t text, uint64_t offset)
{
    static uint8_t want[4096];
    for (size_t at = 0; at < len;) {
        size_t n = len - at < sizeof want ? len - at : sizeof want;
        kit_fill(want, n, text, offset + at);
        if (memcmp(octets + at, want, n) != 0) {
            return false;
        }
        at += n;
    }
    return true;
}

static bool same_file(const struct pp_spans *spans, uint64_t text, uint64_t offset)
{
    static uint8_t octets[PP_PIECE_MAX];
    ssize_t n = pread(spans->fd, octets, spans->fd_len, (off_t)spans->fd_offset);
    return n == (ssize_t)spans->fd_len && same(octets, spans->fd_len, text, offset);
}

bool kit_reads(struct store_suite *s, struct pp_view *v, const struct pp_name *name,
               uint64_t serial, uint64_t text, uint64_t offset, uint64_t size)
{
    struct pp_spans spans;
    while (offset < size) {
        uint64_t before = offset;
        if (s->p->read(v, name, serial, offset, &spans) != PP_OK || spans.n > PP_SPANS_MAX) {
            return false;
        }
        if (spans.fd >= 0) {
            if (spans.fd_len == 0 || spans.fd_len > PP_PIECE_MAX ||
                !same_file(&spans, text, offset)) {
                return false;
            }
            offset += spans.fd_len;
            continue;
        }
        for (size_t i = 0; i < spans.n; i++) {
            if (!same(spans.span[i].data, spans.span[i].len, text, offset)) {
                return false;
            }
            offset += spans.span[i].len;
        }
        if (offset == before || offset - before > PP_PIECE_MAX) {
            return false;
        }
    }
    int err = s->p->read(v, name, serial, size, &spans);
    return err == PP_OK && spans.n == 0 && (spans.fd < 0 || spans.fd_len == 0) && offset == size;
}

int kit_head_of(struct store_suite *s, struct pp_store *store, enum pp_kind kind, unsigned n,
                struct pp_head *head)
{
    struct pp_name name = kit_name(n);
    struct pp_view *v = s->p->begin_view(store);
    if (!v) {
        return PP_BROKEN;
    }
    int err = s->p->head(v, kind, &name, head);
    s->p->end_view(v);
    return err;
}

struct pp_usage kit_usage(struct store_suite *s, struct pp_store *store)
{
    struct pp_usage usage = {0};
    struct pp_view *v = s->p->begin_view(store);
    if (v) {
        s->p->usage(v, &usage);
        s->p->end_view(v);
    }
    return usage;
}
