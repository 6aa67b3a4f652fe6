/* A few sorted lists as a member's tables; see tables.h. */
#include <common/member.h>

size_t pp_tables_entries(const struct pp_member *m, const struct pp_id *id,
                         struct pp_entry *out[PP_TABLES_MAX])
{
    struct pp_table t[PP_TABLES_MAX];
    size_t n = m->ops->tables(m, t), found = 0;
    for (size_t i = 0; i < n; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, id);
        if (at >= 0) {
            out[found++] = &t[i].set->at[at];
        }
    }
    return found;
}

struct pp_entry *pp_tables_entry(const struct pp_member *m, const struct pp_id *id)
{
    struct pp_entry *all[PP_TABLES_MAX];
    return pp_tables_entries(m, id, all) ? all[0] : NULL;
}

size_t pp_tables_known(const struct pp_member *m)
{
    struct pp_table t[PP_TABLES_MAX];
    size_t n = m->ops->tables(m, t), known = 0;
    for (size_t i = 0; i < n; i++) {
        known += t[i].set->n;
    }
    return known;
}

size_t pp_tables_peers(const struct pp_member *m, struct pp_peer *out, size_t cap)
{
    struct pp_table t[PP_TABLES_MAX];
    size_t n = m->ops->tables(m, t), got = 0;
    for (size_t i = 0; i < n; i++) {
        got += pp_peerset_peers(t[i].set, out + got, cap - got);
    }
    return got;
}

void pp_tables_free(struct pp_member *m)
{
    struct pp_table t[PP_TABLES_MAX];
    size_t n = m->ops->tables(m, t);
    for (size_t i = 0; i < n; i++) {
        pp_peerset_free(t[i].set);
    }
}

unsigned pp_tables_remove(struct pp_member *m, const struct pp_id *id)
{
    struct pp_table t[PP_TABLES_MAX];
    size_t n = m->ops->tables(m, t);
    unsigned held = 0;
    for (size_t i = 0; i < n; i++) {
        int at = pp_peerset_find(t[i].set, &t[i].order, id);
        if (at >= 0) {
            pp_peerset_remove(t[i].set, (size_t)at);
            held |= 1u << i;
        }
    }
    return held;
}
