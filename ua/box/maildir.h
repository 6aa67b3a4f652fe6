/*
 * Delivery into a Maildir, durable and at most once: the name is the hash of the notification, so a
 * repeat meets the file; the link in tmp/ stays until the reader's mark is synced: a repeat knows
 * a file that a mail program has renamed meanwhile by its second link. No network, no mail format.
 */
#ifndef PP_BOX_MAILDIR_H
#define PP_BOX_MAILDIR_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

/* Where the octets come from: how many were read at `offset`, 0 at the end, negative to fail. */
typedef int64_t pp_maildir_read(void *ctx, uint64_t offset, void *out, size_t cap);

/* Makes path with cur, new and tmp where missing. ! PP_IO */
int pp_maildir_make(const char *path, struct pp_error *error);
/* tmp/name written and synced, linked to new/name, folders synced. 0: delivered now, and durable.
 * PP_EXISTS: delivered before. ! PP_FULL, PP_IO (nothing is in new/), or read's failure */
int pp_maildir_keep(const char *path, const char *name, pp_maildir_read *read, void *ctx);
/* The mark is synced: the link in tmp/ goes. */
void pp_maildir_settle(const char *path, const char *name);
/* The names of links in tmp/, of files delivered: a process died between mark and settling, or
 * before the mark. fn may settle them. */
void pp_maildir_held(const char *path, void (*fn)(void *ctx, const char *name), void *ctx);

#endif
