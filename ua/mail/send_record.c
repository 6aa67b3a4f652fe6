/*
 * The records of messages in the queue: the note "s:<name>" read, and forgotten a week after its
 * message left. It must not know how a pass works.
 */
#include <mail/send_pass.h>

#include <mail/record.h>

#define FINISHED_DAYS 7

void pp_send_job_key(struct pp_buf *out, const char *name)
{
    pp_buf_add_str(out, "s:");
    pp_buf_add_str(out, name);
}

int pp_send_recall(struct pp_mail *mail, const char *name, struct pp_job *job)
{
    struct pp_buf key = {0}, value = {0};
    *job = (struct pp_job){0};
    pp_send_job_key(&key, name);
    int rc = pp_mail_recall(mail, pp_buf_bytes(&key), &value);
    rc = rc == PP_OK ? pp_job_read(job, pp_buf_bytes(&value)) : rc;
    pp_buf_free(&key);
    pp_buf_wipe(&value);
    return rc;
}

int64_t pp_send_due(struct pp_mail *mail, const char *name)
{
    struct pp_job job;
    if (pp_send_recall(mail, name, &job) != PP_OK) {
        return 0;
    }
    int64_t due = job.finished ? 0 : job.next_try;
    pp_job_finish(&job);
    return due;
}

struct sweep {
    struct pp_mail *mail;
    struct pp_buf keys; /* each with its length */
};

static int sweep_one(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct sweep *s = ctx;
    struct pp_job job;
    if (pp_job_read(&job, value) == PP_OK) {
        if (job.finished && job.created + FINISHED_DAYS * 86400 < pp_mail_seconds(s->mail)) {
            pp_record_bytes(&s->keys, key);
        }
        pp_job_finish(&job);
    }
    return 0;
}

void pp_send_sweep(struct pp_mail *mail)
{
    const struct pp_mailnet *net = &pp_mail_is(mail)->net;
    struct sweep s = {.mail = mail};
    net->ops->replay(net->impl, pp_str("s:"), sweep_one, &s);
    pp_mail_forget(mail, &s.keys);
}
