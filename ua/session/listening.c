/* Mail as it comes; see listening.h. */
#include <session/listening.h>

int listening_start(struct listening *l, const struct pp_vigil_events *vigil, void *vigil_ctx)
{
    l->vigil = pp_vigil_start(l->mail, vigil, vigil_ctx);
    return l->vigil ? PP_OK : PP_NOMEM;
}

void listening_stop(struct listening *l)
{
    pp_vigil_cancel(l->vigil);
    pp_buf_free(&l->due);
    l->vigil = NULL;
}

void listening_next(struct listening *l)
{
    static const struct pp_read_options given = {.given = true};
    if (!l->due.len || *l->read) {
        return;
    }
    *l->read = pp_read_start(l->mail, &given, l->events, l->ctx);
    for (size_t at = 0; *l->read && at + 64 <= l->due.len; at += 64) {
        char hash[65];
        memcpy(hash, l->due.data + at, 64);
        hash[64] = '\0';
        pp_read_add(*l->read, hash);
    }
    pp_buf_free(&l->due); /* without a read: it is journaled, the next fetch takes it */
}

void listening_came(struct listening *l, const char *hash)
{
    if (!*l->read || !pp_read_add(*l->read, hash)) {
        pp_buf_add(&l->due, hash, 64);
        listening_next(l);
    }
}
