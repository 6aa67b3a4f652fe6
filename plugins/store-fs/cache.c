/*
 * Large files as decoded, kept from one view or batch to the next: a hot inbox is read once, not
 * once a notification. What is kept is good for those that began since tables last went into files,
 * or files to quarantine/; then all of it goes.
 */
#include "fs_store.h"

#include <stdlib.h>

#define LEAST ((size_t)16 * 1024)
#define MOST ((size_t)16 * 1024 * 1024)

struct fs_group *fs_cache_find(struct fs_store *s, uint64_t generation, enum pp_kind kind,
                               const struct pp_name *name)
{
    struct fs_group *found = NULL;
    pthread_mutex_lock(&s->lock);
    for (size_t i = 0; i < FS_CACHED && generation == s->generation; i++) {
        struct fs_group *g = s->cached[i];
        if (g && g->kind == kind && memcmp(g->name.b, name->b, sizeof name->b) == 0) {
            found = fs_group_share(g);
            break;
        }
    }
    pthread_mutex_unlock(&s->lock);
    return found;
}

void fs_cache_add(struct fs_store *s, uint64_t generation, struct fs_group *g)
{
    struct fs_group *old = NULL;
    if (g->memory.len < LEAST || g->memory.len > MOST / FS_CACHED) {
        return;
    }
    pthread_mutex_lock(&s->lock);
    if (generation == s->generation) {
        size_t at = s->cache_next++ % FS_CACHED;
        old = s->cached[at];
        s->cached[at] = fs_group_share(g);
    }
    pthread_mutex_unlock(&s->lock);
    fs_group_free(old);
}

void fs_cache_take(struct fs_store *s, struct fs_group *old[FS_CACHED])
{
    s->generation++;
    memcpy(old, s->cached, sizeof s->cached);
    memset(s->cached, 0, sizeof s->cached);
}

void fs_cache_free(struct fs_group *old[FS_CACHED])
{
    for (size_t i = 0; i < FS_CACHED; i++) {
        fs_group_free(old[i]);
    }
}

void fs_cache_drop(struct fs_store *s)
{
    struct fs_group *old[FS_CACHED];
    pthread_mutex_lock(&s->lock);
    fs_cache_take(s, old);
    pthread_mutex_unlock(&s->lock);
    fs_cache_free(old);
}
