/*
 * Reading, the notifications: every inbox holder is asked, what it hands out is journaled, and
 * only then it is told to forget (Peerpost-Confirm), until it has nothing more. Keeps the list of
 * holders of the last 30 days. It must not know what a notification says.
 */
#include <mail/read_pass.h>

#include <base/crash.h>
#include <mail/canary.h>
#include <mail/directory.h>
#include <mail/record.h>
#include <stdio.h>

#define NOTIFICATION_MAX ((size_t)32 << 10)
#define HOLDER_COUNTS_DAYS 7

/* --- holders: "h:" + id = peer's address (16), http port (4), seconds when among the k --------- */

static void holder_key(struct pp_buf *out, const struct pp_id *id)
{
    pp_buf_add_str(out, "h:");
    pp_buf_add(out, id->b, PP_ID_LEN);
}

void pp_holders_note(struct pp_mail *mail, const struct pp_peer *peers, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        struct pp_buf key = {0}, old = {0}, new = {0};
        holder_key(&key, &peers[i].id);
        pp_record_fixed(&new, peers[i].address, 16);
        pp_record_u32(&new, peers[i].http);
        pp_record_u64(&new, (uint64_t)pp_mail_seconds(mail));
        bool fresh = pp_mail_recall(mail, pp_buf_bytes(&key), &old) == PP_OK && old.len == 28 &&
                     memcmp(old.data, new.data, 20) == 0 &&
                     pp_get64(old.data + 20) + 3600 > pp_get64(new.data + 20);
        if (!fresh) {
            pp_mail_note(mail, pp_buf_bytes(&key), pp_buf_bytes(&new));
        }
        pp_buf_free(&key);
        pp_buf_free(&old);
        pp_buf_free(&new);
    }
}

struct gather {
    struct pp_read *read;
    struct pp_buf old; /* keys to forget */
};

static int holder_seen(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct gather *g = ctx;
    struct pp_peer peer = {0};
    struct pp_reader r = pp_reader(value);
    pp_reads_fixed(&r, peer.address, 16);
    peer.http = (uint16_t)pp_read32(&r);
    int64_t seen = (int64_t)pp_read64(&r);
    if (key.len != 2 + PP_ID_LEN || r.failed ||
        seen + PP_HOLDER_DAYS * 86400 < pp_mail_seconds(g->read->mail)) {
        pp_record_bytes(&g->old, key);
        return 0;
    }
    memcpy(peer.id.b, key.data + 2, PP_ID_LEN);
    bool due = !g->read->rechecking || pp_seen_lacks(g->read, &peer.id, g->read->address);
    if (due && g->read->inbox.n_targets < PP_HOLDERS_MAX) {
        pp_spread_extra(&g->read->inbox, &peer);
    }
    return 0;
}

static void add_holders(struct pp_read *read)
{
    const struct pp_mailnet *net = &pp_mail_is(read->mail)->net;
    struct gather g = {.read = read};
    net->ops->replay(net->impl, pp_str("h:"), holder_seen, &g);
    struct pp_reader r = pp_reader(pp_buf_bytes(&g.old));
    while (pp_reader_left(&r)) {
        pp_mail_note(read->mail, pp_reads(&r), pp_bytes(NULL, 0));
    }
    pp_buf_free(&g.old);
}

static bool holder_counts(struct pp_read *read, const struct pp_id *id)
{
    struct pp_buf key = {0}, value = {0};
    holder_key(&key, id);
    bool counts = pp_mail_recall(read->mail, pp_buf_bytes(&key), &value) == PP_OK &&
                  value.len == 28 &&
                  (int64_t)pp_get64(value.data + 20) + HOLDER_COUNTS_DAYS * 86400 >
                      pp_mail_seconds(read->mail);
    pp_buf_free(&key);
    pp_buf_free(&value);
    return counts;
}

/* --- one answer ---------------------------------------------------------------------------- */

static int request(struct pp_spread *s, struct pp_target *t, struct pp_ask *ask)
{
    ask->request.method = "GET";
    ask->request.identifier = pp_mail_address(s->mail, ((const struct pp_read *)s->ctx)->address);
    ask->request.times.total *= 2;
    return pp_sign_ask_as_user(s->mail, ask, "read-inbox", t->batch[0] ? t->batch : NULL);
}

static void head(struct pp_spread *s, struct pp_target *t, const struct pp_net_field *fields,
                 size_t n)
{
    (void)s;
    if (t->status != 200) {
        return;
    }
    t->batch[0] = '\0';
    for (size_t i = 0; i < n; i++) {
        if (pp_bytes_is_nocase(fields[i].name, "peerpost-batch") &&
            fields[i].value.len < sizeof t->batch) {
            snprintf(t->batch, sizeof t->batch, "%.*s", (int)fields[i].value.len,
                     (const char *)fields[i].value.data);
        }
    }
}

static bool is_noted(struct pp_mail *mail, char kind, const char *hash)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct pp_bytes value;
    char key[72];
    pp_read_key(key, kind, hash);
    return net->ops->recall(net->impl, pp_str(key), &value) == PP_OK;
}

/* Journals a notification that is new: "i:" + hash = received (8), attempts (4), octets. */
static bool journal(struct pp_mail *mail, struct pp_bytes octets, char hash[65])
{
    uint8_t digest[32];
    char key[72];
    pp_sha256(digest, octets);
    pp_hex(hash, digest, sizeof digest);
    if (is_noted(mail, 'm', hash) || is_noted(mail, 'i', hash)) {
        return false;
    }
    struct pp_buf value = {0};
    pp_record_u64(&value, (uint64_t)pp_mail_seconds(mail));
    pp_record_u32(&value, 0);
    pp_record_fixed(&value, octets.data, octets.len);
    pp_read_key(key, 'i', hash);
    bool whole = !value.failed;
    if (whole) {
        pp_mail_note(mail, pp_str(key), pp_buf_bytes(&value));
    }
    pp_buf_free(&value);
    return whole;
}

/* False: it came from this node before. */
static bool take(struct pp_read *read, const struct pp_peer *from, struct pp_bytes octets)
{
    char hash[65], key[72];
    bool fresh = journal(read->mail, octets, hash);
    if (fresh) {
        pp_read_key(key, 'f', hash); /* of this pass: no earlier run has put it anywhere */
        pp_buf_add(&read->fresh, key, 66);
        read->result.fresh++;
    }
    return pp_seen_take(read, from, hash, octets.len, fresh);
}

/* The next notification of a body: per notification sequence (8), length (4), octets. */
static int next_entry(struct pp_reader *r, struct pp_bytes *octets)
{
    pp_read64(r);
    *octets = pp_reads(r);
    return r->failed || octets->len > NOTIFICATION_MAX ? PP_MALFORMED : PP_OK;
}

int pp_inbox_journal(struct pp_mail *mail, struct pp_bytes body,
                     void (*fresh)(void *ctx, const char *hash), void *ctx)
{
    struct pp_reader r = pp_reader(body);
    struct pp_bytes octets;
    char hash[65];
    int n = 0;
    for (; pp_reader_left(&r); n++) {
        if (next_entry(&r, &octets) != PP_OK) {
            return PP_MALFORMED;
        }
        if (journal(mail, octets, hash)) {
            fresh(ctx, hash);
        }
    }
    return n;
}

/* Returns how many there were, or negative; news: some came from this node for the first time. */
static int take_all(struct pp_read *read, const struct pp_peer *from, struct pp_bytes body,
                    bool *news)
{
    struct pp_reader r = pp_reader(body);
    struct pp_bytes octets;
    int n = 0;
    *news = false;
    for (; pp_reader_left(&r); n++) {
        if (next_entry(&r, &octets) != PP_OK) {
            return PP_MALFORMED;
        }
        *news |= take(read, from, octets);
    }
    return n;
}

/* Waits for the sync of all that was noted up to now. */
static void sync_then_confirm(struct pp_read *read, const struct pp_target *t)
{
    const struct pp_mailnet *net = &pp_mail_is(read->mail)->net;
    uint64_t index = 0;
    while (read->inbox.targets[index] != t) {
        index++;
    }
    net->ops->note(net->impl, &read->act, pp_str("b:last"), pp_str(t->batch), index);
}

static enum pp_verdict received(struct pp_read *read, struct pp_target *t)
{
    pp_mail_crash(read->mail, "fetch-received");
    bool news;
    int n = take_all(read, &t->peer, pp_buf_bytes(&t->body), &news);
    if (n < 0) {
        pp_mail_blame(read->mail, &t->peer, "its inbox answer is malformed");
        snprintf(t->text, sizeof t->text, "gave a malformed inbox");
        return PP_VERDICT_BAD;
    }
    if (n == 0 || !t->batch[0]) {
        return PP_VERDICT_DONE;
    }
    if (!news && t->generation > 1 && !t->retried) {
        pp_mail_blame(read->mail, &t->peer, "hands out again what it was told to forget");
        snprintf(t->text, sizeof t->text, "hands out an old inbox");
        return PP_VERDICT_BAD;
    }
    if (pp_seen_enough(read, &t->peer)) {
        pp_mail_blame(read->mail, &t->peer,
                      "hands out more than an inbox holds: the rest waits for the next fetch");
        return PP_VERDICT_DONE;
    }
    if (pp_mutant("fetch-confirm-first")) {
        return PP_VERDICT_AGAIN;
    }
    sync_then_confirm(read, t);
    return PP_VERDICT_HOLD;
}

static enum pp_verdict judge(struct pp_spread *s, struct pp_target *t)
{
    if (t->error) {
        return PP_VERDICT_BAD;
    }
    if (t->status == 200) {
        return received(s->ctx, t);
    }
    if (t->status == 404) {
        return PP_VERDICT_DONE;
    }
    if (t->status == 409 && t->batch[0] && !t->retried) {
        t->retried = true; /* it began anew: read again, confirm that */
        t->batch[0] = '\0';
        return PP_VERDICT_AGAIN;
    }
    return PP_VERDICT_BAD;
}

/* What is noted by now becomes letters to open. */
static void start_fresh(struct pp_read *read)
{
    if (read->fresh.len) {
        pp_buf_add(&read->waiting, read->fresh.data, read->fresh.len);
        read->fresh.len = 0;
    }
}

void pp_read_inbox_noted(struct pp_read *read, uint64_t token)
{
    if (token < read->inbox.n_targets) {
        pp_mail_crash(read->mail, "fetch-journaled");
        start_fresh(read);
        pp_spread_settle(&read->inbox, read->inbox.targets[token], PP_VERDICT_AGAIN);
        pp_read_next(read);
    }
}

/* --- all of them --------------------------------------------------------------------------- */

static void count_silent(struct pp_read *read)
{
    const struct pp_spread *s = &read->inbox;
    struct pp_read_result *result = &read->result;
    unsigned before = result->silent;
    for (size_t i = 0; i < s->n_targets; i++) {
        const struct pp_target *t = s->targets[i];
        if (t->closest || (t->state != PP_T_IDLE && holder_counts(read, &t->peer.id))) {
            result->k++;
            result->silent += t->state != PP_T_DONE || pp_handed_distrusts(read->mail, &t->peer.id);
        }
    }
    result->complete = (read->address == 0 || result->complete) && s->code == PP_OK &&
                       result->silent - before < pp_min_copies(pp_mail_is(read->mail)->k);
}

static void note_closest(struct pp_read *read)
{
    struct pp_peer closest[PP_K_MAX];
    size_t n = 0;
    for (size_t i = 0; i < read->inbox.n_targets && n < PP_K_MAX; i++) {
        if (read->inbox.targets[i]->closest) {
            closest[n++] = read->inbox.targets[i]->peer;
        }
    }
    pp_holders_note(read->mail, closest, n);
}

static void done(struct pp_spread *s)
{
    struct pp_read *read = s->ctx;
    const struct pp_mailnet *net = &pp_mail_is(read->mail)->net;
    if (!read->rechecking) {
        count_silent(read);
        note_closest(read);
    }
    pp_seen_answered(read);
    start_fresh(read);
    if (!read->result.complete || read->result.silent) {
        pp_spread_why(s, read->result.why, sizeof read->result.why);
    }
    if (read->result.silent && s->code == PP_OK && !s->bad) {
        snprintf(read->result.why, sizeof read->result.why,
                 "it hands out too little of what it was given, see peerpost doctor");
    }
    if (s->code != PP_OK && read->result.silent == read->result.k) {
        read->result.code = s->local ? PP_LOCAL : s->code;
    }
    if (pp_mail_address(read->mail, read->address + 1).len && !read->result.code) {
        read->address++;
        pp_spread_finish(s);
        pp_read_inbox_start(read);
        return;
    }
    read->inbox_done = true;
    net->ops->wake(net->impl, &read->act, pp_mail_now(read->mail).mono);
}

static bool already(struct pp_spread *s, const struct pp_peer *peer)
{
    struct pp_read *read = s->ctx;
    return read->rechecking && !pp_seen_lacks(read, &peer->id, read->address);
}

static const struct pp_spread_kind kind = {.request = request,
                                           .head = head,
                                           .judge = judge,
                                           .already = already,
                                           .done = done,
                                           .widens = true};

void pp_read_inbox_start(struct pp_read *read)
{
    const struct pp_mail_options *o = pp_mail_is(read->mail);
    struct pp_id key = pp_inbox_place(pp_mail_address(read->mail, read->address));
    pp_spread_init(&read->inbox, read->mail, &kind, read, &key);
    read->inbox.ops = o->ops_read_inbox;
    read->inbox.paths = o->paths;
    read->inbox.answer_max = PP_INBOX_ANSWER_MAX;
    if (read->wide && !read->rechecking) { /* notifications of who saw other nodes as the closest */
        read->inbox.near = o->k;
        read->inbox.k = 2 * o->k < PP_K_MAX ? 2 * o->k : PP_K_MAX;
    }
    add_holders(read);
    pp_spread_start(&read->inbox);
}
