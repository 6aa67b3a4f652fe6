/* Blobs for those who read sources and write sinks; see blob_io.h. */
#include <mail/blob_io.h>

int64_t pp_blob_io_read(void *ctx, uint64_t offset, void *out, size_t cap)
{
    const struct pp_blob_io *io = ctx;
    return io->net->ops->blob_read(io->net->impl, io->blob, offset, out, cap);
}

int pp_blob_io_write(void *ctx, struct pp_bytes bytes)
{
    const struct pp_blob_io *io = ctx;
    return io->net->ops->blob_write(io->net->impl, io->blob, bytes);
}
