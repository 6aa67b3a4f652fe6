/*
 * One round of upkeep: the certificate, then the kept objects, some at a time, then what was sent;
 * see maintain.h. It must not know what the objects are.
 */
#include <mail/maintain.h>

#include <mail/canary.h>

#include <mail/maintain_object.h>
#include <mail/publish.h>
#include <mail/read.h>
#include <mail/record.h>
#include <mail/sent.h>
#include <stdio.h>
#include <stdlib.h>

#define PARALLEL 8
#define SENT_MOST 1000 /* messages looked after in a round */
#define DUE_KEY "kdue"
#define ROUND_SECONDS 86400
#define ROUND_SPREAD 14400 /* +- two hours, so that users do not come at once */

struct slot {
    struct pp_maintain *m;
    struct pp_keeper *keeper;
};

struct pp_maintain {
    struct pp_mail *mail;
    struct pp_publish *publish;
    struct pp_buf waiting; /* identifiers: length (4), octets */
    size_t next;           /* octets of it that were taken */
    struct slot slots[PARALLEL];
    unsigned active;
    struct pp_sent_check *check;
    struct pp_canary *canary;
    struct pp_maintain_result result;
    struct pp_maintain_events events;
    void *ctx;
};

void pp_maintain_cancel(struct pp_maintain *m)
{
    if (!m) {
        return;
    }
    pp_publish_cancel(m->publish);
    pp_sent_check_cancel(m->check);
    pp_canary_cancel(m->canary);
    for (size_t i = 0; i < PARALLEL; i++) {
        if (m->slots[i].keeper) {
            pp_keeper_cancel(m->slots[i].keeper);
        }
    }
    pp_buf_free(&m->waiting);
    free(m);
}

int64_t pp_maintain_due(struct pp_mail *mail)
{
    struct pp_buf value = {0};
    int64_t due = 0;
    if (pp_mail_recall(mail, pp_str(DUE_KEY), &value) == PP_OK && value.len == 8) {
        due = (int64_t)pp_get64(value.data);
    }
    pp_buf_free(&value);
    return due;
}

static void note_due(struct pp_maintain *m)
{
    uint8_t value[8], random[2];
    pp_mail_random(m->mail, random, sizeof random);
    int64_t jitter = (random[0] << 8 | random[1]) % ROUND_SPREAD - ROUND_SPREAD / 2;
    pp_put64(value, (uint64_t)(pp_mail_seconds(m->mail) + ROUND_SECONDS + jitter));
    pp_mail_note(m->mail, pp_str(DUE_KEY), pp_bytes(value, sizeof value));
}

static void end(struct pp_maintain *m)
{
    struct pp_maintain_result result = m->result;
    struct pp_maintain_events events = m->events;
    void *ctx = m->ctx;
    if (!result.code) {
        note_due(m);
    }
    pp_maintain_cancel(m);
    events.done(ctx, &result);
}

/* --- the canary ---------------------------------------------------------------------------- */

static void canary_put(void *ctx, unsigned copies)
{
    struct pp_maintain *m = ctx;
    (void)copies; /* another tomorrow */
    m->canary = NULL;
    end(m);
}

static void put_canary(struct pp_maintain *m)
{
    m->canary = pp_canary_start(m->mail, canary_put, m);
    if (!m->canary) {
        end(m);
    }
}

/* --- sent mail ----------------------------------------------------------------------------- */

static void checked(void *ctx, int code, unsigned asked)
{
    struct pp_maintain *m = ctx;
    (void)code; /* nodes that do not answer today are asked tomorrow */
    (void)asked;
    m->check = NULL;
    put_canary(m);
}

/* Who fetched it, what expired: the report of it comes from here, also for those who never ask. */
static void look_at_sent(struct pp_maintain *m)
{
    if (m->result.code) {
        end(m);
        return;
    }
    m->check = pp_sent_check_start(m->mail, NULL, SENT_MOST, checked, m);
    if (!m->check) {
        put_canary(m);
    }
}

/* --- kept objects -------------------------------------------------------------------------- */

static void fill(struct pp_maintain *m);

static void object_done(void *ctx, struct pp_bytes identifier, enum pp_maintained outcome,
                        unsigned copies, unsigned wanted, int code, const char *why)
{
    struct slot *slot = ctx;
    struct pp_maintain *m = slot->m;
    slot->keeper = NULL;
    m->active--;
    m->result.whole += outcome == PP_MAINTAIN_WHOLE;
    m->result.restored += outcome == PP_MAINTAIN_RESTORED;
    m->result.partly += outcome == PP_MAINTAIN_PARTLY;
    m->result.deleted += outcome == PP_MAINTAIN_DELETED;
    m->result.lost += outcome == PP_MAINTAIN_LOST;
    m->result.code = m->result.code ? m->result.code : code;
    if (m->events.object) {
        m->events.object(m->ctx, identifier, outcome, copies, wanted, why);
    }
    fill(m);
}

static struct slot *free_slot(struct pp_maintain *m)
{
    for (size_t i = 0; i < PARALLEL; i++) {
        if (!m->slots[i].keeper) {
            return &m->slots[i];
        }
    }
    return NULL;
}

static void fill(struct pp_maintain *m)
{
    struct slot *slot;
    while (m->next < m->waiting.len && (slot = free_slot(m))) {
        uint32_t len = pp_get32(m->waiting.data + m->next);
        struct pp_bytes identifier = pp_bytes(m->waiting.data + m->next + 4, len);
        m->next += 4 + len;
        slot->m = m;
        slot->keeper = pp_keeper_start(m->mail, identifier, object_done, slot);
        m->active += slot->keeper != NULL;
    }
    if (!m->active) {
        look_at_sent(m);
    }
}

static int collect(void *ctx, struct pp_bytes identifier)
{
    pp_record_bytes(ctx, identifier);
    return 0;
}

/* --- the certificate ----------------------------------------------------------------------- */

static void published(void *ctx, int code, unsigned copies, unsigned wanted, const char *why)
{
    struct pp_maintain *m = ctx;
    m->publish = NULL;
    m->result.code = code;
    m->result.copies = copies;
    m->result.wanted = wanted;
    snprintf(m->result.why, sizeof m->result.why, "%s", why);
    if (code == PP_LOCAL || code == PP_UNREACHABLE) {
        end(m); /* no network: nothing can be said of the others */
        return;
    }
    pp_kept_each(m->mail, collect, &m->waiting);
    if (m->waiting.failed) {
        m->waiting.len = 0;
        m->result.code = PP_NOMEM;
    }
    fill(m);
}

struct pp_maintain *pp_maintain_start(struct pp_mail *mail, const struct pp_maintain_events *events,
                                      void *ctx)
{
    struct pp_maintain *m = calloc(1, sizeof *m);
    if (!m) {
        return NULL;
    }
    *m = (struct pp_maintain){.mail = mail, .events = *events, .ctx = ctx};
    m->publish = pp_publish_start(mail, published, m);
    if (!m->publish) {
        free(m);
        return NULL;
    }
    return m;
}

int pp_maintain_drop(struct pp_mail *mail, struct pp_bytes identifier)
{
    struct pp_kept kept = {0};
    int rc = pp_kept_recall(mail, identifier, &kept);
    if (rc == PP_OK) {
        pp_delete_later(mail, identifier, kept.has_seed ? kept.seed : NULL);
        pp_kept_forget(mail, identifier);
    }
    pp_kept_finish(&kept);
    return rc;
}
