/*
 * Several small files replaced together: after a crash at any instant either all have their old
 * octets or, once anybody calls pp_change_recover, all have the new ones. The folder holds the
 * manifest `change` while that is under way. For keys and certificates, which must fit each other.
 * Who calls holds a lock. Knows nothing of what the files hold.
 */
#ifndef PP_BOX_CHANGE_H
#define PP_BOX_CHANGE_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>
#include <sys/types.h>

#define PP_CHANGE_FILES 80

struct pp_change {
    const char *folder; /* borrowed, as the paths are not */
    struct {
        char *path;
        struct pp_buf octets;
        mode_t mode;
    } file[PP_CHANGE_FILES];
    size_t n;
};

/* One more file; path and octets are copied. ! PP_NOMEM, PP_LIMIT, PP_INVALID */
int pp_change_add(struct pp_change *c, const char *path, struct pp_bytes octets, mode_t mode);
/* Replaces them all, durably. ! PP_IO, PP_NOMEM: then none is replaced, or recover does it */
int pp_change_commit(struct pp_change *c, struct pp_error *error);
/* Finishes, or takes back, what a crash left. ! PP_IO */
int pp_change_recover(const char *folder, struct pp_error *error);
void pp_change_finish(struct pp_change *c); /* wipes the octets */

#endif
