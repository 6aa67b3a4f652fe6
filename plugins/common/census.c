/* Sorted nodes; see census.h. */
#include <common/census.h>
#include <common/report.h>

#include <stdlib.h>

static const struct pp_id *id_of(const struct pp_substrate_node *n)
{
    return &((const struct pp_agent *)n)->self.id;
}

static int by_id(const void *a, const void *b)
{
    const struct pp_substrate_node *const *x = a, *const *y = b;
    return pp_id_compare(id_of(*x), id_of(*y));
}

bool pp_census_take(struct pp_census *census, struct pp_substrate_node *const *nodes, size_t n)
{
    census->n = n;
    census->at = malloc((n + 1) * sizeof *census->at);
    if (!census->at) {
        return false;
    }
    memcpy(census->at, nodes, n * sizeof *census->at);
    qsort(census->at, n, sizeof *census->at, by_id);
    return true;
}

void pp_census_free(struct pp_census *census)
{
    free(census->at);
    *census = (struct pp_census){0};
}

const struct pp_peer *pp_census_peer(const struct pp_census *census, size_t index)
{
    return &((const struct pp_agent *)census->at[index])->self;
}

size_t pp_census_lower(const struct pp_census *census, const struct pp_id *id)
{
    size_t low = 0, high = census->n;
    while (low < high) {
        size_t middle = (low + high) / 2;
        if (pp_id_compare(id_of(census->at[middle]), id) < 0) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

void pp_census_range(const struct pp_census *census, const struct pp_id *low,
                     const struct pp_id *high, size_t *from, size_t *to)
{
    *from = pp_census_lower(census, low);
    *to = pp_census_lower(census, high);
    *to += *to < census->n && pp_id_equal(id_of(census->at[*to]), high);
}

void pp_census_fill(const struct pp_census *census, size_t at, size_t step,
                    const struct pp_table *table, pp_ns now)
{
    for (size_t i = 0; i < table->max && i + 1 < census->n; i++) {
        at = (at + step) % census->n;
        struct pp_entry entry = pp_entry_now(pp_census_peer(census, at), now);
        pp_peerset_insert(table->set, &table->order, table->max, &entry);
    }
}

size_t pp_census_check(const struct pp_census *census, size_t at, size_t step, const char *name,
                       const struct pp_table *table, const struct pp_sink *sink)
{
    char id[17], want[17];
    const struct pp_peerset *set = table->set;
    size_t length = census->n - 1 < table->max ? census->n - 1 : table->max;
    pp_short_id(id_of(census->at[at]), id);
    if (set->n != length) {
        pp_say(sink, "%s: %zu %ss, should be %zu", id, (size_t)set->n, name, length);
        return 1;
    }
    for (size_t i = 0; i < length; i++) {
        at = (at + step) % census->n;
        if (!pp_id_equal(&set->at[i].peer.id, id_of(census->at[at]))) {
            pp_say(sink, "%s: %s %zu should be %s", id, name, i,
                   pp_short_id(id_of(census->at[at]), want));
            return 1;
        }
    }
    return 0;
}

size_t pp_census_check_all(struct pp_substrate_node *const *nodes, size_t n,
                           size_t (*alone)(const struct pp_substrate_node *node,
                                           const struct pp_sink *sink),
                           size_t (*within)(const struct pp_census *census, size_t at,
                                            const struct pp_sink *sink),
                           const struct pp_sink *sink)
{
    struct pp_census census;
    size_t bad = 0;
    for (size_t i = 0; i < n; i++) {
        bad += alone(nodes[i], sink);
    }
    if (n < 2) {
        return bad;
    }
    if (!pp_census_take(&census, nodes, n)) {
        return bad + 1;
    }
    for (size_t i = 0; i < n; i++) {
        bad += within(&census, i, sink);
    }
    pp_census_free(&census);
    return bad;
}

void pp_census_arrange_all(struct pp_substrate_node *const *nodes, size_t n, pp_ns now,
                           void (*within)(const struct pp_census *census, size_t at, pp_ns now))
{
    struct pp_census census;
    if (!pp_census_take(&census, nodes, n)) {
        return;
    }
    for (size_t i = 0; i < n; i++) {
        within(&census, i, now);
    }
    pp_census_free(&census);
}
