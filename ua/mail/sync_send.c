/*
 * Synchronising, onto the nodes: new messages of the Maildir, each as an object that only the user
 * can read, then a record of all that is new. A record's octets are in the spool before the first
 * node has them, so that a round that dies goes on with the same. It must not know the Maildir.
 */
#include <mail/sync_pass.h>

#include <base/crash.h>
#include <base/hash.h>
#include <mail/kept.h>
#include <mail/maintain.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>

/* --- messages ------------------------------------------------------------------------------ */

void pp_sync_store_finish(struct pp_sync_store *store)
{
    if (store->sync) {
        pp_put_finish(&store->put);
        free(store->upload);
        OPENSSL_cleanse(store, sizeof *store);
    }
}

/* It is on its nodes: from now on it is in the mailbox of all. */
static void add_item(struct pp_sync *s, struct pp_sync_store *store)
{
    const struct pp_upload *u = store->upload;
    struct pp_stamp stamp = pp_sync_stamp(s);
    struct pp_item *item = pp_item_of(&s->state, u->name);
    if (!item) {
        pp_sync_fail(s, PP_NOMEM, "out of memory");
        return;
    }
    s->state.lamport = stamp.lamport;
    item->added = stamp;
    memcpy(item->id, store->id, sizeof item->id);
    memcpy(item->key, store->key, sizeof item->key);
    memcpy(item->content, store->content, sizeof item->content);
    memcpy(item->digest, store->put.digest, sizeof item->digest);
    item->size = store->put.size;
    item->stored = pp_mail_seconds(s->mail);
    memcpy(item->first, u->folder, sizeof item->first);
    item->flags = pp_flags_of(u->letters);
    for (unsigned i = 0; i < PP_FLAGS; i++) {
        if (item->flags & 1u << i) {
            item->flagged[i] = stamp;
        }
    }
    item->here = (struct pp_item_here){.there = true, .flags = item->flags};
    memcpy(item->here.file, u->name, sizeof item->here.file);
    memcpy(item->here.folder, u->folder, sizeof item->here.folder);
    item->dirty = true;
    pp_put_keep(s->mail, &store->put.object, item->size, item->digest, item->stored);
    pp_sync_note_item(s, item);
    pp_sync_note_upload(s, store, true);
    s->result.stored++;
}

static void fill(struct pp_sync *s);

static void stored(struct pp_put *put)
{
    struct pp_sync_store *store = put->ctx;
    struct pp_sync *s = store->sync;
    if (pp_put_reached(put)) {
        pp_mail_crash(s->mail, "sync-stored");
        add_item(s, store);
    } else {
        s->result.waiting++;
        if (!s->result.why[0]) {
            pp_spread_why(&put->spread, s->result.why, sizeof s->result.why);
        }
    }
    pp_sync_store_finish(store);
    s->active--;
    s->batch++;
    pp_sync_progress(s);
    fill(s);
}

struct reading {
    const struct pp_mailnet *net;
    struct pp_blob *blob;
    struct pp_hash *hash;
    uint64_t hashed;
};

/* Sealing reads from the front to the end, and some of it twice: each octet is hashed once. */
static int64_t read_message(void *ctx, uint64_t offset, void *out, size_t cap)
{
    struct reading *r = ctx;
    int64_t n = r->net->ops->blob_read(r->net->impl, r->blob, offset, out, cap);
    if (n > 0 && offset + (uint64_t)n > r->hashed && offset <= r->hashed) {
        size_t skip = (size_t)(r->hashed - offset);
        pp_hash_add(r->hash, pp_bytes((uint8_t *)out + skip, (size_t)n - skip));
        r->hashed = offset + (uint64_t)n;
    }
    return n;
}

static int seal(struct pp_sync *s, struct pp_sync_store *store, struct pp_blob *message,
                struct pp_blob **sealed, uint8_t digest[32], uint64_t *size)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct reading r = {net, message, pp_hash_create(), 0};
    struct pp_source source = {read_message, &r, net->ops->blob_size(net->impl, message)};
    int rc = !r.hash ? PP_NOMEM
             : source.size > PP_MESSAGE_MAX
                 ? PP_TOO_BIG
                 : pp_device_seal(s->mail, &source, store->key, sealed, digest, size);
    if (rc == PP_OK) {
        rc = r.hashed == source.size ? PP_OK : PP_IO; /* it shrank meanwhile */
        pp_hash_digest(r.hash, store->content);
    }
    pp_hash_destroy(r.hash);
    return rc;
}

static int store_message(struct pp_sync *s, struct pp_sync_store *store, struct pp_blob *message)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct pp_device_object object;
    struct pp_blob *sealed = NULL;
    uint8_t digest[32];
    uint64_t size = 0;
    pp_mail_random(s->mail, store->id, sizeof store->id);
    pp_mail_random(s->mail, store->key, sizeof store->key);
    int rc = pp_device_message(&object, store->id, store->key);
    rc = rc == PP_OK ? seal(s, store, message, &sealed, digest, &size) : rc;
    if (rc != PP_OK) {
        if (sealed) {
            net->ops->blob_free(net->impl, sealed);
        }
        return rc;
    }
    pp_sync_note_upload(s, store, false);
    return pp_put_start(&store->put, s->mail, &object, sealed, size, digest, stored, store);
}

/* Takes the first of the list into a free place. false: it is not to be had now. */
static bool start(struct pp_sync *s, struct pp_sync_store *store)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct pp_upload *u = s->uploads;
    const struct pp_box_file file = {u->folder, u->name, u->letters, u->fresh};
    s->uploads = u->next;
    *store = (struct pp_sync_store){.sync = s, .upload = u};
    struct pp_blob *message = s->options.box->open(s->options.box_ctx, &file);
    int rc = message ? store_message(s, store, message) : PP_NOT_FOUND;
    if (message) {
        net->ops->blob_free(net->impl, message);
    }
    if (rc == PP_TOO_BIG) {
        pp_mail_log(s->mail, 1, "a message of over 64 MiB stays on this computer alone: %s",
                    u->name);
    } else if (rc == PP_NOT_FOUND) {
        s->result.waiting++; /* a mail program has just touched it */
    } else if (rc != PP_OK) {
        pp_sync_fail(s, rc, "cannot encrypt a message for your other computers");
    }
    if (rc != PP_OK) {
        pp_sync_store_finish(store);
    }
    return rc == PP_OK;
}

static void fill(struct pp_sync *s)
{
    for (size_t i = 0; i < PP_SYNC_PARALLEL && !s->ended; i++) {
        while (!s->stores[i].sync && s->uploads && s->batch + s->active < PP_SYNC_BATCH &&
               !s->ended) {
            s->active += start(s, &s->stores[i]);
        }
    }
    if (!s->active && !s->ended) {
        pp_sync_stored(s);
    }
}

void pp_sync_store(struct pp_sync *s)
{
    s->batch = 0;
    fill(s);
}

/* --- the record ---------------------------------------------------------------------------- */

static void spool_name(uint64_t n, char out[64])
{
    snprintf(out, 64, "log.%llu", (unsigned long long)n);
}

static void fail_to_tell(struct pp_sync *s, int rc)
{
    pp_sync_fail(s, rc, "cannot write down for your other computers what changed here");
}

void pp_sync_tell(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct pp_record_head head = {.snapshot = s->self.next % PP_SNAPSHOT_EVERY == 0,
                                  .n = s->self.next,
                                  .lamport = s->state.lamport,
                                  .time = pp_mail_seconds(s->mail)};
    struct pp_device_object object;
    struct pp_buf plain = {0};
    struct pp_blob *blob = NULL;
    char name[64];
    memcpy(head.device, s->self.device, PP_DEVICE_ID);
    memcpy(head.name, s->computer, sizeof head.name);
    int rc = pp_device_object(&object, s->secret[0], s->self.device, s->self.next);
    rc = rc == PP_OK ? pp_record_write(&plain, &head, &s->state) : rc;
    rc = rc == PP_OK ? pp_device_seal_octets(s->mail, &plain, object.key, &blob, s->self.out_digest,
                                             &s->self.out_size)
                     : rc;
    pp_buf_wipe(&plain);
    if (rc != PP_OK) {
        fail_to_tell(s, rc);
        return;
    }
    s->self.out_snapshot = head.snapshot;
    spool_name(s->self.next, name);
    net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, name); /* of a round that died here */
    net->ops->blob_keep(net->impl, &s->act, blob, PP_PLACE_SPOOL, name, PP_SYNC_KEPT);
    net->ops->blob_free(net->impl, blob);
}

static unsigned clean(struct pp_sync *s)
{
    unsigned n = 0;
    for (struct pp_item *item = s->state.items; item; item = item->hh.next) {
        if (item->dirty) {
            item->dirty = false;
            pp_sync_note_item(s, item);
            n++;
        }
    }
    for (struct pp_setting *set = s->state.settings; set; set = set->hh.next) {
        if (set->dirty) {
            set->dirty = false;
            pp_sync_note_setting(s, set);
            n++;
        }
    }
    return n;
}

void pp_sync_kept(struct pp_sync *s, int error)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    if (error) {
        fail_to_tell(s, error);
        return;
    }
    pp_mail_crash(s->mail, "sync-sealed");
    s->self.out_changes = clean(s);
    s->self.out = true;
    pp_sync_note_self(s);
    /* One turn, one frame of the journal: all of it or nothing. */
    net->ops->note(net->impl, &s->act, pp_str("l:round"), pp_str("2"), PP_SYNC_OUT_NOTED);
}

/* What the snapshot holds need no longer be kept as records: those of others .. */
static void release_others(struct pp_sync *s)
{
    struct pp_device_object object;
    for (size_t i = 0; i < s->n_others; i++) {
        struct pp_other *other = &s->others[i];
        int key = pp_sync_key_of(s, other->tag);
        for (; key >= 0 && other->kept < other->next; other->kept++) {
            if (pp_device_object(&object, s->secret[key], other->device, other->kept) == PP_OK) {
                pp_kept_forget(s->mail, pp_str(object.identifier));
            }
        }
        pp_sync_note_other(s, other);
    }
}

/* .. and our own, but for those since the snapshot before: who is slow finds them still. The
 * directory gets a new entry, which says where to begin. */
static void release_own(struct pp_sync *s, uint64_t snapshot)
{
    struct pp_device_object object;
    if (snapshot < s->self.first + 2 * PP_SNAPSHOT_EVERY) {
        return;
    }
    for (; s->self.first < snapshot - PP_SNAPSHOT_EVERY; s->self.first++) {
        if (pp_device_object(&object, s->secret[0], s->self.device, s->self.first) == PP_OK) {
            pp_maintain_drop(s->mail, pp_str(object.identifier));
        }
    }
    s->self.registered = false;
}

/* The number is taken by other octets: by a copy of this computer's state, or by what it did itself
 * before it was put back from a backup. */
static void become_another(struct pp_sync *s)
{
    const uint64_t first = s->self.first, next = s->self.next;
    struct pp_other *old = pp_sync_other(s, s->self.tag, s->self.device);
    pp_mail_log(s->mail, 1,
                "another copy of this computer's state is in use: this one goes on as a computer "
                "of its own");
    if (old) {
        old->first = first;
        old->next = old->kept = next;
        memcpy(old->name, s->computer, sizeof old->name);
        pp_sync_note_other(s, old);
    }
    pp_sync_begin_anew(s);
    s->is_read = false; /* what the copy did is to be read first */
}

static void note_told(struct pp_sync *s, struct pp_put *put)
{
    pp_put_keep(s->mail, &put->object, put->size, put->digest, pp_mail_seconds(s->mail));
    s->result.told += s->self.out_changes;
    if (s->self.out_snapshot) {
        release_others(s);
        release_own(s, s->self.next);
    }
    s->self.out = false;
    s->self.next++;
    s->self.told = pp_mail_seconds(s->mail);
    pp_sync_note_self(s);
}

static void told(struct pp_put *put)
{
    struct pp_sync *s = put->ctx;
    const struct pp_mailnet *net = pp_sync_net(s);
    char why[160];
    bool lost = pp_put_lost(put);
    s->spooled = s->self.next;
    if (lost) {
        become_another(s);
    } else if (pp_put_reached(put)) {
        note_told(s, put);
    } else {
        pp_spread_why(&put->spread, why, sizeof why);
        pp_put_finish(put);
        pp_sync_fail(s, PP_UNREACHABLE, why); /* the next round goes on with it */
        return;
    }
    pp_put_finish(put);
    if (pp_mutant("sync-drop-early")) {
        char name[64];
        spool_name(s->spooled, name);
        net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, name);
    }
    pp_mail_crash(s->mail, "sync-told");
    net->ops->note(net->impl, &s->act, pp_str("l:round"), pp_str("3"), PP_SYNC_TOLD_NOTED);
}

/* Only now: before, a round that died needs it again. */
void pp_sync_told_noted(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    char name[64];
    spool_name(s->spooled, name);
    net->ops->blob_drop(net->impl, PP_PLACE_SPOOL, name);
    pp_sync_told(s);
}

void pp_sync_tell_again(struct pp_sync *s)
{
    const struct pp_mailnet *net = pp_sync_net(s);
    struct pp_device_object object;
    char name[64];
    spool_name(s->self.next, name);
    struct pp_blob *blob = net->ops->blob_open(net->impl, PP_PLACE_SPOOL, name);
    if (!blob) { /* somebody emptied the spool */
        pp_sync_begin_anew(s);
        pp_sync_read(s);
        return;
    }
    int rc = pp_device_object(&object, s->secret[0], s->self.device, s->self.next);
    if (rc != PP_OK) {
        net->ops->blob_free(net->impl, blob);
    }
    rc = rc == PP_OK ? pp_put_start(&s->put, s->mail, &object, blob, s->self.out_size,
                                    s->self.out_digest, told, s)
                     : rc;
    if (rc != PP_OK) {
        fail_to_tell(s, rc);
    }
}

void pp_sync_out_noted(struct pp_sync *s)
{
    pp_mail_crash(s->mail, "sync-planned");
    pp_sync_tell_again(s);
}
