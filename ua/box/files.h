/*
 * Small steps on files that journal, spool and Maildir share: whole writes, synced folders, lock
 * files. Knows nothing of what the files hold.
 */
#ifndef PP_BOX_FILES_H
#define PP_BOX_FILES_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

/* Writes all octets at the descriptor's position. ! PP_FULL, PP_IO */
int pp_box_write(int fd, struct pp_bytes bytes);
/* Syncs the folder that holds `path` (or `path` itself when it is a folder). ! PP_IO */
int pp_box_sync_folder(const char *path);
/* Makes a folder of mode 0700, its parents too; an existing one is fine. ! PP_IO */
int pp_box_make_folder(const char *path, struct pp_error *error);
/* Takes an exclusive lock on a file (made when missing) without waiting; the descriptor holds it.
 * ! PP_BUSY, PP_IO */
int pp_box_lock(const char *path, struct pp_error *error);
/* errno of a failed write as a code: PP_FULL for a full disk or quota, else PP_IO. */
int pp_box_code(int number);

#endif
