/*
 * The user agent's durable map on disk: an append-only file of records (key, value, check sum),
 * read whole at open, rewritten aside when mostly stale. One process holds it (lock file).
 */
#ifndef PP_BOX_JOURNAL_H
#define PP_BOX_JOURNAL_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

struct pp_journal;

/* A torn tail (power cut) is cut off; anything else unreadable is an error that names the offset.
 * ! PP_BUSY (another process holds it), PP_IO, PP_FORMAT */
int pp_journal_open(struct pp_journal **j, const char *path, struct pp_error *error);
void pp_journal_close(struct pp_journal *j);
/* Visible to `get` at once, durable after `sync`. An empty value forgets the key. ! PP_NOMEM */
int pp_journal_put(struct pp_journal *j, struct pp_bytes key, struct pp_bytes value);
/* One write, one fdatasync. After a failed sync the journal is PP_BROKEN for good. */
int pp_journal_sync(struct pp_journal *j);
int pp_journal_get(struct pp_journal *j, struct pp_bytes key, struct pp_bytes *value);
int pp_journal_each(struct pp_journal *j, struct pp_bytes prefix,
                    int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx);

#endif
