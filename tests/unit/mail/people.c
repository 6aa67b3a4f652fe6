/* Users of the fake world; see people.h. */
#include "people.h"

#include <stdio.h>

void world_init(struct world *w, size_t nodes)
{
    identities_init(&w->ids);
    w->nodes = fake_create(nodes);
}

void world_finish(struct world *w)
{
    fake_destroy(w->nodes);
    identities_finish(&w->ids);
}

void person_boot(struct person *p)
{
    p->mail = pp_mail_create(&p->options);
    CHECK_FATAL(p->mail != NULL);
    pp_send_sweep(p->mail);
    pp_read_sweep(p->mail);
}

void person_halt(struct person *p)
{
    pp_mail_destroy(p->mail);
    p->mail = NULL;
    fake_reboot(p->net);
}

void person_init(struct person *p, struct world *w, const char *address)
{
    *p = (struct person){.address = address};
    p->net = fake_create(0);
    free(p->net->nodes);
    p->net->nodes = w->nodes->nodes;
    p->net->n_nodes = w->nodes->n_nodes;
    p->net->wall_base = IDENTITIES_WALL;
    p->certificate = identities_user(&w->ids, address, &p->key);
    CHECK_FATAL(pp_authority_load(&p->authority, w->ids.ca_file, NULL, false, NULL) == 0);
    pp_mail_options_default(&p->options);
    p->options.net = fake_mailnet(p->net);
    p->options.address = pp_str(address);
    p->options.certificates = &p->certificate;
    p->options.keys = &p->key;
    p->options.n_keys = 1;
    p->options.authority = p->authority;
    person_boot(p);
}

void person_finish(struct person *p)
{
    person_halt(p);
    p->net->nodes = NULL;
    p->net->n_nodes = 0;
    fake_destroy(p->net);
    pp_authority_free(p->authority);
    pp_certificate_free(p->certificate);
    EVP_PKEY_free(p->key);
}

static void published(void *ctx, int code, unsigned copies, unsigned wanted, const char *why)
{
    struct person *p = ctx;
    (void)wanted;
    p->done = true;
    p->code = code;
    p->copies = copies;
    snprintf(p->why, sizeof p->why, "%s", why);
}

void person_publish(struct person *p)
{
    p->done = false;
    CHECK_FATAL(pp_publish_start(p->mail, published, p) != NULL);
    fake_run(p->net, &p->done, PP_HOUR);
}

void person_spool(struct person *p, const char *name, const char *message,
                  const char *const *recipients)
{
    struct pp_envelope e = {.created = (int64_t)((p->net->wall_base + p->net->mono) / PP_SECOND)};
    struct pp_buf b = {0};
    pp_buf_add_str(&e.from, p->address);
    for (; *recipients; recipients++) {
        bool bcc = **recipients == '*';
        pp_envelope_add(&e, pp_str(*recipients + bcc), bcc);
    }
    pp_envelope_write(&b, &e);
    pp_buf_add_str(&b, message);
    fake_spool(p->net, name, pp_buf_bytes(&b));
    pp_buf_free(&b);
    pp_envelope_finish(&e);
}

static void sent(void *ctx, int code, bool finished, const struct pp_job_progress *progress,
                 const char *why)
{
    struct person *p = ctx;
    p->done = true;
    p->code = code;
    p->finished = finished;
    p->progress = *progress;
    snprintf(p->why, sizeof p->why, "%s", why);
}

bool person_pass(struct person *p, const char *name)
{
    static const struct pp_send_events events = {.done = sent};
    p->done = false;
    struct pp_send *send = pp_send_start(p->mail, name, &events, p);
    CHECK_FATAL(send != NULL);
    if (!fake_run(p->net, &p->done, PP_HOUR)) {
        pp_send_cancel(send);
    }
    return p->done && !p->net->killed;
}

static void letter(void *ctx, const struct pp_letter_info *info)
{
    struct person *p = ctx;
    p->letter = info->end;
    snprintf(p->letter_why, sizeof p->letter_why, "%s", info->why);
    snprintf(p->signature, sizeof p->signature, "%s", info->signature);
}

static void fetched(void *ctx, const struct pp_read_result *result)
{
    struct person *p = ctx;
    p->done = true;
    p->read = *result;
}

bool person_fetch(struct person *p, const struct pp_read_options *options)
{
    static const struct pp_read_events events = {letter, fetched};
    static const struct pp_read_options none;
    p->done = false;
    struct pp_read *read = pp_read_start(p->mail, options ? options : &none, &events, p);
    CHECK_FATAL(read != NULL);
    if (!fake_run(p->net, &p->done, PP_HOUR)) {
        pp_read_cancel(read);
    }
    return p->done && !p->net->killed;
}

void person_wait(struct person *p, pp_ns time)
{
    bool never = false;
    pp_ns until = p->net->mono + time;
    fake_run(p->net, &never, time);
    p->net->mono = until;
}
