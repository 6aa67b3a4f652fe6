/*
 * The spool folder: messages taken for sending, each a file that appears whole and durable or not
 * at all. A program may spool while another one runs the queue. Knows nothing of what a file holds.
 */
#ifndef PP_BOX_SPOOL_H
#define PP_BOX_SPOOL_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

struct pp_spool_file;

/* A new file under a temporary name; `name` is what it will be called. ! PP_IO, PP_NOMEM */
int pp_spool_begin(struct pp_spool_file **file, const char *folder, const char *name,
                   struct pp_error *error);
/* ! PP_FULL, PP_IO */
int pp_spool_add(struct pp_spool_file *file, struct pp_bytes bytes, struct pp_error *error);
/* Synced, renamed, folder synced: now it is ours to deliver. Frees `file` in every case; after a
 * failure nothing is left. */
int pp_spool_commit(struct pp_spool_file *file, struct pp_error *error);
void pp_spool_abort(struct pp_spool_file *file);
/* Each spooled name; temporary files older than a day are removed on the way. fn returns non-zero
 * to stop. ! PP_IO, or fn's answer */
int pp_spool_each(const char *folder, int (*fn)(void *ctx, const char *name), void *ctx);

#endif
