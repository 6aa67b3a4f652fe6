/* The record of what was sent; see sent.h. It must not know how anything is sent or asked. */
#include <mail/sent.h>

#include <base/hash.h>
#include <mail/record.h>
#include <mail/report.h>
#include <stdio.h>
#include <stdlib.h>
#include <trust/certificate.h>

#define PREFIX "t:"
#define VERSION 2 /* 1: without rights and objects */
#define KEEP_DAYS 90
#define RECIPIENTS_MAX 10000

const char *pp_sent_state_name(enum pp_sent_state state)
{
    static const char *const names[] = {"queued", "stored", "failed", "expired", "fetched"};
    return names[state];
}

static void note_key(char out[128], const char *name)
{
    snprintf(out, 128, PREFIX "%.100s", name);
}

void pp_sent_finish(struct pp_sent *sent)
{
    for (size_t i = 0; i < sent->n; i++) {
        pp_buf_free(&sent->recipients[i].address);
        pp_buf_free(&sent->recipients[i].right);
    }
    for (size_t i = 0; i < sent->n_objects; i++) {
        pp_buf_free(&sent->objects[i].have);
    }
    free(sent->objects);
    free(sent->recipients);
    pp_buf_free(&sent->subject);
    *sent = (struct pp_sent){0};
}

/* --- reading and writing ------------------------------------------------------------------- */

static void read_text(struct pp_reader *r, char *out, size_t cap)
{
    struct pp_bytes text = pp_reads(r);
    snprintf(out, cap, "%.*s", (int)(text.len < cap ? text.len : cap - 1),
             text.len ? (const char *)text.data : "");
}

static void read_recipient(struct pp_reader *r, struct pp_sent_recipient *to, uint8_t version)
{
    pp_reads_buf(r, &to->address);
    read_text(r, to->object, sizeof to->object);
    pp_reads_fixed(r, to->keyid, sizeof to->keyid);
    uint8_t state = pp_read8(r);
    r->failed |= state > PP_SENT_FETCHED;
    to->state = state <= PP_SENT_FETCHED ? state : PP_SENT_QUEUED;
    to->copies = pp_read32(r);
    to->wanted = pp_read32(r);
    to->unknown = pp_read8(r);
    read_text(r, to->why, sizeof to->why);
    if (version > 1) {
        pp_reads_buf(r, &to->right);
    }
}

static int read_objects(struct pp_reader *r, struct pp_sent *sent)
{
    uint32_t n = pp_read32(r);
    sent->objects = r->failed || n > RECIPIENTS_MAX ? NULL : calloc(n + 1, sizeof *sent->objects);
    if (!sent->objects) {
        return r->failed || n > RECIPIENTS_MAX ? PP_MALFORMED : PP_NOMEM;
    }
    for (; sent->n_objects < n && !r->failed; sent->n_objects++) {
        struct pp_sent_object *o = &sent->objects[sent->n_objects];
        read_text(r, o->id, sizeof o->id);
        o->size = pp_read64(r);
        pp_reads_fixed(r, o->digest, sizeof o->digest);
        pp_reads_buf(r, &o->have);
    }
    return PP_OK;
}

static int read_note(struct pp_sent *sent, struct pp_bytes value)
{
    struct pp_reader r = pp_reader(value);
    uint8_t version = pp_read8(&r);
    sent->created = (int64_t)pp_read64(&r);
    sent->life = pp_read64(&r);
    sent->looked = (int64_t)pp_read64(&r);
    sent->reported = pp_read8(&r);
    pp_reads_buf(&r, &sent->subject);
    uint32_t n = pp_read32(&r);
    if (r.failed || version < 1 || version > VERSION || n > RECIPIENTS_MAX) {
        return PP_MALFORMED;
    }
    sent->recipients = calloc(n ? n : 1, sizeof *sent->recipients);
    if (!sent->recipients) {
        return PP_NOMEM;
    }
    for (; sent->n < n && !r.failed; sent->n++) {
        read_recipient(&r, &sent->recipients[sent->n], version);
    }
    int rc = version > 1 ? read_objects(&r, sent) : PP_OK;
    return rc != PP_OK ? rc : r.failed || pp_reader_left(&r) ? PP_MALFORMED : PP_OK;
}

int pp_sent_recall(struct pp_mail *mail, const char *name, struct pp_sent *sent)
{
    struct pp_buf value = {0};
    char key[128];
    note_key(key, name);
    int rc = pp_mail_recall(mail, pp_str(key), &value);
    rc = rc == PP_OK ? read_note(sent, pp_buf_bytes(&value)) : rc;
    pp_buf_free(&value);
    return rc;
}

int pp_sent_note(struct pp_mail *mail, const char *name, const struct pp_sent *sent,
                 struct pp_act *act, uint64_t token)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct pp_buf value = {0};
    char key[128];
    note_key(key, name);
    pp_record_u8(&value, VERSION);
    pp_record_u64(&value, (uint64_t)sent->created);
    pp_record_u64(&value, sent->life);
    pp_record_u64(&value, (uint64_t)sent->looked);
    pp_record_u8(&value, sent->reported);
    pp_record_bytes(&value, pp_buf_bytes(&sent->subject));
    pp_record_u32(&value, (uint32_t)sent->n);
    for (size_t i = 0; i < sent->n; i++) {
        const struct pp_sent_recipient *to = &sent->recipients[i];
        pp_record_bytes(&value, pp_buf_bytes(&to->address));
        pp_record_bytes(&value, pp_str(to->object));
        pp_record_fixed(&value, to->keyid, sizeof to->keyid);
        pp_record_u8(&value, (uint8_t)to->state);
        pp_record_u32(&value, to->copies);
        pp_record_u32(&value, to->wanted);
        pp_record_u8(&value, to->unknown);
        pp_record_bytes(&value, pp_str(to->why));
        pp_record_bytes(&value, pp_buf_bytes(&to->right));
    }
    pp_record_u32(&value, (uint32_t)sent->n_objects);
    for (size_t i = 0; i < sent->n_objects; i++) {
        const struct pp_sent_object *o = &sent->objects[i];
        pp_record_bytes(&value, pp_str(o->id));
        pp_record_u64(&value, o->size);
        pp_record_fixed(&value, o->digest, sizeof o->digest);
        pp_record_bytes(&value, pp_buf_bytes(&o->have));
    }
    int rc = value.failed ? PP_NOMEM : PP_OK;
    if (rc == PP_OK) {
        net->ops->note(net->impl, act, pp_str(key), pp_buf_bytes(&value), token);
    }
    pp_buf_free(&value);
    return rc;
}

/* --- all of them --------------------------------------------------------------------------- */

struct listing {
    struct pp_sent_list *list;
    size_t cap;
};

static int add_entry(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct listing *l = ctx;
    struct pp_sent_list *list = l->list;
    if (list->n == l->cap) {
        size_t cap = l->cap ? 2 * l->cap : 64;
        struct pp_sent_entry *grown = realloc(list->entries, cap * sizeof *grown);
        if (!grown) {
            return PP_NOMEM;
        }
        list->entries = grown;
        l->cap = cap;
    }
    struct pp_sent_entry *e = &list->entries[list->n];
    *e = (struct pp_sent_entry){.name = ""};
    snprintf(e->name, sizeof e->name, "%.*s", (int)key.len - 2, (const char *)key.data + 2);
    if (read_note(&e->sent, value) == PP_OK) {
        list->n++;
    } else {
        pp_sent_finish(&e->sent);
    }
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct pp_sent_entry *x = a, *y = b;
    int order = (x->sent.created < y->sent.created) - (x->sent.created > y->sent.created);
    return order ? order : strcmp(x->name, y->name);
}

int pp_sent_list(struct pp_mail *mail, struct pp_sent_list *list)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct listing l = {.list = list};
    *list = (struct pp_sent_list){.n = 0};
    int rc = net->ops->replay(net->impl, pp_str(PREFIX), add_entry, &l);
    if (rc != PP_OK) {
        pp_sent_list_finish(list);
    } else if (list->n) {
        qsort(list->entries, list->n, sizeof *list->entries, newest_first);
    }
    return rc;
}

void pp_sent_list_finish(struct pp_sent_list *list)
{
    for (size_t i = 0; i < list->n; i++) {
        pp_sent_finish(&list->entries[i].sent);
    }
    free(list->entries);
    *list = (struct pp_sent_list){.n = 0};
}

/* --- from a pass --------------------------------------------------------------------------- */

static unsigned least(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

static void take_object(struct pp_sent_recipient *to, struct pp_job_recipient *r,
                        const struct pp_job_group *g)
{
    if (strcmp(to->object, g->id) != 0 && pp_job_right(r) == PP_OK) {
        snprintf(to->object, sizeof to->object, "%s", g->id);
        pp_sha256(to->keyid, pp_buf_bytes(&r->right));
        to->right.len = 0;
        pp_buf_add(&to->right, r->right.data, r->right.len);
    }
}

static void take_progress(struct pp_sent_recipient *to, const struct pp_job *job,
                          struct pp_job_recipient *r, bool gave_up)
{
    if (r->state == PP_R_GROUPED) {
        const struct pp_job_group *g = &job->groups[r->group];
        unsigned body = g->gone ? g->wanted : pp_ids_count(&g->have);
        unsigned copies = least(body, pp_ids_count(&r->have));
        bool stored = g->wanted && r->wanted && body >= pp_min_copies(g->wanted) &&
                      pp_ids_count(&r->have) >= pp_min_copies(r->wanted);
        take_object(to, r, g);
        to->wanted = least(g->wanted, r->wanted);
        copies = least(copies, to->wanted); /* more where farther nodes stood in */
        to->copies = copies > to->copies ? copies : to->copies;
        if (stored && to->state < PP_SENT_STORED) {
            to->state = PP_SENT_STORED;
        }
    }
    snprintf(to->why, sizeof to->why, "%s", to->state >= PP_SENT_STORED ? "" : r->why);
    if (gave_up && to->state < PP_SENT_STORED) {
        to->state = PP_SENT_FAILED;
    }
}

struct pp_sent_object *pp_sent_object(const struct pp_sent *sent, const char *id)
{
    for (size_t i = 0; i < sent->n_objects; i++) {
        if (strcmp(sent->objects[i].id, id) == 0) {
            return &sent->objects[i];
        }
    }
    return NULL;
}

/* The job's objects as they are now: one that started over has another id. */
static bool take_objects(struct pp_sent *sent, const struct pp_job *job)
{
    struct pp_sent_object *fresh = calloc(job->n_groups + 1, sizeof *fresh);
    for (size_t i = 0; fresh && i < job->n_groups; i++) {
        const struct pp_job_group *g = &job->groups[i];
        struct pp_sent_object *o = &fresh[i];
        snprintf(o->id, sizeof o->id, "%s", g->id);
        o->size = g->size;
        memcpy(o->digest, g->digest, sizeof o->digest);
        pp_buf_add(&o->have, g->have.data, g->have.len);
    }
    for (size_t i = 0; fresh && i < sent->n_objects; i++) {
        pp_buf_free(&sent->objects[i].have);
    }
    if (fresh) {
        free(sent->objects);
        sent->objects = fresh;
        sent->n_objects = job->n_groups;
    }
    return fresh != NULL;
}

/* The same recipients in the same order as the job's. */
static bool fit(struct pp_sent *sent, const struct pp_job *job)
{
    if (sent->n > job->n_recipients) {
        return false;
    }
    struct pp_sent_recipient *grown =
        realloc(sent->recipients, (job->n_recipients + 1) * sizeof *grown);
    if (!grown) {
        return false;
    }
    sent->recipients = grown;
    for (; sent->n < job->n_recipients; sent->n++) {
        struct pp_sent_recipient *to = &sent->recipients[sent->n];
        const struct pp_buf *address = &job->recipients[sent->n].address;
        *to = (struct pp_sent_recipient){0};
        pp_buf_add(&to->address, address->data, address->len);
    }
    return true;
}

void pp_sent_update(struct pp_mail *mail, const char *name, struct pp_job *job,
                    struct pp_bytes subject, bool gave_up)
{
    struct pp_sent sent = {0};
    int rc = pp_sent_recall(mail, name, &sent);
    if (rc == PP_NOT_FOUND) {
        sent.created = job->created;
        sent.life = pp_mail_is(mail)->life;
        pp_buf_add(&sent.subject, subject.data, subject.len);
    }
    if ((rc == PP_OK || rc == PP_NOT_FOUND) && fit(&sent, job) && take_objects(&sent, job)) {
        for (size_t i = 0; i < sent.n; i++) {
            take_progress(&sent.recipients[i], job, &job->recipients[i], gave_up);
        }
        pp_sent_note(mail, name, &sent, NULL, 0);
    }
    pp_sent_finish(&sent);
}

bool pp_sent_is_open(const struct pp_sent *sent)
{
    for (size_t i = 0; i < sent->n; i++) {
        if (sent->recipients[i].state == PP_SENT_STORED) {
            return true;
        }
    }
    return false;
}

/* --- old records --------------------------------------------------------------------------- */

struct sweep {
    struct pp_mail *mail;
    int64_t before;
    struct pp_buf keys;
};

static int sweep_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct sweep *s = ctx;
    struct pp_reader r = pp_reader(value);
    char name[128];
    pp_read8(&r); /* the version */
    int64_t created = (int64_t)pp_read64(&r);
    pp_read64(&r);
    pp_read64(&r);
    bool reported = pp_read8(&r);
    if (r.failed || created < s->before) {
        pp_record_bytes(&s->keys, key);
    } else if (reported) {
        snprintf(name, sizeof name, "%.*s", (int)key.len - 2, (const char *)key.data + 2);
        pp_report_expired_settle(s->mail, name);
    }
    return 0;
}

void pp_sent_sweep(struct pp_mail *mail)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct sweep s = {.mail = mail, .before = pp_mail_seconds(mail) - (int64_t)KEEP_DAYS * 86400};
    net->ops->replay(net->impl, pp_str(PREFIX), sweep_one, &s);
    pp_mail_forget(mail, &s.keys);
}
