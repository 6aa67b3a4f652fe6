/*
 * Synchronising, what the user changed: the Maildir as it is against what this computer last saw or
 * made there. Where it differs, and does not merely look as the others want it to (a round died
 * just after it did so), that is a change of hers. It must not know nodes.
 */
#include <mail/sync_pass.h>

#include <base/crash.h>
#include <base/hash.h>
#include <mail/senders.h>
#include <stdio.h>
#include <stdlib.h>

#define SUSPICIOUS 5 /* so many messages and none left: not deleted, the folder is gone */

/* A file as seen, by its name without flags. */
struct seen {
    UT_hash_handle hh;
    char name[PP_ITEM_NAME_MAX + 1], folder[PP_ITEM_NAME_MAX + 1], letters[64];
    bool fresh, used;
};

struct scan {
    struct pp_sync *s;
    struct seen *files;
    struct pp_item **missing; /* were here, are not */
    size_t n_missing;
    int64_t now;
    struct pp_stamp stamp;
    bool used;                          /* the stamp */
    bool covered[PP_SETTING_KINDS + 1]; /* kinds of settings that this computer keeps */
    int rc;
};

/* --- looking ------------------------------------------------------------------------------- */

static int see(void *ctx, const struct pp_box_file *file)
{
    struct scan *scan = ctx;
    struct seen *f;
    if (!pp_item_name_is_fit(file->name) || !pp_item_folder_is_fit(file->folder)) {
        return 0;
    }
    HASH_FIND_STR(scan->files, file->name, f);
    if (!f) {
        f = calloc(1, sizeof *f);
        if (!f) {
            return scan->rc = PP_NOMEM;
        }
        snprintf(f->name, sizeof f->name, "%s", file->name);
        HASH_ADD_STR(scan->files, name, f);
    }
    snprintf(f->folder, sizeof f->folder, "%s", file->folder);
    snprintf(f->letters, sizeof f->letters, "%s", file->letters);
    f->fresh = file->fresh;
    return 0;
}

static int look(struct scan *scan)
{
    struct pp_sync *s = scan->s;
    int rc = s->options.box->each(s->options.box_ctx, see, scan);
    return rc == PP_OK ? scan->rc : rc;
}

static struct seen *seen_of(struct scan *scan, const char *name)
{
    struct seen *f;
    HASH_FIND_STR(scan->files, name, f);
    return f;
}

static bool any_missing(struct scan *scan)
{
    for (struct pp_item *item = scan->s->state.items; item; item = item->hh.next) {
        if (item->here.there && !seen_of(scan, item->here.file)) {
            return true;
        }
    }
    return false;
}

static void forget_files(struct scan *scan)
{
    struct seen *f, *next;
    HASH_ITER(hh, scan->files, f, next)
    {
        HASH_DEL(scan->files, f);
        free(f);
    }
    free(scan->missing);
}

/* --- what it means ------------------------------------------------------------------------- */

static void changed(struct scan *scan, struct pp_item *item)
{
    item->dirty = true;
    scan->used = true;
    pp_sync_note_item(scan->s, item);
}

static void adopt(struct pp_item *item, const struct seen *f)
{
    item->here.there = true;
    memcpy(item->here.file, f->name, sizeof item->here.file);
    memcpy(item->here.folder, f->folder, sizeof item->here.folder);
    item->here.flags = pp_flags_of(f->letters);
}

static bool is_here_as(const struct pp_item *item, const struct seen *f)
{
    return item->here.there && strcmp(item->here.folder, f->folder) == 0 &&
           item->here.flags == pp_flags_of(f->letters) && strcmp(item->here.file, f->name) == 0;
}

/* She moved it, if it is elsewhere than we left it, and not where it shall be anyway. */
static bool moved(struct scan *scan, struct pp_item *item, const struct seen *f)
{
    if (strcmp(item->here.folder, f->folder) == 0 ||
        (pp_item_lives(item) && strcmp(pp_item_folder(item), f->folder) == 0)) {
        return false;
    }
    item->moved = scan->stamp;
    memcpy(item->folder, f->folder, sizeof item->folder);
    return true;
}

static bool flagged(struct scan *scan, struct pp_item *item, const struct seen *f)
{
    uint8_t flags = pp_flags_of(f->letters);
    uint8_t by_her = (uint8_t)((flags ^ item->here.flags) & (flags ^ item->flags));
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        if (by_her & 1u << i) {
            item->flagged[i] = scan->stamp;
            item->flags = (uint8_t)(item->flags ^ 1u << i);
        }
    }
    return by_her != 0;
}

/* A message that was here before, still or again. */
static void compare(struct scan *scan, struct pp_item *item, struct seen *f)
{
    f->used = true;
    if (is_here_as(item, f)) {
        return;
    }
    bool change = moved(scan, item, f);
    change |= flagged(scan, item, f);
    adopt(item, f);
    if (change) {
        changed(scan, item);
    } else {
        pp_sync_note_item(scan->s, item);
    }
}

/* A file with the name of a message that was not here: a round put it there and died, or a fetch
 * brought what another computer has too. A deleted one that came back is hers. */
static void meet(struct scan *scan, struct pp_item *item, struct seen *f)
{
    f->used = true;
    adopt(item, f);
    if (item->added.lamport && !pp_item_lives(item)) {
        item->moved = scan->stamp;
        memcpy(item->folder, f->folder, sizeof item->folder);
        changed(scan, item);
        return;
    }
    pp_sync_note_item(scan->s, item);
}

static void gone(struct scan *scan, struct pp_item *item)
{
    item->here = (struct pp_item_here){.there = false};
    if (!pp_item_lives(item) && !pp_mutant("sync-delete-again")) {
        pp_sync_note_item(scan->s, item);
        return; /* as it shall be */
    }
    item->deleted = scan->stamp;
    item->deleted_at = scan->now;
    changed(scan, item);
}

/* --- files that nobody knows --------------------------------------------------------------- */

static int content_of(struct pp_sync *s, const struct seen *f, uint8_t digest[32])
{
    const struct pp_mailnet *net = pp_sync_net(s);
    const struct pp_box_file file = {f->folder, f->name, f->letters, f->fresh};
    struct pp_blob *blob = s->options.box->open(s->options.box_ctx, &file);
    struct pp_hash *hash = pp_hash_create();
    uint8_t piece[16384];
    int64_t n = blob && hash ? 1 : -1;
    for (uint64_t at = 0; n > 0; at += (uint64_t)n) {
        n = net->ops->blob_read(net->impl, blob, at, piece, sizeof piece);
        if (n > 0) {
            pp_hash_add(hash, pp_bytes(piece, (size_t)n));
        }
    }
    if (n == 0) {
        pp_hash_digest(hash, digest);
    }
    pp_hash_destroy(hash);
    if (blob) {
        net->ops->blob_free(net->impl, blob);
    }
    return n == 0 ? PP_OK : PP_IO;
}

/* Mail programs often move by writing a new file and deleting the old: the same octets. */
static bool is_moved_copy(struct scan *scan, struct seen *f)
{
    uint8_t digest[32];
    if (!scan->n_missing || content_of(scan->s, f, digest) != PP_OK) {
        return false;
    }
    for (size_t i = 0; i < scan->n_missing; i++) {
        struct pp_item *item = scan->missing[i];
        if (item && memcmp(item->content, digest, sizeof digest) == 0) {
            scan->missing[i] = NULL;
            compare(scan, item, f);
            return true;
        }
    }
    return false;
}

static int add_upload(struct pp_sync *s, const struct seen *f)
{
    struct pp_upload *u = calloc(1, sizeof *u);
    if (!u) {
        return PP_NOMEM;
    }
    memcpy(u->folder, f->folder, sizeof u->folder);
    memcpy(u->name, f->name, sizeof u->name);
    memcpy(u->letters, f->letters, sizeof u->letters);
    u->fresh = f->fresh;
    u->next = s->uploads;
    s->uploads = u;
    return PP_OK;
}

static int strangers(struct scan *scan)
{
    int rc = PP_OK;
    for (struct seen *f = scan->files; f && rc == PP_OK; f = f->hh.next) {
        if (f->used) {
            continue;
        }
        struct pp_item *item = pp_item_find(&scan->s->state, f->name);
        if (item && !item->here.there && item->added.lamport) {
            meet(scan, item, f);
        } else if (!is_moved_copy(scan, f) && !(item && item->here.there)) {
            rc = add_upload(scan->s, f);
        }
    }
    return rc;
}

/* --- settings ------------------------------------------------------------------------------ */

static int setting_seen(void *ctx, const char *key)
{
    struct scan *scan = ctx;
    int kind = key[0] - '0';
    if (kind < 1 || kind > PP_SETTING_KINDS) {
        return 0;
    }
    scan->covered[kind] = true;
    struct pp_setting *setting = key[1] ? pp_setting_of(&scan->s->state, key) : NULL;
    if (!setting) {
        return 0; /* too long a line, or out of memory: not shared */
    }
    setting->seen = true;
    if (!setting->here) {
        setting->here = true;
        if (!setting->on) {
            setting->on = setting->dirty = scan->used = true;
            setting->changed = scan->stamp;
        }
        pp_sync_note_setting(scan->s, setting);
    }
    return 0;
}

static int sender_seen(void *ctx, const char *address)
{
    char key[PP_SETTING_KEY_MAX + 2];
    int n = snprintf(key, sizeof key, "%d%s", PP_SETTING_SENDER, address);
    return n < PP_SETTING_KEY_MAX ? setting_seen(ctx, key) : 0;
}

static int settings(struct scan *scan)
{
    struct pp_sync *s = scan->s;
    scan->covered[PP_SETTING_SENDER] = true;
    int rc = s->options.box->settings(s->options.box_ctx, setting_seen, scan);
    rc = rc == PP_OK ? pp_senders_each(s->mail, sender_seen, scan) : rc;
    for (struct pp_setting *set = s->state.settings; rc == PP_OK && set; set = set->hh.next) {
        if (set->here && !set->seen && scan->covered[set->key[0] - '0']) {
            set->here = false;
            if (set->on) {
                set->on = false;
                set->dirty = scan->used = true;
                set->changed = scan->stamp;
            }
            pp_sync_note_setting(s, set);
        }
    }
    return rc;
}

/* --- all ----------------------------------------------------------------------------------- */

static int compare_all(struct scan *scan)
{
    struct pp_sync *s = scan->s;
    size_t here = 0;
    scan->missing = calloc(HASH_COUNT(s->state.items) + 1, sizeof(struct pp_item *));
    if (!scan->missing) {
        return PP_NOMEM;
    }
    for (struct pp_item *item = s->state.items; item; item = item->hh.next) {
        struct seen *f = item->here.there ? seen_of(scan, item->here.file) : NULL;
        here += item->here.there;
        if (f) {
            compare(scan, item, f);
        } else if (item->here.there) {
            scan->missing[scan->n_missing++] = item;
        }
    }
    bool empty = here >= SUSPICIOUS && scan->n_missing == here && !scan->files;
    return empty && !s->options.deletions ? PP_DENIED : PP_OK;
}

int pp_sync_scan(struct pp_sync *s)
{
    struct scan scan = {.s = s, .now = pp_mail_seconds(s->mail), .stamp = pp_sync_stamp(s)};
    int rc = look(&scan);
    if (rc == PP_OK && any_missing(&scan)) {
        rc = look(&scan); /* a mail program may have renamed it under our eyes */
    }
    rc = rc == PP_OK ? compare_all(&scan) : rc;
    rc = rc == PP_OK ? strangers(&scan) : rc;
    for (size_t i = 0; rc == PP_OK && i < scan.n_missing; i++) {
        if (scan.missing[i]) {
            gone(&scan, scan.missing[i]);
        }
    }
    rc = rc == PP_OK ? settings(&scan) : rc;
    if (scan.used) {
        s->state.lamport = scan.stamp.lamport;
        pp_sync_note_self(s);
    }
    forget_files(&scan);
    return rc;
}
