/*
 * Synchronising, which computers there are: the directory, entries 0, 1, .. of which each names one
 * computer's log. Two computers may claim one entry at once; then nodes differ, readers take
 * whatever they find, and who did not get most of the nodes claims the next. It must not know what
 * a log holds.
 */
#include <mail/sync_pass.h>

#include <mail/kept.h>
#include <stdio.h>

#define ENTRY_MAX 65536 /* octets of an entry */
#define ENTRIES_MAX 4096
#define CLAIMS_MAX 8

static void ask(struct pp_sync *s);

/* --- reading ------------------------------------------------------------------------------- */

static void next_key(struct pp_sync *s)
{
    do {
        s->key++;
    } while (s->key < s->n_keys && !s->options.full && pp_sync_directory(s, s->key));
    if (s->key == s->n_keys) {
        pp_sync_read_logs(s);
        return;
    }
    s->entry = s->settled = 0;
    s->unsettled = false;
    ask(s);
}

static void take(struct pp_sync *s, const struct pp_peek_variant *v, bool settled)
{
    struct pp_directory_entry e;
    struct pp_kept kept = {0};
    if (pp_directory_read(&e, pp_buf_bytes(&v->plain)) != PP_OK) {
        pp_mail_log(s->mail, 1,
                    "an entry in the list of your computers is of a form that this version does "
                    "not know");
        return;
    }
    if (settled && pp_kept_recall(s->mail, pp_str(s->peek.object.identifier), &kept) != PP_OK) {
        pp_put_keep(s->mail, &s->peek.object, v->size, v->digest, e.time);
    }
    pp_kept_finish(&kept);
    if (memcmp(e.device, s->self.device, PP_DEVICE_ID) == 0) {
        s->self.registered |= settled && s->key == 0 && e.first == s->self.first;
        return;
    }
    struct pp_other *other = pp_sync_other(s, s->tag[s->key], e.device);
    if (other && (e.first > other->first || !other->name[0])) {
        other->first = e.first;
        snprintf(other->name, sizeof other->name, "%s", e.name);
        pp_sync_note_other(s, other);
    }
}

static void looked(struct pp_peek *peek)
{
    struct pp_sync *s = peek->ctx;
    unsigned most = peek->gone, enough = pp_min_copies(peek->spread.found);
    if (peek->spread.code) {
        char why[160];
        pp_spread_why(&peek->spread, why, sizeof why);
        pp_sync_fail(s, peek->spread.code, why);
        return;
    }
    for (size_t i = 0; i < peek->n; i++) {
        most = peek->variants[i].copies > most ? peek->variants[i].copies : most;
    }
    for (size_t i = 0; i < peek->n; i++) {
        take(s, &peek->variants[i], peek->variants[i].copies >= enough);
    }
    bool exists = peek->n || peek->gone;
    bool surely_not = peek->absent >= enough;
    pp_peek_finish(peek);
    if (exists && s->entry < ENTRIES_MAX) {
        s->unsettled |= most < enough;
        s->entry++;
        s->settled = s->unsettled ? s->settled : s->entry;
        ask(s);
        return;
    }
    if (s->key == 0) {
        s->claim = s->entry;
        s->claims = surely_not ? 0 : CLAIMS_MAX;
    }
    pp_sync_note_directory(s, s->key, s->settled);
    next_key(s);
}

static void ask(struct pp_sync *s)
{
    struct pp_device_object object;
    int rc = pp_device_object(&object, s->secret[s->key], NULL, s->entry);
    if (rc != PP_OK) {
        pp_sync_fail(s, rc, "cannot name the list of computers");
        return;
    }
    pp_peek_start(&s->peek, s->mail, &object, ENTRY_MAX, false, s->options.full, looked, s);
}

void pp_sync_read(struct pp_sync *s)
{
    s->key = 0;
    s->entry = s->settled = s->options.full ? 0 : pp_sync_directory(s, 0);
    s->unsettled = false;
    ask(s);
}

/* --- claiming ------------------------------------------------------------------------------ */

static void claimed(struct pp_put *put)
{
    struct pp_sync *s = put->ctx;
    s->claims++;
    if (pp_put_reached(put)) {
        s->self.registered = true;
        pp_put_keep(s->mail, &put->object, put->size, put->digest, pp_mail_seconds(s->mail));
        pp_sync_note_self(s);
    } else if (!pp_put_lost(put)) {
        s->claims = CLAIMS_MAX; /* the next round tries again, when nodes answer */
    }
    pp_put_finish(put);
    s->claim++;
    pp_sync_told(s);
}

void pp_sync_claim(struct pp_sync *s)
{
    struct pp_directory_entry e = {.first = s->self.first, .time = pp_mail_seconds(s->mail)};
    struct pp_device_object object;
    struct pp_buf plain = {0};
    struct pp_blob *blob = NULL;
    uint8_t digest[32];
    uint64_t size;
    memcpy(e.device, s->self.device, PP_DEVICE_ID);
    memcpy(e.name, s->computer, sizeof e.name);
    int rc = pp_device_object(&object, s->secret[0], NULL, s->claim);
    rc = rc == PP_OK ? pp_directory_write(&plain, &e) : rc;
    rc =
        rc == PP_OK ? pp_device_seal_octets(s->mail, &plain, object.key, &blob, digest, &size) : rc;
    rc = rc == PP_OK ? pp_put_start(&s->put, s->mail, &object, blob, size, digest, claimed, s) : rc;
    pp_buf_free(&plain);
    if (rc != PP_OK) {
        pp_sync_fail(s, rc, "cannot make this computer known to your others");
    }
}

bool pp_sync_may_claim(const struct pp_sync *s)
{
    return !s->self.registered && s->claims < CLAIMS_MAX;
}
