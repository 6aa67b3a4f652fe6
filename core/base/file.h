/*
 * Whole small files: read with a bound, written so that a reader or a power cut sees the old or the
 * new octets and nothing between (aside, fsync, rename, fsync of the folder).
 */
#ifndef PP_BASE_FILE_H
#define PP_BASE_FILE_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <sys/types.h>

/* Appends the file's octets. ! PP_NOT_FOUND, PP_TOO_BIG (over max), PP_IO */
int pp_file_read(struct pp_buf *out, const char *path, size_t max, struct pp_error *error);
/* Replaces or makes the file, with this mode. Durable when it returns 0. ! PP_IO */
int pp_file_write(const char *path, struct pp_bytes bytes, mode_t mode, struct pp_error *error);
/* Makes the folder when it is missing (its parent must be there). ! PP_IO */
int pp_folder_make(const char *path, mode_t mode, struct pp_error *error);
/* Is the open file, and the folder that it lies in, closed to everybody but its owner, who is this
 * user or root? The sentence says which is not and how to mend it. ! PP_DENIED, PP_IO */
int pp_file_is_private(int fd, const char *path, struct pp_error *error);

#endif
