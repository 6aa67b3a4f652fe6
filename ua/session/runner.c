/*
 * Passes over the queue; see runner.h. It must not know why it runs.
 */
#include <session/runner.h>

#include <box/spool.h>
#include <stdio.h>
#include <stdlib.h>

#define PARALLEL 8

struct runner_slot {
    struct runner *runner;
    struct pp_send *send;
    char name[80];
};

static void fill(struct runner *r);

static void done(void *ctx, int code, bool finished, const struct pp_job_progress *p,
                 const char *why)
{
    struct runner_slot *slot = ctx;
    struct runner *r = slot->runner;
    struct runner_result result = {.code = code, .finished = finished, .progress = *p};
    snprintf(result.name, sizeof result.name, "%s", slot->name);
    snprintf(result.why, sizeof result.why, "%s", why);
    slot->send = NULL;
    r->active--;
    if (r->first && strcmp(slot->name, r->first) == 0) {
        r->last = result;
        r->one_done = true;
    }
    if (r->told) {
        r->told(r->ctx, &result);
    }
    fill(r);
}

static void changed(void *ctx, const struct pp_job_progress *p)
{
    struct runner_slot *slot = ctx;
    if (slot->runner->changed) {
        slot->runner->changed(slot->runner->ctx, slot->name, p);
    }
}

static const struct pp_send_events events = {.changed = changed, .done = done};

static void start(struct runner *r, const char *name)
{
    for (size_t i = 0; i < PARALLEL; i++) {
        struct runner_slot *slot = &r->slots[i];
        if (!slot->send) {
            slot->runner = r;
            snprintf(slot->name, sizeof slot->name, "%s", name);
            slot->send = pp_send_start(session_mail(r->session), name, &events, slot);
            r->active += slot->send != NULL;
            return;
        }
    }
}

static void fill(struct runner *r)
{
    while (r->active < PARALLEL && r->next_name < r->n_names) {
        char *name = r->names[r->next_name++];
        start(r, name);
        free(name);
    }
    if (r->next_name == r->n_names) {
        r->n_names = r->next_name = 0;
    }
    r->idle = !r->active;
}

static int add(struct runner *r, const char *name)
{
    char **grown = realloc(r->names, (r->n_names + 1) * sizeof *grown);
    if (!grown) {
        return PP_NOMEM;
    }
    r->names = grown;
    grown[r->n_names] = strdup(name);
    return grown[r->n_names] ? (r->n_names++, PP_OK) : PP_NOMEM;
}

static bool is_known(const struct runner *r, const char *name)
{
    for (size_t i = 0; i < PARALLEL; i++) {
        if (r->slots[i].send && strcmp(r->slots[i].name, name) == 0) {
            return true;
        }
    }
    for (size_t i = r->next_name; i < r->n_names; i++) {
        if (strcmp(r->names[i], name) == 0) {
            return true;
        }
    }
    return false;
}

struct due {
    struct runner *runner;
    bool force;
    int64_t next; /* of those that are not due */
};

/* Objects of a message are NAME.0, NAME.1 ..; the message itself has no dot. */
static int add_due(void *ctx, const char *name)
{
    struct due *d = ctx;
    struct runner *r = d->runner;
    if (strchr(name, '.') || strlen(name) >= 80 || is_known(r, name)) {
        return 0;
    }
    struct pp_mail *mail = session_mail(r->session);
    int64_t due = d->force ? 0 : pp_send_due(mail, name);
    if (due <= pp_mail_seconds(mail)) {
        return add(r, name);
    }
    d->next = due < d->next ? due : d->next;
    return 0;
}

void runner_add(struct runner *r, const char *name)
{
    if (r->slots && strlen(name) < 80 && !is_known(r, name)) {
        add(r, name);
        fill(r);
    }
}

int64_t runner_scan(struct runner *r)
{
    struct due d = {r, false, INT64_MAX};
    if (r->slots) {
        pp_spool_each(session_spool(r->config), add_due, &d);
        fill(r);
    }
    return d.next;
}

void runner_start(struct runner *r, struct session *session, struct pp_config *config,
                  const char *first, bool only, bool force)
{
    r->session = session;
    r->config = config;
    r->first = first;
    r->slots = calloc(PARALLEL, sizeof *r->slots);
    struct due d = {r, force, INT64_MAX};
    if (!r->slots) {
        r->idle = true;
        return;
    }
    if (first) {
        add(r, first);
    }
    if (!only) {
        pp_spool_each(session_spool(config), add_due, &d);
    }
    fill(r);
}

void runner_drop(struct runner *r, struct session *session, struct pp_config *config,
                 const char *name)
{
    runner_start(r, session, config, name, true, true);
    if (r->slots && r->slots[0].send) {
        pp_send_drop(r->slots[0].send);
    }
}

static struct runner_slot *slot_of(const struct runner *r, const char *name)
{
    for (size_t i = 0; r->slots && i < PARALLEL; i++) {
        if (r->slots[i].send && strcmp(r->slots[i].name, name) == 0) {
            return &r->slots[i];
        }
    }
    return NULL;
}

bool runner_take_out(struct runner *r, const char *name)
{
    struct runner_slot *slot = slot_of(r, name);
    if (!slot && r->slots && r->active < PARALLEL) {
        start(r, name);
        slot = slot_of(r, name);
    }
    if (slot) {
        pp_send_drop(slot->send);
    }
    return slot != NULL;
}

void runner_stop(struct runner *r)
{
    for (size_t i = 0; r->slots && i < PARALLEL; i++) {
        pp_send_cancel(r->slots[i].send);
    }
    for (size_t i = r->next_name; i < r->n_names; i++) {
        free(r->names[i]);
    }
    free(r->names);
    free(r->slots);
    *r = (struct runner){0};
}

bool runner_progress(const struct runner *r, struct pp_job_progress *p)
{
    struct runner_slot *slot = r->first ? slot_of(r, r->first) : NULL;
    if (slot) {
        pp_send_progress(slot->send, p);
    }
    return slot != NULL;
}
