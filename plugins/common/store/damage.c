/*
 * Damage met while serving: one file that cannot be read costs what it held, not the store. Readers
 * note it; the writer, before its next batch, puts the file aside and mends the rows, in a batch of
 * their own.
 */
#include "layout.h"

#include <stdlib.h>

#define DAMAGE_MAX 1000 /* noted at once; the rest is met again */

struct rows_damage {
    struct rows_damage *next;
    enum pp_kind kind;
    struct pp_name name;
};

static bool is_noted(const struct pp_store *s, enum pp_kind kind, const struct pp_name *name)
{
    size_t n = 0;
    for (const struct rows_damage *d = s->damage; d; d = d->next) {
        if ((d->kind == kind && memcmp(d->name.b, name->b, sizeof name->b) == 0) ||
            ++n >= DAMAGE_MAX) {
            return true;
        }
    }
    return false;
}

void rows_damaged(struct pp_store *s, enum pp_kind kind, const struct pp_name *name)
{
    struct rows_damage *d = malloc(sizeof *d);
    pthread_mutex_lock(&s->lock);
    if (d && !is_noted(s, kind, name)) {
        *d = (struct rows_damage){s->damage, kind, *name};
        s->damage = d;
        d = NULL;
        atomic_fetch_add(&s->damaged, 1);
    }
    pthread_mutex_unlock(&s->lock);
    free(d);
}

int rows_lost(struct pp_view *v, enum pp_kind kind, const struct pp_name *name)
{
    if (!v->store->map->set_aside) {
        return rows_broken(v->store);
    }
    rows_damaged(v->store, kind, name);
    return PP_NOT_FOUND;
}

static struct rows_damage *take_all(struct pp_store *s)
{
    pthread_mutex_lock(&s->lock);
    struct rows_damage *all = s->damage;
    s->damage = NULL;
    pthread_mutex_unlock(&s->lock);
    return all;
}

static void mend(struct pp_store *s, const struct rows_damage *d)
{
    int err = s->map->set_aside ? s->map->set_aside(s->env, d->kind, &d->name) : PP_OK;
    if (err) {
        if (err == PP_BROKEN) {
            rows_broken(s); /* the disk does not even rename */
        }
        return;
    }
    struct pp_batch *b = rows_begin(s);
    if (!b) {
        return;
    }
    if (rows_mend_one(b, d->kind, &d->name) == PP_OK) {
        (void)rows_commit(b); /* full: met again */
    } else {
        rows_abort(b);
    }
}

void rows_damage_mend(struct pp_store *s)
{
    if (s->mending || atomic_load(&s->damaged) == 0) {
        return;
    }
    s->mending = true;
    for (struct rows_damage *d = take_all(s), *next; d; d = next) {
        next = d->next;
        mend(s, d);
        free(d);
    }
    s->mending = false;
}

void rows_damage_free(struct pp_store *s)
{
    for (struct rows_damage *d = take_all(s), *next; d; d = next) {
        next = d->next;
        free(d);
    }
}
