/*
 * The durable record of a message on its way; see job.h. It must not know how it gets there.
 */
#include <mail/job.h>

#include <mail/record.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <trust/certificate.h>

#define JOB_VERSION 2
#define JOB_VERSION_FIRST 1 /* had no inboxes */

struct pp_job_group *pp_job_add_group(struct pp_job *job)
{
    struct pp_job_group *grown = realloc(job->groups, (job->n_groups + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    job->groups = grown;
    grown[job->n_groups] = (struct pp_job_group){0};
    return &grown[job->n_groups++];
}

struct pp_job_recipient *pp_job_add_recipient(struct pp_job *job)
{
    struct pp_job_recipient *grown =
        realloc(job->recipients, (job->n_recipients + 1) * sizeof *grown);
    if (!grown) {
        return NULL;
    }
    job->recipients = grown;
    grown[job->n_recipients] = (struct pp_job_recipient){0};
    return &grown[job->n_recipients++];
}

void pp_job_finish(struct pp_job *job)
{
    for (size_t i = 0; i < job->n_groups; i++) {
        pp_buf_free(&job->groups[i].asked);
        pp_buf_free(&job->groups[i].have);
        OPENSSL_cleanse(job->groups[i].key, sizeof job->groups[i].key);
    }
    for (size_t i = 0; i < job->n_recipients; i++) {
        pp_buf_free(&job->recipients[i].address);
        pp_buf_free(&job->recipients[i].inbox);
        pp_buf_free(&job->recipients[i].have);
        pp_buf_free(&job->recipients[i].right);
        OPENSSL_cleanse(job->recipients[i].seed, sizeof job->recipients[i].seed);
    }
    pp_buf_free(&job->from);
    free(job->groups);
    free(job->recipients);
    *job = (struct pp_job){0};
}

static void write_group(struct pp_buf *out, const struct pp_job_group *g)
{
    pp_record_bytes(out, pp_str(g->id));
    pp_record_u8(out, (uint8_t)(g->bcc | g->sealed << 1 | g->gone << 2));
    pp_record_fixed(out, g->key, sizeof g->key);
    pp_record_fixed(out, g->digest, sizeof g->digest);
    pp_record_u64(out, g->size);
    pp_record_u32(out, g->wanted);
    pp_record_bytes(out, pp_buf_bytes(&g->asked));
    pp_record_bytes(out, pp_buf_bytes(&g->have));
    pp_record_bytes(out, pp_str(g->why));
}

static void write_recipient(struct pp_buf *out, const struct pp_job_recipient *r)
{
    pp_record_bytes(out, pp_buf_bytes(&r->address));
    pp_record_u8(out, (uint8_t)(r->bcc | r->sealed << 1));
    pp_record_u8(out, (uint8_t)r->state);
    pp_record_u32(out, r->group);
    pp_record_fixed(out, r->seed, sizeof r->seed);
    pp_record_u32(out, r->wanted);
    pp_record_bytes(out, pp_buf_bytes(&r->have));
    pp_record_bytes(out, pp_str(r->why));
    pp_record_bytes(out, pp_buf_bytes(&r->inbox));
}

int pp_job_write(struct pp_buf *out, const struct pp_job *job)
{
    pp_record_u8(out, JOB_VERSION);
    pp_record_u8(out, job->finished);
    pp_record_u64(out, (uint64_t)job->created);
    pp_record_u64(out, (uint64_t)job->next_try);
    pp_record_u32(out, job->attempts);
    pp_record_bytes(out, pp_buf_bytes(&job->from));
    pp_record_u32(out, (uint32_t)job->n_groups);
    for (size_t i = 0; i < job->n_groups; i++) {
        write_group(out, &job->groups[i]);
    }
    pp_record_u32(out, (uint32_t)job->n_recipients);
    for (size_t i = 0; i < job->n_recipients; i++) {
        write_recipient(out, &job->recipients[i]);
    }
    return out->failed ? PP_NOMEM : PP_OK;
}

static void read_text(struct pp_reader *r, char *out, size_t cap)
{
    struct pp_bytes text = pp_reads(r);
    size_t len = text.len < cap ? text.len : cap - 1;
    if (len) {
        memcpy(out, text.data, len);
    }
    out[len] = '\0';
}

static void read_group(struct pp_reader *r, struct pp_job_group *g)
{
    read_text(r, g->id, sizeof g->id);
    uint8_t flags = pp_read8(r);
    g->bcc = flags & 1;
    g->sealed = flags & 2;
    g->gone = flags & 4;
    pp_reads_fixed(r, g->key, sizeof g->key);
    pp_reads_fixed(r, g->digest, sizeof g->digest);
    g->size = pp_read64(r);
    g->wanted = pp_read32(r);
    pp_reads_buf(r, &g->asked);
    pp_reads_buf(r, &g->have);
    read_text(r, g->why, sizeof g->why);
}

static void read_recipient(struct pp_reader *r, uint8_t version, struct pp_job_recipient *to)
{
    pp_reads_buf(r, &to->address);
    uint8_t flags = pp_read8(r), state = pp_read8(r);
    to->bcc = flags & 1;
    to->sealed = flags & 2;
    r->failed |= state > PP_R_GROUPED;
    to->state = r->failed ? PP_R_WAITING : (enum pp_recipient_state)state;
    to->group = pp_read32(r);
    pp_reads_fixed(r, to->seed, sizeof to->seed);
    to->wanted = pp_read32(r);
    pp_reads_buf(r, &to->have);
    read_text(r, to->why, sizeof to->why);
    if (version > JOB_VERSION_FIRST) {
        pp_reads_buf(r, &to->inbox);
    }
}

int pp_job_read(struct pp_job *job, struct pp_bytes in)
{
    struct pp_reader r = pp_reader(in);
    *job = (struct pp_job){0};
    uint8_t version = pp_read8(&r);
    r.failed |= version < JOB_VERSION_FIRST || version > JOB_VERSION;
    job->finished = pp_read8(&r);
    job->created = (int64_t)pp_read64(&r);
    job->next_try = (int64_t)pp_read64(&r);
    job->attempts = pp_read32(&r);
    pp_reads_buf(&r, &job->from);
    for (uint32_t n = pp_read32(&r); n && !r.failed; n--) {
        struct pp_job_group *g = pp_job_add_group(job);
        if (g) {
            read_group(&r, g);
        }
        r.failed |= !g;
    }
    for (uint32_t n = pp_read32(&r); n && !r.failed; n--) {
        struct pp_job_recipient *to = pp_job_add_recipient(job);
        if (to) {
            read_recipient(&r, version, to);
            r.failed |= to->state == PP_R_GROUPED && to->group >= job->n_groups;
        }
        r.failed |= !to;
    }
    if (r.failed) {
        pp_job_finish(job);
        return PP_MALFORMED;
    }
    return PP_OK;
}

int pp_job_right(struct pp_job_recipient *r)
{
    struct pp_certificate *c = NULL;
    EVP_PKEY *key = NULL;
    int rc = r->right.len ? PP_OK : pp_capability(r->seed, &key, &c);
    if (c) {
        rc = pp_buf_add(&r->right, c->der.data, c->der.len);
    }
    EVP_PKEY_free(key);
    pp_certificate_free(c);
    return rc;
}

bool pp_ids_have(const struct pp_buf *ids, const struct pp_id *id)
{
    for (size_t at = 0; at + PP_ID_LEN <= ids->len; at += PP_ID_LEN) {
        if (memcmp(ids->data + at, id->b, PP_ID_LEN) == 0) {
            return true;
        }
    }
    return false;
}

void pp_ids_add(struct pp_buf *ids, const struct pp_id *id)
{
    if (!pp_ids_have(ids, id)) {
        pp_buf_add(ids, id->b, PP_ID_LEN);
    }
}

/* Folds one thing with `have` of `wanted` copies into the whole. */
static void fold(struct pp_job_progress *p, unsigned have, unsigned wanted)
{
    have = wanted && have > wanted ? wanted : have;
    p->sent &= wanted && have >= wanted / 2 + 1;
    p->complete &= wanted && have >= wanted;
    if (have < p->copies) {
        p->copies = have;
        p->wanted = wanted ? wanted : p->wanted;
    }
}

void pp_job_progress(const struct pp_job *job, unsigned k, struct pp_job_progress *p)
{
    *p =
        (struct pp_job_progress){.copies = UINT32_MAX, .wanted = k, .sent = true, .complete = true};
    for (size_t i = 0; i < job->n_recipients; i++) {
        const struct pp_job_recipient *r = &job->recipients[i];
        p->unknown += r->state == PP_R_UNKNOWN;
        p->held += r->state == PP_R_HELD;
        p->waiting += r->state == PP_R_WAITING;
        if (r->state != PP_R_GROUPED) {
            p->copies = 0;
            p->sent = p->complete = false;
            continue;
        }
        const struct pp_job_group *g = &job->groups[r->group];
        fold(p, pp_ids_count(&r->have), r->wanted);
        if (!g->gone) {
            fold(p, pp_ids_count(&g->have), g->wanted);
        }
    }
    if (p->copies == UINT32_MAX) {
        p->copies = 0;
    }
    p->wanted = p->wanted < p->copies ? p->copies : p->wanted;
}
