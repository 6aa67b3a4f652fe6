/*
 * Synchronising, into the Maildir: each message is brought to where, and to how, the logs say. What
 * is done is noted after it; a round that died between finds it done (sync_scan.c). It must not
 * know records.
 */
#include <mail/sync_pass.h>

#include <base/hash.h>
#include <mail/senders.h>
#include <stdio.h>
#include <stdlib.h>

static void go_on(struct pp_sync *s);

void pp_sync_fetch_finish(struct pp_sync_fetch *f)
{
    if (f->sync) {
        pp_retrieve_finish(&f->retrieve);
        *f = (struct pp_sync_fetch){0};
    }
}

/* --- a message that is here ---------------------------------------------------------------- */

static struct pp_box_file file_of(const struct pp_item *item, char letters[PP_FLAGS + 1])
{
    pp_flags_text(letters, item->here.flags);
    return (struct pp_box_file){item->here.folder, item->here.file, letters, false};
}

/* The user was there first, or the disk: the next round looks again. */
static void later(struct pp_sync *s, int rc)
{
    if (rc == PP_NOT_FOUND) {
        s->result.waiting++;
    } else {
        pp_sync_fail(s, rc, "cannot change the Maildir");
    }
}

static void take_away(struct pp_sync *s, struct pp_item *item)
{
    char letters[PP_FLAGS + 1];
    struct pp_box_file file = file_of(item, letters);
    int rc = s->options.box->remove(s->options.box_ctx, &file);
    if (rc != PP_OK) {
        later(s, rc);
        return;
    }
    pp_mail_crash(s->mail, "sync-removed");
    item->here = (struct pp_item_here){.there = false};
    pp_sync_note_item(s, item);
    s->result.removed++;
}

static void move(struct pp_sync *s, struct pp_item *item)
{
    char from_letters[PP_FLAGS + 1], to_letters[PP_FLAGS + 1];
    struct pp_box_file from = file_of(item, from_letters);
    pp_flags_text(to_letters, item->flags);
    struct pp_box_file to = {pp_item_folder(item), item->here.file, to_letters, false};
    int rc = s->options.box->move(s->options.box_ctx, &from, &to);
    if (rc != PP_OK) {
        later(s, rc);
        return;
    }
    pp_mail_crash(s->mail, "sync-moved");
    snprintf(item->here.folder, sizeof item->here.folder, "%s", pp_item_folder(item));
    item->here.flags = item->flags;
    pp_sync_note_item(s, item);
    s->result.changed++;
}

static bool differs(const struct pp_item *item)
{
    return strcmp(pp_item_folder(item), item->here.folder) != 0 || item->flags != item->here.flags;
}

/* --- a message that is not ----------------------------------------------------------------- */

static bool is_right(struct pp_sync *s, struct pp_blob *blob, const struct pp_item *item)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    uint8_t digest[32], piece[16384];
    struct pp_hash *hash = pp_hash_create();
    int64_t n = hash ? 1 : -1;
    for (uint64_t at = 0; n > 0; at += (uint64_t)n) {
        n = net->ops->blob_read(net->impl, blob, at, piece, sizeof piece);
        n = at < net->ops->blob_size(net->impl, blob) ? n : 0;
        if (n > 0) {
            pp_hash_add(hash, pp_bytes(piece, (size_t)n));
        }
    }
    if (n == 0) {
        pp_hash_digest(hash, digest);
    }
    pp_hash_destroy(hash);
    return n == 0 && memcmp(digest, item->content, sizeof digest) == 0;
}

static int place(struct pp_sync *s, struct pp_item *item, struct pp_blob *blob)
{
    char letters[PP_FLAGS + 1];
    pp_flags_text(letters, item->flags);
    const struct pp_box_file as = {pp_item_folder(item), item->name, letters, !item->flags};
    int rc = s->options.box->put(s->options.box_ctx, &as, blob);
    if (rc != PP_OK) {
        return rc;
    }
    pp_mail_crash(s->mail, "sync-placed");
    item->here = (struct pp_item_here){.there = true, .flags = item->flags};
    memcpy(item->here.file, item->name, sizeof item->here.file);
    snprintf(item->here.folder, sizeof item->here.folder, "%s", pp_item_folder(item));
    pp_sync_note_item(s, item);
    s->result.delivered++;
    return PP_OK;
}

static int open_and_place(struct pp_sync *s, struct pp_sync_fetch *f)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct pp_blob *plain = NULL;
    int rc = pp_device_open(s->mail, f->retrieve.body, f->item->size, f->item->key, &plain);
    if (rc == PP_OK && !is_right(s, plain, f->item)) {
        rc = PP_CRYPTO;
    }
    rc = rc == PP_OK ? place(s, f->item, plain) : rc;
    if (plain) {
        net->ops->blob_free(net->impl, plain);
    }
    return rc;
}

static void retrieved(struct pp_retrieve *r)
{
    struct pp_sync_fetch *f = r->ctx;
    struct pp_sync *s = f->sync;
    int rc = r->body ? open_and_place(s, f) : PP_NOT_FOUND;
    if (rc == PP_FULL || rc == PP_IO || rc == PP_NOMEM) {
        pp_sync_fail(s, rc, "cannot put a message of your other computers into the Maildir");
    } else if (rc != PP_OK) { /* PP_EXISTS: the next round meets it */
        s->result.waiting++;
        if (!r->body && !s->result.why[0]) {
            snprintf(s->result.why, sizeof s->result.why, "%s", r->why);
        }
    }
    pp_sync_fetch_finish(f);
    s->active--;
    pp_sync_progress(s);
    go_on(s);
}

static struct pp_sync_fetch *free_fetch(struct pp_sync *s)
{
    for (size_t i = 0; i < PP_SYNC_PARALLEL; i++) {
        if (!s->fetches[i].sync) {
            return &s->fetches[i];
        }
    }
    return NULL;
}

/* false: no room now. */
static bool bring(struct pp_sync *s, struct pp_item *item)
{
    struct pp_sync_fetch *f = free_fetch(s);
    struct pp_device_object object;
    if (!f) {
        return false;
    }
    *f = (struct pp_sync_fetch){.sync = s, .item = item};
    int rc = pp_device_message(&object, item->id, item->key);
    rc = rc == PP_OK ? pp_retrieve_start(&f->retrieve, s->mail, pp_str(object.identifier),
                                         item->size, item->digest, retrieved, f)
                     : rc;
    if (rc != PP_OK) {
        *f = (struct pp_sync_fetch){0};
        pp_sync_fail(s, rc, "cannot ask for a message");
        return true;
    }
    s->active++;
    return true;
}

/* --- settings ------------------------------------------------------------------------------ */

static int set(struct pp_sync *s, const struct pp_setting *setting)
{
    if (setting->key[0] - '0' != PP_SETTING_SENDER) {
        return s->options.box->set(s->options.box_ctx, setting->key, setting->on);
    }
    if (setting->on) {
        pp_sender_know(s->mail, setting->key + 1);
    } else {
        pp_sender_forget(s->mail, setting->key + 1);
    }
    return PP_OK;
}

static void settings(struct pp_sync *s)
{
    for (struct pp_setting *setting = s->state.settings; setting; setting = setting->hh.next) {
        if (setting->on == setting->here) {
            continue;
        }
        int rc = set(s, setting);
        if (rc == PP_NOT_FOUND) {
            continue; /* it has no place on this computer */
        }
        if (rc != PP_OK) {
            pp_sync_fail(s, rc, "cannot change your folders or lists as your other computers did");
            return;
        }
        setting->here = setting->on;
        pp_sync_note_setting(s, setting);
        s->result.changed++;
    }
}

/* --- all ----------------------------------------------------------------------------------- */

static void go_on(struct pp_sync *s)
{
    while (s->next_item && !s->ended) {
        struct pp_item *item = s->next_item;
        bool lives = pp_item_lives(item);
        if (lives && !item->here.there) {
            if (!bring(s, item)) {
                return;
            }
        } else if (lives && differs(item)) {
            move(s, item);
        } else if (!lives && item->here.there) {
            take_away(s, item);
        }
        s->next_item = item->hh.next;
    }
    if (!s->active && !s->ended) {
        settings(s);
        if (!s->ended) {
            pp_sync_applied(s);
        }
    }
}

/* Files that were new to this computer when it looked, and that another told of since: fetched by
 * both. */
static void recognise(struct pp_sync *s)
{
    struct pp_upload **at = &s->uploads;
    while (*at) {
        struct pp_upload *u = *at;
        struct pp_item *item = pp_item_find(&s->state, u->name);
        if (!item || item->here.there || !item->added.lamport) {
            at = &u->next;
            continue;
        }
        item->here = (struct pp_item_here){.there = true, .flags = pp_flags_of(u->letters)};
        memcpy(item->here.file, u->name, sizeof item->here.file);
        memcpy(item->here.folder, u->folder, sizeof item->here.folder);
        pp_sync_note_item(s, item);
        *at = u->next;
        free(u);
    }
}

void pp_sync_apply(struct pp_sync *s)
{
    recognise(s);
    s->next_item = s->state.items;
    go_on(s);
}
