/*
 * The Maildir for POP3; see pop3_box.h. A file that delivery still holds by its link in tmp/ is not
 * shown yet: removed now, it would be delivered once more after a crash.
 */
#include <serve/pop3_box.h>

#include <base/encode.h>
#include <base/hash.h>
#include <box/files.h>
#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>
#include <uthash.h>

#define NAME_OF_MAIL 64 /* the hash of its notification; reports have shorter names */

struct item {
    char name[NAME_MAX + 1]; /* as it was last seen */
    bool fresh;              /* in new/ */
    int64_t time;
};

/* A size once measured: a Maildir's file never changes. */
struct known {
    UT_hash_handle hh;
    uint64_t size;
    bool seen; /* in the last list */
    char base[];
};

struct pop3_box {
    struct pp_workers *workers;
    char maildir[PATH_MAX];
    struct item *items;
    struct pop3_message *messages;
    size_t n, cap;
    struct known *known;
    bool busy, removing, dead;
    int code;
    void (*done)(void *ctx, int code); /* NULL: nobody listens */
    void *ctx;
};

/* The part of a name that stays when flags change. */
static size_t base_length(const char *name)
{
    const char *flags = strstr(name, ":2,");
    return flags ? (size_t)(flags - name) : strlen(name);
}

static bool path_of(char out[PATH_MAX], const struct pop3_box *box, const char *sub,
                    const char *name)
{
    return snprintf(out, PATH_MAX, "%s/%s/%s", box->maildir, sub, name) < PATH_MAX;
}

/* --- the list ------------------------------------------------------------------------------ */

static int grow(struct pop3_box *box)
{
    if (box->n < box->cap) {
        return PP_OK;
    }
    size_t cap = box->cap ? 2 * box->cap : 64;
    struct item *items = realloc(box->items, cap * sizeof *items);
    if (!items) {
        return PP_NOMEM;
    }
    box->items = items;
    box->cap = cap;
    return PP_OK;
}

static int add(struct pop3_box *box, const char *name, bool fresh)
{
    char path[PATH_MAX];
    struct stat st;
    if (name[0] == '.' || strlen(name) > NAME_MAX ||
        !path_of(path, box, fresh ? "new" : "cur", name) || stat(path, &st) != 0 ||
        !S_ISREG(st.st_mode)) {
        return PP_OK; /* none of ours, or moved just now */
    }
    struct stat held;
    if (fresh && strlen(name) == NAME_OF_MAIL && path_of(path, box, "tmp", name) &&
        lstat(path, &held) == 0) {
        return PP_OK; /* its delivery is not noted yet */
    }
    if (grow(box) != PP_OK) {
        return PP_NOMEM;
    }
    struct item *item = &box->items[box->n++];
    snprintf(item->name, sizeof item->name, "%s", name);
    item->fresh = fresh;
    item->time = st.st_mtime;
    return PP_OK;
}

static int read_folder(struct pop3_box *box, const char *sub)
{
    char path[PATH_MAX];
    DIR *d = path_of(path, box, sub, "") ? opendir(path) : NULL;
    int rc = d ? PP_OK : PP_IO;
    for (struct dirent *e; rc == PP_OK && (e = readdir(d));) {
        rc = add(box, e->d_name, sub[0] == 'n');
    }
    if (d) {
        closedir(d);
    }
    return rc;
}

static int by_time(const void *a, const void *b)
{
    const struct item *i = a, *j = b;
    int order = (i->time > j->time) - (i->time < j->time);
    return order ? order : strcmp(i->name, j->name);
}

static int measure(struct pop3_box *box, const struct item *item, uint64_t *size)
{
    char path[PATH_MAX];
    uint8_t piece[65536];
    struct pop3_measure m = {0};
    int fd = path_of(path, box, item->fresh ? "new" : "cur", item->name)
                 ? open(path, O_RDONLY | O_CLOEXEC)
                 : -1;
    if (fd < 0) {
        return PP_NOT_FOUND;
    }
    ssize_t n;
    while ((n = read(fd, piece, sizeof piece)) > 0) {
        pop3_measure_add(&m, pp_bytes(piece, (size_t)n));
    }
    close(fd);
    *size = pop3_measure_end(&m);
    return n == 0 ? PP_OK : PP_IO;
}

static int size_of(struct pop3_box *box, const struct item *item, uint64_t *size)
{
    struct known *k = NULL;
    size_t len = base_length(item->name);
    HASH_FIND(hh, box->known, item->name, len, k);
    if (!k) {
        int rc = measure(box, item, size);
        k = rc == PP_OK ? calloc(1, sizeof *k + len + 1) : NULL;
        if (!k) {
            return rc == PP_OK ? PP_NOMEM : rc;
        }
        memcpy(k->base, item->name, len);
        k->size = *size;
        HASH_ADD_KEYPTR(hh, box->known, k->base, len, k);
    }
    k->seen = true;
    *size = k->size;
    return PP_OK;
}

/* The base name, or a hash of it when it is too long or not printable (RFC 1939 section 7). */
static void make_uidl(char out[POP3_UIDL_MAX + 1], const char *name)
{
    size_t len = base_length(name);
    bool plain = len > 0 && len <= POP3_UIDL_MAX;
    for (size_t i = 0; plain && i < len; i++) {
        plain = (unsigned char)name[i] > ' ' && (unsigned char)name[i] < 0x7f;
    }
    if (plain) {
        memcpy(out, name, len);
        out[len] = '\0';
        return;
    }
    uint8_t digest[32];
    struct pp_buf text = {0};
    pp_sha256(digest, pp_bytes(name, len));
    pp_base32(&text, pp_bytes(digest, sizeof digest));
    snprintf(out, POP3_UIDL_MAX + 1, "%s", text.len ? (const char *)text.data : "?");
    pp_buf_free(&text);
}

static int fill_in(struct pop3_box *box)
{
    size_t n = 0;
    free(box->messages);
    box->messages = calloc(box->n ? box->n : 1, sizeof *box->messages);
    for (size_t i = 0; box->messages && i < box->n; i++) {
        struct pop3_message *m = &box->messages[n];
        int rc = size_of(box, &box->items[i], &m->size);
        if (rc == PP_NOMEM || rc == PP_IO) {
            return rc;
        }
        if (rc == PP_OK) {
            make_uidl(m->uidl, box->items[i].name);
            box->items[n++] = box->items[i];
        }
    }
    box->n = n;
    return box->messages ? PP_OK : PP_NOMEM;
}

static void forget_gone(struct pop3_box *box)
{
    struct known *k, *next;
    HASH_ITER(hh, box->known, k, next)
    {
        if (!k->seen) {
            HASH_DEL(box->known, k);
            free(k);
        } else {
            k->seen = false;
        }
    }
}

static int make_list(struct pop3_box *box)
{
    box->n = 0;
    int rc = read_folder(box, "cur");
    rc = rc == PP_OK ? read_folder(box, "new") : rc;
    if (rc == PP_OK && box->n) {
        qsort(box->items, box->n, sizeof *box->items, by_time);
    }
    rc = rc == PP_OK ? fill_in(box) : rc;
    if (rc == PP_OK) {
        forget_gone(box);
    } else {
        box->n = 0;
    }
    return rc;
}

/* --- files --------------------------------------------------------------------------------- */

/* Its name in cur/ by now, whatever flags it got. */
static bool find_moved(const struct pop3_box *box, const char *name, char path[PATH_MAX])
{
    size_t len = base_length(name);
    DIR *d = path_of(path, box, "cur", "") ? opendir(path) : NULL;
    bool found = false;
    for (struct dirent *e; d && !found && (e = readdir(d));) {
        found = base_length(e->d_name) == len && memcmp(e->d_name, name, len) == 0 &&
                path_of(path, box, "cur", e->d_name);
    }
    if (d) {
        closedir(d);
    }
    return found;
}

int pop3_box_open(const struct pop3_box *box, size_t index)
{
    char path[PATH_MAX];
    const struct item *item = &box->items[index];
    int fd = path_of(path, box, item->fresh ? "new" : "cur", item->name)
                 ? open(path, O_RDONLY | O_CLOEXEC)
                 : -1;
    if (fd < 0 && errno == ENOENT && find_moved(box, item->name, path)) {
        fd = open(path, O_RDONLY | O_CLOEXEC);
    }
    return fd >= 0 ? fd : errno == ENOENT ? PP_NOT_FOUND : PP_IO;
}

static int remove_one(const struct pop3_box *box, const struct item *item)
{
    char path[PATH_MAX];
    if (path_of(path, box, item->fresh ? "new" : "cur", item->name) && unlink(path) == 0) {
        return PP_OK;
    }
    if (errno != ENOENT) {
        return PP_IO;
    }
    /* Moved meanwhile, or another program removed it. */
    return !find_moved(box, item->name, path) || unlink(path) == 0 ? PP_OK : PP_IO;
}

static int remove_deleted(struct pop3_box *box)
{
    char path[PATH_MAX];
    int rc = PP_OK;
    size_t removed = 0;
    for (size_t i = 0; i < box->n; i++) {
        if (box->messages[i].deleted) {
            rc = remove_one(box, &box->items[i]) == PP_OK ? rc : PP_IO;
            removed++;
        }
    }
    static const char *const folders[] = {"new", "cur"};
    for (size_t i = 0; removed && i < 2; i++) {
        if (!path_of(path, box, folders[i], "") || pp_box_sync_folder(path) != PP_OK) {
            rc = PP_IO;
        }
    }
    return rc;
}

/* --- jobs ---------------------------------------------------------------------------------- */

static void release(struct pop3_box *box)
{
    struct known *k, *next;
    HASH_ITER(hh, box->known, k, next)
    {
        HASH_DEL(box->known, k);
        free(k);
    }
    free(box->items);
    free(box->messages);
    free(box);
}

static void work(void *ctx)
{
    struct pop3_box *box = ctx;
    box->code = box->removing ? remove_deleted(box) : make_list(box);
}

static void worked(void *ctx, bool dropped)
{
    struct pop3_box *box = ctx;
    (void)dropped;
    box->busy = false;
    if (box->dead) {
        release(box);
    } else if (box->done) {
        box->done(box->ctx, box->code);
    }
}

static int begin(struct pop3_box *box, bool removing, void (*done)(void *ctx, int code), void *ctx)
{
    if (box->busy) {
        return PP_BUSY;
    }
    box->removing = removing;
    box->done = done;
    box->ctx = ctx;
    box->busy = pp_workers_submit(box->workers, work, worked, box) == PP_OK;
    return box->busy ? PP_OK : PP_BUSY;
}

int pop3_box_list(struct pop3_box *box, void (*done)(void *ctx, int code), void *ctx)
{
    return begin(box, false, done, ctx);
}

int pop3_box_remove(struct pop3_box *box, void (*done)(void *ctx, int code), void *ctx)
{
    return begin(box, true, done, ctx);
}

void pop3_box_deafen(struct pop3_box *box)
{
    box->done = NULL;
}

struct pop3_message *pop3_box_messages(const struct pop3_box *box, size_t *n)
{
    *n = box->n;
    return box->messages;
}

struct pop3_box *pop3_box_create(struct pp_workers *workers, const char *maildir)
{
    struct pop3_box *box = calloc(1, sizeof *box);
    if (box) {
        box->workers = workers;
        snprintf(box->maildir, sizeof box->maildir, "%s", maildir);
    }
    return box;
}

void pop3_box_destroy(struct pop3_box *box)
{
    if (box && box->busy) {
        box->dead = true;
    } else if (box) {
        release(box);
    }
}
