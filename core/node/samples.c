/* A node's probe objects and what came back of them; see samples.h. */
#include <node/samples.h>

#include <base/persistence.h>

void node_samples_add(struct node_samples *s, const struct node_sample *sample)
{
    if (s->n < NODE_SAMPLES_MAX) {
        s->sample[s->n++] = *sample;
        return;
    }
    s->sample[s->next] = *sample;
    s->next = (s->next + 1) % NODE_SAMPLES_MAX;
}

struct node_sample *node_samples_due(struct node_samples *s, pp_ns before, pp_ns now, pp_ns life)
{
    struct node_sample *due = NULL;
    for (size_t i = 0; i < s->n; i++) {
        struct node_sample *one = &s->sample[i];
        if (one->n && one->stored + life <= now) {
            one->n = 0; /* its holders may have forgotten it by right */
        }
        if (one->n && one->asked < before && (!due || one->asked < due->asked)) {
            due = one;
        }
    }
    return due;
}

void node_samples_count(struct node_samples *s, uint64_t day, bool good)
{
    size_t at = day % NODE_SAMPLES_DAYS;
    if (s->days[at].day != day) {
        s->days[at].day = day;
        s->days[at].asked = s->days[at].good = 0;
    }
    s->days[at].asked++;
    s->days[at].good += good;
}

void node_samples_estimate(const struct node_samples *s, uint64_t day, double target,
                           unsigned operations, struct node_estimate *out)
{
    *out = (struct node_estimate){0};
    for (size_t i = 0; i < NODE_SAMPLES_DAYS; i++) {
        if (s->days[i].day + NODE_SAMPLES_DAYS > day && s->days[i].day <= day) {
            out->asked += s->days[i].asked;
            out->good += s->days[i].good;
        }
    }
    for (size_t i = 0; i < s->n; i++) {
        out->samples += s->sample[i].n > 0;
    }
    out->p = pp_up_share(out->good, out->asked);
    if (out->asked >= NODE_ESTIMATE_ENOUGH) {
        out->copies = pp_copies_needed(out->p, target, operations, PP_K_MAX);
    }
}
