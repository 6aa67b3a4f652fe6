/*
 * The user agent's durable map on disk: an append-only file of frames (one frame a sync: records of
 * key and value under one check sum), read whole at open, rewritten aside when mostly stale. One
 * process holds it (lock file).
 */
#ifndef PP_BOX_JOURNAL_H
#define PP_BOX_JOURNAL_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

struct pp_journal;

/* A torn tail (power cut) is cut off; anything else unreadable is an error that names the offset.
 * ! PP_BUSY (another process holds it), PP_IO, PP_FORMAT */
int pp_journal_open(struct pp_journal **j, const char *path, struct pp_error *error);
/* What was put but not synced is lost, as in a crash. Accepts NULL. */
void pp_journal_close(struct pp_journal *j);
/* Visible to `get` at once, durable after `sync`. An empty value forgets the key. ! PP_NOMEM,
 * PP_TOO_BIG (64 MiB in one sync) */
int pp_journal_put(struct pp_journal *j, struct pp_bytes key, struct pp_bytes value);
/* One write, one fdatasync. After a failed sync the journal is PP_BROKEN for good. PP_FULL: not
 * durable yet, but kept for the next sync. */
int pp_journal_sync(struct pp_journal *j);
/* Lent until the next put. ! PP_NOT_FOUND */
int pp_journal_get(struct pp_journal *j, struct pp_bytes key, struct pp_bytes *value);
/* In the order in which the keys were first put; fn must not change the journal. Returns fn's first
 * non-zero answer, else 0. */
int pp_journal_each(struct pp_journal *j, struct pp_bytes prefix,
                    int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx);

#endif
