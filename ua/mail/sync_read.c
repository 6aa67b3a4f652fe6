/*
 * Synchronising, what the others did: each computer's log from where this one has read it, until
 * there is no further record. Where a snapshot follows, what lies before it need not be read. It
 * must not know the Maildir.
 */
#include <mail/sync_pass.h>

#include <mail/kept.h>
#include <mail/maintain.h>
#include <mail/read.h>
#include <stdio.h>

#define RECORD_MAX ((uint64_t)16 << 20) /* octets; a snapshot: PP_OBJECT_MAX */

static void ask(struct pp_sync *s);

/* --- taking a record ----------------------------------------------------------------------- */

/* Its notification need not be fetched here too. */
static void mark(struct pp_sync *s, const struct pp_item *item)
{
    struct pp_buf key = {0}, value = {0};
    uint8_t hash[32], now[8];
    if (strlen(item->name) != 64 || pp_unhex(hash, sizeof hash, pp_str(item->name)) != PP_OK) {
        return;
    }
    pp_buf_printf(&key, "m:%s", item->name);
    if (pp_mail_recall(s->mail, pp_buf_bytes(&key), &value) == PP_NOT_FOUND) {
        pp_put64(now, (uint64_t)pp_mail_seconds(s->mail));
        pp_mail_note(s->mail, pp_buf_bytes(&key), pp_bytes(now, sizeof now));
    }
    pp_buf_free(&key);
    pp_buf_free(&value);
}

/* The nodes shall keep what is in the mailbox; what was deleted dies there in its time, so that a
 * move that nobody knew of yet can still bring it back. */
static void keep(struct pp_sync *s, const struct pp_item *item, const uint8_t *before)
{
    struct pp_device_object object;
    struct pp_kept kept = {0};
    if (before && memcmp(before, item->id, sizeof item->id) != 0 &&
        pp_device_message(&object, before, item->key) == PP_OK) {
        pp_maintain_drop(s->mail, pp_str(object.identifier)); /* stored twice: one is enough */
    }
    if (pp_device_message(&object, item->id, item->key) != PP_OK) {
        return;
    }
    if (!pp_item_lives(item)) {
        pp_kept_forget(s->mail, pp_str(object.identifier));
    } else if (pp_kept_recall(s->mail, pp_str(object.identifier), &kept) != PP_OK) {
        pp_put_keep(s->mail, &object, item->size, item->digest, item->stored);
    }
    pp_kept_finish(&kept);
}

static bool join_items(struct pp_sync *s, const struct pp_device_state *read)
{
    for (const struct pp_item *theirs = read->items; theirs; theirs = theirs->hh.next) {
        struct pp_item *item = pp_item_of(&s->state, theirs->name);
        if (!item) {
            return false;
        }
        uint8_t before[16];
        bool had = item->added.lamport;
        memcpy(before, item->id, sizeof before);
        if (pp_item_join(item, theirs)) {
            keep(s, item, had ? before : NULL);
            pp_sync_note_item(s, item);
            mark(s, item);
        }
    }
    return true;
}

static bool join_settings(struct pp_sync *s, const struct pp_device_state *read)
{
    for (const struct pp_setting *theirs = read->settings; theirs; theirs = theirs->hh.next) {
        struct pp_setting *setting = pp_setting_of(&s->state, theirs->key);
        if (!setting) {
            return false;
        }
        if (pp_setting_join(setting, theirs)) {
            pp_sync_note_setting(s, setting);
        }
    }
    return true;
}

static int take(struct pp_sync *s, struct pp_other *other, const struct pp_peek_variant *v)
{
    struct pp_record_head head;
    struct pp_device_state read = {0};
    int rc = pp_record_read(&head, &read, pp_buf_bytes(&v->plain));
    if (rc == PP_OK && (head.n != s->probe || memcmp(head.device, other->device, PP_DEVICE_ID))) {
        rc = PP_MALFORMED;
    }
    if (rc == PP_OK && (!join_items(s, &read) || !join_settings(s, &read))) {
        rc = PP_NOMEM;
    }
    pp_device_state_finish(&read);
    if (rc != PP_OK) {
        return rc;
    }
    if (head.lamport > s->state.lamport) {
        s->state.lamport = head.lamport;
        pp_sync_note_self(s);
    }
    pp_put_keep(s->mail, &s->peek.object, v->size, v->digest, head.time);
    other->kept = other->next == 0 ? s->probe : other->kept;
    other->next = s->probe + 1;
    other->seen = head.time;
    memcpy(other->name, head.name, sizeof other->name);
    pp_sync_note_other(s, other);
    pp_mail_crash(s->mail, "sync-read");
    s->result.records++;
    pp_sync_progress(s);
    return PP_OK;
}

/* --- walking ------------------------------------------------------------------------------- */

static uint64_t next_snapshot(uint64_t n)
{
    return (n / PP_SNAPSHOT_EVERY + 1) * PP_SNAPSHOT_EVERY;
}

/* Under an earlier key nothing new is written: once is enough. */
static bool is_to_read(const struct pp_sync *s, const struct pp_other *other)
{
    int key = pp_sync_key_of(s, other->tag);
    return key == 0 || (key > 0 && (s->options.full || other->next <= other->first));
}

static void begin_log(struct pp_sync *s)
{
    while (s->other < s->n_others && !is_to_read(s, &s->others[s->other])) {
        s->other++;
    }
    if (s->other == s->n_others) {
        pp_sync_read_done(s);
        return;
    }
    struct pp_other *other = &s->others[s->other];
    s->probe = other->next > other->first ? other->next : other->first;
    s->leaps = false;
    ask(s);
}

static void next_log(struct pp_sync *s)
{
    s->other++;
    begin_log(s);
}

static void nothing(struct pp_sync *s, struct pp_other *other)
{
    if (s->leaps) { /* no snapshot there: the next record in order */
        s->leaps = false;
        s->probe = other->next;
        if (s->leapt) {
            next_log(s);
            return;
        }
    } else if (s->options.full && s->probe == other->next) {
        s->leaps = s->leapt = true; /* records may be gone that a snapshot holds */
        s->probe = next_snapshot(s->probe);
    } else {
        next_log(s);
        return;
    }
    ask(s);
}

static void looked(struct pp_peek *peek)
{
    struct pp_sync *s = peek->ctx;
    struct pp_other *other = &s->others[s->other];
    int rc = peek->n ? take(s, other, &peek->variants[0]) : PP_NOT_FOUND;
    int code = peek->spread.code;
    pp_peek_finish(peek);
    if (code || rc == PP_NOMEM) {
        pp_sync_fail(s, code ? code : rc, "cannot read what your other computers did");
    } else if (rc == PP_MALFORMED) {
        pp_mail_log(s->mail, 1,
                    "record %llu of your computer %s is of a form that this version does not know: "
                    "its later changes wait until Peerpost here is newer",
                    (unsigned long long)s->probe, other->name);
        next_log(s);
    } else if (rc == PP_NOT_FOUND) {
        nothing(s, other);
    } else {
        s->leaps = s->probe % PP_SNAPSHOT_EVERY == 0;
        s->leapt = false;
        s->probe = s->leaps ? next_snapshot(s->probe) : other->next;
        ask(s);
    }
}

static void ask(struct pp_sync *s)
{
    const struct pp_other *other = &s->others[s->other];
    struct pp_device_object object;
    int key = pp_sync_key_of(s, other->tag);
    int rc = pp_device_object(&object, s->secret[key], other->device, s->probe);
    if (rc != PP_OK) {
        pp_sync_fail(s, rc, "cannot name a record");
        return;
    }
    uint64_t most = s->probe % PP_SNAPSHOT_EVERY ? RECORD_MAX : PP_OBJECT_MAX;
    pp_peek_start(&s->peek, s->mail, &object, most, true, s->options.full, looked, s);
}

void pp_sync_read_logs(struct pp_sync *s)
{
    s->other = 0;
    begin_log(s);
}
