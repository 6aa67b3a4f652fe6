/* Sorted nodes; see census.h. */
#include <common/census.h>

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
