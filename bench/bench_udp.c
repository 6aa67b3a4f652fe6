/*
 * The bare peer of a look-up: UDP echo in batches of 16, its load, and its round-trip time.
 *
 *   bench_udp echo ADDRESS PORT               answers until it is killed
 *   bench_udp load ADDRESS PORT SECONDS       datagrams echoed a second, on one line
 *   bench_udp rtt ADDRESS PORT COUNT          median round trip in microseconds
 *
 * Datagrams are of 150 octets, as a sealed request is.
 */
#include <arpa/inet.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 16
#define SIZE 150
#define WINDOW 64
#define TIMES_MAX 100000

struct batch {
    struct mmsghdr messages[BATCH];
    struct iovec parts[BATCH];
    struct sockaddr_in peers[BATCH];
    uint8_t octets[BATCH][2048];
};

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void prepare(struct batch *b, size_t len, int with_peer)
{
    for (size_t i = 0; i < BATCH; i++) {
        b->parts[i] = (struct iovec){b->octets[i], len};
        b->messages[i].msg_hdr = (struct msghdr){.msg_iov = &b->parts[i], .msg_iovlen = 1};
        if (with_peer) {
            b->messages[i].msg_hdr.msg_name = &b->peers[i];
            b->messages[i].msg_hdr.msg_namelen = sizeof b->peers[i];
        }
    }
}

static int echo(int fd)
{
    static struct batch b;
    for (;;) {
        prepare(&b, sizeof b.octets[0], 1);
        int n = recvmmsg(fd, b.messages, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++) {
            b.parts[i].iov_len = b.messages[i].msg_len;
        }
        if (n > 0 && sendmmsg(fd, b.messages, (unsigned)n, 0) < 0) {
            perror("sendmmsg");
            return 1;
        }
    }
}

static int load(int fd, double seconds)
{
    static struct batch b;
    struct timeval patience = {.tv_usec = 100000};
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    uint64_t echoed = 0;
    int open = 0;
    double start = now();
    while (now() - start < seconds) {
        for (; open < WINDOW; open += BATCH) {
            prepare(&b, SIZE, 0);
            sendmmsg(fd, b.messages, BATCH, 0);
        }
        prepare(&b, sizeof b.octets[0], 0);
        int n = recvmmsg(fd, b.messages, BATCH, MSG_WAITFORONE, NULL);
        if (n < 0) {
            open = 0; /* lost: begin anew */
            continue;
        }
        echoed += (uint64_t)n;
        open -= n;
    }
    printf("%.0f\n", (double)echoed / (now() - start));
    return 0;
}

static int by_size(const void *a, const void *b)
{
    const double *x = a, *y = b;
    return *x < *y ? -1 : *x > *y;
}

static int rtt(int fd, size_t count)
{
    static double times[TIMES_MAX];
    uint8_t octets[2048] = {0};
    count = count < TIMES_MAX ? count : TIMES_MAX;
    for (size_t i = 0; i < count; i++) {
        double start = now();
        if (send(fd, octets, SIZE, 0) < 0 || recv(fd, octets, sizeof octets, 0) < 0) {
            perror("echo");
            return 1;
        }
        times[i] = now() - start;
    }
    qsort(times, count, sizeof *times, by_size);
    printf("%.1f\n", times[count / 2] * 1e6);
    return 0;
}

int main(int argc, char **argv)
{
    struct sockaddr_in at = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM, 0);
    if (argc < 4 || inet_pton(AF_INET, argv[2], &at.sin_addr) != 1) {
        fputs("bench_udp echo|load|rtt ADDRESS PORT [SECONDS|COUNT]\n", stderr);
        return 64;
    }
    at.sin_port = htons((uint16_t)strtoul(argv[3], NULL, 10));
    int is_echo = strcmp(argv[1], "echo") == 0;
    int bad = is_echo ? bind(fd, (struct sockaddr *)&at, sizeof at)
                      : connect(fd, (struct sockaddr *)&at, sizeof at);
    if (bad) {
        perror(argv[2]);
        return 1;
    }
    if (is_echo) {
        return echo(fd);
    }
    double number = argc > 4 ? strtod(argv[4], NULL) : 3;
    return strcmp(argv[1], "rtt") == 0 ? rtt(fd, (size_t)number) : load(fd, number);
}
