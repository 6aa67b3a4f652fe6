/* A blob of the network seam as a source to read from and a sink to write to. */
#ifndef PP_MAIL_BLOB_IO_H
#define PP_MAIL_BLOB_IO_H

#include <net.h>

struct pp_blob_io {
    const struct pp_mailnet *net;
    struct pp_blob *blob;
};

/* For pp_source and pp_out; ctx: a pp_blob_io. Results as of blob_read, blob_write (net.h). */
int64_t pp_blob_io_read(void *ctx, uint64_t offset, void *out, size_t cap);
int pp_blob_io_write(void *ctx, struct pp_bytes bytes);

#endif
