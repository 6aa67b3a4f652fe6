/*
 * Reading, one message: its notification opened, one copy of its body fetched and its digest
 * checked (else the next copy, else wider), delivered, marked, deleted on all k and wider
 * (Kangasharju et al. 2003, section 3.3). It must not know how the inbox was read.
 */
#include <mail/read_pass.h>

#include <base/crash.h>
#include <mail/chat.h>
#include <mail/kept.h>
#include <mail/record.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>

#define KEEP_TRYING ((int64_t)30 * 86400)
#define DELETE_ATTEMPTS 5
#define SET_ASIDE_MAX 100
enum { TOKEN_SIGNED, TOKEN_KEPT, TOKEN_MARKED, TOKEN_SET_ASIDE };

static const struct pp_mailnet *net_of(const struct pp_letter *letter)
{
    return &pp_mail_is(letter->read->mail)->net;
}

void pp_letter_free(struct pp_letter *letter)
{
    const struct pp_mailnet *net = net_of(letter);
    pp_spread_finish(&letter->spread);
    net->ops->forget(net->impl, &letter->act);
    pp_retrieve_finish(&letter->retrieve);
    if (letter->ready) {
        net->ops->blob_free(net->impl, letter->ready);
    }
    if (letter->signed_form) {
        net->ops->blob_free(net->impl, letter->signed_form);
    }
    pp_buf_free(&letter->head);
    pp_notification_finish(&letter->n);
    free(letter);
}

static void tell(struct pp_letter *letter, enum pp_letter_end end)
{
    struct pp_read *read = letter->read;
    struct pp_read_result *result = &read->result;
    result->delivered += end == PP_LETTER_DELIVERED;
    result->known += end == PP_LETTER_KNOWN;
    result->later += end == PP_LETTER_LATER;
    result->lost += end == PP_LETTER_LOST;
    result->bad += end == PP_LETTER_BAD;
    result->junk += end == PP_LETTER_JUNK;
    result->quarantined += end == PP_LETTER_QUARANTINE;
    result->chat += end == PP_LETTER_CHAT;
    if (read->events.letter && end != PP_LETTER_CANARY) {
        struct pp_letter_info info = {.end = end,
                                      .notification = letter->opened ? &letter->n : NULL,
                                      .file = letter->file,
                                      .signature = letter->signature,
                                      .why = letter->why};
        read->events.letter(read->ctx, &info);
    }
    if (end == PP_LETTER_CHAT) {
        pp_chat_heard(read->mail, letter->return_path, letter->file, &letter->n);
    }
}

/* The letter is over: takes it out and goes on with the next. */
static void leave(struct pp_letter *letter)
{
    struct pp_read *read = letter->read;
    struct pp_letter **at = &read->letters;
    while (*at != letter) {
        at = &(*at)->next;
    }
    *at = letter->next;
    read->active--;
    pp_letter_free(letter);
    pp_read_next(read);
}

static void note(struct pp_letter *letter, char kind, const char *hash, struct pp_bytes value)
{
    char key[72];
    pp_read_key(key, kind, hash);
    pp_mail_note(letter->read->mail, pp_str(key), value);
}

static void note_time(struct pp_letter *letter, char kind, const char *hash)
{
    uint8_t now[8];
    pp_put64(now, (uint64_t)pp_mail_seconds(letter->read->mail));
    note(letter, kind, hash, pp_bytes(now, sizeof now));
}

void pp_letter_object(const struct pp_letter *letter, char out[65])
{
    pp_chat_file(out, pp_buf_bytes(&letter->n.object_id), letter->n.object_digest);
}

/* --- deletion: "d:" + hash = attempts (4), object id, seed ----------------------------------- */

static void note_deletion(struct pp_mail *mail, const char *hash, uint32_t attempts,
                          struct pp_bytes identifier, const uint8_t *seed)
{
    static const uint8_t none[32];
    struct pp_buf value = {0};
    char key[72];
    pp_read_key(key, 'd', hash);
    pp_record_u32(&value, attempts);
    pp_record_bytes(&value, identifier);
    pp_record_u8(&value, seed != NULL);
    pp_record_fixed(&value, seed ? seed : none, 32);
    pp_mail_note(mail, pp_str(key), pp_buf_bytes(&value));
    pp_buf_wipe(&value);
}

static void delete_again(struct pp_letter *letter, uint32_t attempts)
{
    note_deletion(letter->read->mail, letter->hash, attempts, pp_buf_bytes(&letter->n.object_id),
                  letter->n.has_seed ? letter->n.deletion_seed : NULL);
}

void pp_delete_later(struct pp_mail *mail, struct pp_bytes identifier, const uint8_t *seed)
{
    uint8_t digest[32];
    char hash[65];
    pp_sha256(digest, identifier);
    pp_hex(hash, digest, sizeof digest);
    note_deletion(mail, hash, 0, identifier, seed);
}

static int delete_request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    struct pp_letter *letter = s->ctx;
    (void)t;
    ask->request.method = "DELETE";
    ask->request.identifier = pp_buf_bytes(&letter->n.object_id);
    if (!letter->n.has_seed) {
        const struct pp_mail_options *o = pp_mail_is(s->mail);
        return pp_sign_ask(s->mail, ask, o->keys[0], o->certificates[0]->keyid, NULL, NULL);
    }
    EVP_PKEY *key = NULL;
    struct pp_certificate *c = NULL;
    int rc = pp_capability(letter->n.deletion_seed, &key, &c);
    rc = rc == PP_OK ? pp_sign_ask(s->mail, ask, key, c->keyid, NULL, NULL) : rc;
    EVP_PKEY_free(key);
    pp_certificate_free(c);
    return rc;
}

static enum pp_verdict delete_judge(struct pp_spread *s, struct pp_target *t)
{
    if (!t->error && (t->status == 204 || t->status == 200)) {
        pp_mail_crash(s->mail, "fetch-deleted");
        return PP_VERDICT_DONE;
    }
    return !t->error && (t->status == 404 || t->status == 410) ? PP_VERDICT_MISSING
                                                               : PP_VERDICT_BAD;
}

static void delete_done(struct pp_spread *s)
{
    struct pp_letter *letter = s->ctx;
    bool again = (s->bad || s->code != PP_OK) && letter->attempts + 1 < DELETE_ATTEMPTS;
    if (again) {
        delete_again(letter, letter->attempts + 1); /* the collector does the rest in the end */
    } else {
        note(letter, 'd', letter->hash, pp_bytes(NULL, 0));
    }
    leave(letter);
}

static const struct pp_spread_kind delete_kind = {.request = delete_request,
                                                  .judge = delete_judge,
                                                  .done = delete_done,
                                                  .widens = true,
                                                  .late = true};

static void start_delete(struct pp_letter *letter)
{
    struct pp_id key = pp_place_of(pp_buf_bytes(&letter->n.object_id));
    pp_spread_init(&letter->spread, letter->read->mail, &delete_kind, letter, &key);
    if (letter->n.n_asked > letter->spread.k) {
        letter->spread.k = (unsigned)letter->n.n_asked; /* it had more copies than network.k */
    }
    pp_spread_start(&letter->spread);
}

/* The reader wants its body to stay: maintain looks after it. */
static void keep_on_nodes(struct pp_letter *letter)
{
    const struct pp_notification *n = &letter->n;
    struct pp_kept kept = {.size = n->object_size,
                           .has_seed = n->has_seed,
                           .life = n->life,
                           .renewed = (int64_t)n->created};
    memcpy(kept.digest, n->object_digest, sizeof kept.digest);
    memcpy(kept.seed, n->deletion_seed, sizeof kept.seed);
    pp_buf_add(&kept.identifier, n->object_id.data, n->object_id.len);
    pp_kept_note(letter->read->mail, &kept);
    pp_kept_finish(&kept);
}

/* --- after delivery ------------------------------------------------------------------------ */

static void mark(struct pp_letter *letter, uint64_t token)
{
    const struct pp_mailnet *net = net_of(letter);
    char key[72], object[65];
    if (letter->opened && token == TOKEN_MARKED) {
        pp_letter_object(letter, object);
        note_time(letter, 'o', object);
        if (letter->n.text.len) {
            /* no body lies anywhere */
        } else if (letter->read->options.keep) {
            keep_on_nodes(letter);
        } else {
            delete_again(letter, 0);
        }
    }
    note_time(letter, 'm', letter->hash);
    pp_read_key(key, 'i', letter->hash);
    net->ops->note(net->impl, &letter->act, pp_str(key), pp_bytes(NULL, 0), token);
}

static void keep(struct pp_letter *letter)
{
    const struct pp_mailnet *net = net_of(letter);
    net->ops->blob_keep(net->impl, &letter->act, letter->ready, letter->place, letter->file,
                        TOKEN_KEPT);
}

static void on_kept(struct pp_act *act, uint64_t token, int error)
{
    struct pp_letter *letter = (struct pp_letter *)act;
    if (error && error != PP_EXISTS) {
        pp_read_fail(letter->read, error, "cannot deliver into the Maildir");
        return;
    }
    if (token == TOKEN_SIGNED) {
        keep(letter);
        return;
    }
    pp_mail_crash(letter->read->mail, "fetch-kept");
    mark(letter, TOKEN_MARKED);
}

static void on_noted(struct pp_act *act, uint64_t token, int error)
{
    struct pp_letter *letter = (struct pp_letter *)act;
    const struct pp_mailnet *net = net_of(letter);
    if (error) {
        pp_read_fail(letter->read, error, "cannot write the journal");
        return;
    }
    pp_mail_crash(letter->read->mail, "fetch-marked");
    if (letter->place != PP_PLACE_QUARANTINE) {
        net->ops->blob_drop(net->impl, letter->place, letter->file); /* its link in tmp/ */
    }
    tell(letter, letter->end);
    if ((token == TOKEN_MARKED || (letter->end == PP_LETTER_KNOWN && letter->n.has_seed)) &&
        !letter->read->options.keep && !letter->n.text.len) {
        letter->attempts = 0;
        start_delete(letter);
    } else {
        leave(letter);
    }
}

static void on_judged(struct pp_act *act, uint64_t token, enum pp_judgement judgement,
                      const char *text)
{
    (void)token;
    pp_letter_judged((struct pp_letter *)act, judgement, text);
}

static int count_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    unsigned *n = ctx;
    (void)key;
    (void)value;
    return ++*n >= SET_ASIDE_MAX;
}

/* The octets of a notification that we cannot use, for a look: "x:" + hash, the first hundred. */
static void keep_octets(struct pp_letter *letter)
{
    const struct pp_mailnet *net = net_of(letter);
    unsigned n = 0;
    struct pp_buf value = {0};
    char key[72];
    pp_read_key(key, 'i', letter->hash);
    if (net->ops->replay(net->impl, pp_str("x:"), count_one, &n) == 0 &&
        pp_mail_recall(letter->read->mail, pp_str(key), &value) == PP_OK) {
        note(letter, 'x', letter->hash, pp_buf_bytes(&value));
    }
    pp_buf_wipe(&value);
}

/* Forged, undecryptable, known, or lost for good: out of the way of the others. */
void pp_letter_set_aside(struct pp_letter *letter, enum pp_letter_end end)
{
    letter->end = end;
    if (end != PP_LETTER_KNOWN && end != PP_LETTER_CANARY) {
        keep_octets(letter);
    } else if (letter->n.has_seed && !letter->read->options.keep && !letter->n.text.len) {
        delete_again(letter, 0); /* each notification has a right of its own to delete */
    }
    mark(letter, TOKEN_SET_ASIDE);
}

static void deliver(struct pp_letter *letter)
{
    pp_mail_crash(letter->read->mail, "fetch-body");
    int rc = pp_letter_unseal(letter);
    if (rc == PP_FULL || rc == PP_IO || rc == PP_NOMEM) {
        pp_read_fail(letter->read, rc, "no room to decrypt a message");
        return;
    }
    if (rc != PP_OK) {
        pp_letter_set_aside(letter, PP_LETTER_BAD);
        return;
    }
    pp_letter_judge(letter);
}

void pp_letter_deliver(struct pp_letter *letter, enum pp_place place, enum pp_letter_end end)
{
    const struct pp_mailnet *net = net_of(letter);
    letter->place = place;
    letter->end = end;
    if (pp_mutant("fetch-mark-first")) {
        note_time(letter, 'm', letter->hash);
        note(letter, 'i', letter->hash, pp_bytes(NULL, 0));
    }
    if (letter->signed_form) {
        net->ops->blob_keep(net->impl, &letter->act, letter->signed_form, PP_PLACE_SIGNED,
                            letter->hash, TOKEN_SIGNED);
        return;
    }
    keep(letter);
}

/* --- the body ------------------------------------------------------------------------------ */

void pp_letter_hold(struct pp_letter *letter)
{
    struct pp_buf value = {0};
    char key[72];
    if (letter->received + KEEP_TRYING < pp_mail_seconds(letter->read->mail)) {
        pp_letter_set_aside(letter, PP_LETTER_LOST);
        return;
    }
    pp_read_key(key, 'i', letter->hash);
    if (pp_mail_recall(letter->read->mail, pp_str(key), &value) == PP_OK && value.len > 12) {
        pp_put32(value.data + 8, letter->attempts + 1);
        pp_mail_note(letter->read->mail, pp_str(key), pp_buf_bytes(&value));
    }
    pp_buf_wipe(&value);
    tell(letter, PP_LETTER_LATER);
    leave(letter);
}

static void retrieved(struct pp_retrieve *r)
{
    struct pp_letter *letter = r->ctx;
    if (r->body) {
        deliver(letter);
    } else {
        snprintf(letter->why, sizeof letter->why, "%s", letter->retrieve.why);
        pp_letter_hold(letter);
    }
}

/* --- begin --------------------------------------------------------------------------------- */

static struct pp_letter *make(struct pp_read *read, const char *hash)
{
    struct pp_letter *letter = calloc(1, sizeof *letter);
    if (!letter) {
        pp_read_fail(read, PP_NOMEM, "out of memory");
        return NULL;
    }
    *letter = (struct pp_letter){.act = {.noted = on_noted, .kept = on_kept, .judged = on_judged},
                                 .read = read,
                                 .next = read->letters};
    snprintf(letter->hash, sizeof letter->hash, "%s", hash);
    memcpy(letter->file, letter->hash, sizeof letter->file);
    read->letters = letter;
    read->active++;
    return letter;
}

static int open_notification(struct pp_letter *letter)
{
    const struct pp_mail_options *o = pp_mail_is(letter->read->mail);
    struct pp_buf value = {0};
    struct pp_error error = {0};
    char key[72];
    pp_read_key(key, 'i', letter->hash);
    int rc = pp_mail_recall(letter->read->mail, pp_str(key), &value);
    if (rc == PP_OK && value.len < 12) {
        rc = PP_MALFORMED;
    }
    if (rc == PP_OK) {
        letter->received = (int64_t)pp_get64(value.data);
        letter->attempts = pp_get32(value.data + 8);
        rc = pp_open_notification(&letter->n, pp_bytes(value.data + 12, value.len - 12),
                                  o->certificates, o->keys, o->n_keys, &error);
        letter->opened = rc == PP_OK;
        if (letter->opened) {
            pp_seen_opened(letter->read, letter->hash, &letter->n);
        }
    }
    if (rc == PP_OK && (letter->n.object_size > PP_OBJECT_MAX || !letter->n.object_id.len)) {
        rc = PP_MALFORMED;
    }
    if (rc != PP_OK) {
        snprintf(letter->why, sizeof letter->why,
                 "a notification that is not for us or damaged: %.190s",
                 error.text[0] ? error.text : pp_error_text(rc));
    }
    pp_buf_free(&value);
    return rc;
}

static bool is_known(struct pp_letter *letter)
{
    const struct pp_mailnet *net = net_of(letter);
    char key[72], object[65];
    struct pp_bytes value;
    pp_letter_object(letter, object);
    pp_read_key(key, 'o', object);
    return net->ops->recall(net->impl, pp_str(key), &value) == PP_OK;
}

/* Does another notification of this message fetch it just now? (To two addresses of ours.) */
static bool has_twin(const struct pp_letter *letter)
{
    const struct pp_letter *l = letter->read->letters;
    while (l &&
           (l == letter || !l->opened ||
            !pp_bytes_equal(pp_buf_bytes(&l->n.object_id), pp_buf_bytes(&letter->n.object_id)) ||
            memcmp(l->n.object_digest, letter->n.object_digest, 32) != 0)) {
        l = l->next;
    }
    return l != NULL;
}

/* It is the first of the letters: pp_read_next is our caller. */
static void drop_first(struct pp_letter *letter)
{
    letter->read->letters = letter->next;
    letter->read->active--;
    pp_letter_free(letter);
}

void pp_letter_start(struct pp_read *read, const char *hash, bool fresh)
{
    struct pp_letter *letter = make(read, hash);
    if (!letter) {
        return;
    }
    letter->fresh = fresh;
    if (open_notification(letter) != PP_OK) {
        pp_letter_set_aside(letter, PP_LETTER_BAD);
    } else if (letter->n.canary) {
        pp_letter_canary(letter);
    } else if (is_known(letter)) {
        pp_letter_set_aside(letter, PP_LETTER_KNOWN);
    } else if (read->options.headers_only) {
        tell(letter, PP_LETTER_HEADERS);
        drop_first(letter);
    } else if (has_twin(letter)) {
        pp_buf_printf(&read->twins, "i:%s", hash);
        drop_first(letter);
    } else if (letter->n.text.len) {
        pp_letter_chat(letter);
    } else {
        int rc =
            pp_retrieve_start(&letter->retrieve, read->mail, pp_buf_bytes(&letter->n.object_id),
                              letter->n.object_size, letter->n.object_digest, retrieved, letter);
        if (rc != PP_OK) {
            pp_read_fail(read, rc, "out of memory");
        }
    }
}

void pp_letter_delete_start(struct pp_read *read, const char *hash)
{
    struct pp_buf value = {0};
    char key[72];
    pp_read_key(key, 'd', hash);
    struct pp_letter *letter = make(read, hash);
    if (letter && pp_mail_recall(read->mail, pp_str(key), &value) == PP_OK) {
        struct pp_reader r = pp_reader(pp_buf_bytes(&value));
        letter->attempts = pp_read32(&r);
        pp_reads_buf(&r, &letter->n.object_id);
        letter->n.has_seed = pp_read8(&r);
        pp_reads_fixed(&r, letter->n.deletion_seed, 32);
    }
    pp_buf_wipe(&value);
    if (letter) {
        start_delete(letter);
    }
}
