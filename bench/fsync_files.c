/* 64 threads that each write a file, fsync it and go on: how a store without group commit works. */
#include "fsync_files.h"

#include <fcntl.h>
#include <pthread.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdio.h>
#include <time.h>
#include <unistd.h>

struct peer {
    const char *folder;
    size_t size;
    atomic_uint next, done;
    atomic_bool over, failed;
};

static void write_one(struct peer *p)
{
    static const char octets[65536];
    char path[256];
    snprintf(path, sizeof path, "%.200s/file-%u", p->folder, atomic_fetch_add(&p->next, 1));
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    if (fd < 0 || write(fd, octets, p->size) != (ssize_t)p->size || fsync(fd) < 0) {
        atomic_store(&p->failed, true);
        atomic_store(&p->over, true);
    }
    if (fd >= 0) {
        close(fd);
    }
    atomic_fetch_add(&p->done, 1);
}

static void *write_on(void *ctx)
{
    struct peer *p = ctx;
    while (!atomic_load(&p->over)) {
        write_one(p);
    }
    return NULL;
}

double fsync_files_rate(const char *folder, size_t size, double seconds)
{
    struct peer p = {.folder = folder, .size = size < 65536 ? size : 65536};
    pthread_t thread[FSYNC_WRITERS];
    struct timespec start, end, time = {(time_t)seconds, (long)((seconds - (time_t)seconds) * 1e9)};
    unsigned started = 0;
    clock_gettime(CLOCK_MONOTONIC, &start);
    while (started < FSYNC_WRITERS && pthread_create(&thread[started], NULL, write_on, &p) == 0) {
        started++;
    }
    nanosleep(&time, NULL);
    atomic_store(&p.over, true);
    while (started > 0) {
        pthread_join(thread[--started], NULL);
    }
    clock_gettime(CLOCK_MONOTONIC, &end);
    double took = (double)(end.tv_sec - start.tv_sec) + (double)(end.tv_nsec - start.tv_nsec) / 1e9;
    return atomic_load(&p.failed) ? -1 : (double)atomic_load(&p.done) / took;
}
