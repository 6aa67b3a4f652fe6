/*
 * The whole of a Maildir: the inbox and the folders beside it (Maildir++: ".Name.Sub", each with
 * cur, new and tmp), as mail programs share it with us. A message is found by its name without
 * flags, since programs rename it at any time. What succeeds is durable. Knows no mail format.
 */
#ifndef PP_BOX_FOLDERS_H
#define PP_BOX_FOLDERS_H

#include <box/maildir.h>

struct pp_folder_file {
    const char *folder;  /* "" the inbox, else ".Name.Sub" */
    const char *name;    /* without flags */
    const char *letters; /* its flags as they stand */
    bool fresh;          /* in new/ */
};

/* Each message of each folder; fn returns non-zero to stop. ! PP_IO, or fn's answer */
int pp_folders_each(const char *maildir, int (*fn)(void *ctx, const struct pp_folder_file *file),
                    void *ctx);
/* Each folder but the inbox. ! PP_IO, or fn's answer */
int pp_folders_names(const char *maildir, int (*fn)(void *ctx, const char *folder), void *ctx);
/* A descriptor of its octets; negative: it is not there. */
int pp_folders_open(const char *maildir, const struct pp_folder_file *file);
/* A new message, with folder and flags; the folder is made when missing. ! PP_EXISTS, PP_FULL,
 * PP_IO, or read's failure */
int pp_folders_put(const char *maildir, const struct pp_folder_file *as, pp_maildir_read *read,
                   void *ctx);
/* From where it is, with just the flags given in `from` (of `mine`: others do not matter and stay),
 * to another folder and flags. ! PP_NOT_FOUND, PP_IO */
int pp_folders_move(const char *maildir, const struct pp_folder_file *from,
                    const struct pp_folder_file *to, const char *mine);
/* ! PP_NOT_FOUND, PP_IO */
int pp_folders_remove(const char *maildir, const struct pp_folder_file *file, const char *mine);
/* ! PP_IO */
int pp_folders_make(const char *maildir, const char *folder);
/* Only when no message is in it: else it stays, and that is no error. ! PP_IO */
int pp_folders_drop(const char *maildir, const char *folder);

#endif
