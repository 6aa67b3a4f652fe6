/* A peer of bench_store: each write a file of its own, each with its own fsync. */
#ifndef BENCH_FSYNC_FILES_H
#define BENCH_FSYNC_FILES_H

#include <stddef.h>

#define FSYNC_WRITERS 64

/* Files of `size` octets that all writers make durable a second. Negative: a failure. */
double fsync_files_rate(const char *folder, size_t size, double seconds);

#endif
