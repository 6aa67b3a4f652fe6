/*
 * Scanners of mail (Kangasharju et al. 2003, section 3.4): clamd over its socket (INSTREAM), a spam
 * filter as a program on its standard input, rspamd over HTTP. Blocking calls, bounded in time, for
 * a worker thread. They know octets alone, no mailbox and no policy.
 */
#ifndef PP_BOX_SCAN_H
#define PP_BOX_SCAN_H

#include <stdbool.h>
#include <stdint.h>
#include <sys/types.h>
#include <time.h>

/* The message: how many octets were read at `offset`, 0 at the end, negative to fail. */
struct pp_scanned {
    int64_t (*read)(void *ctx, uint64_t offset, void *out, size_t cap);
    void *ctx;
};

enum pp_scan {
    PP_SCAN_CLEAN,
    PP_SCAN_FOUND, /* text: what */
    PP_SCAN_FAILED /* text: why the scanner could not say */
};

#define PP_SCAN_TEXT 200
#define PP_SCAN_SECONDS 120 /* a scanner that takes longer has failed */

/* address: "unix:/run/clamav/clamd.ctl", or "host:port". */
enum pp_scan pp_scan_clamd(const char *address, const struct pp_scanned *message,
                           char text[PP_SCAN_TEXT]);
/* Days since clamd's definitions were made; negative: unknown, text says why. */
int pp_scan_clamd_age(const char *address, time_t now, char text[PP_SCAN_TEXT]);

/* filter: "bogofilter", "spamc", "rspamd:host:port", or a command for the shell that exits 1 for
 * spam and 0 for what is not. */
enum pp_scan pp_scan_spam(const char *filter, const struct pp_scanned *message,
                          char text[PP_SCAN_TEXT]);
/* Teaches the filter: runs `command` for the shell (NULL: the filter's own, if it has one) with the
 * message on standard input. 0, or negative and text. */
int pp_scan_train(const char *filter, const char *command, bool spam,
                  const struct pp_scanned *message, char text[PP_SCAN_TEXT]);

/* --- shared by the scan_*.c files ----------------------------------------------------------- */

/* A connected stream socket with time-outs set, or -1 and text. */
int pp_scan_connect(const char *address, char text[PP_SCAN_TEXT]);
/* All octets out; 0 or -1. */
int pp_scan_write(int fd, const void *data, size_t len);
/* Runs a command for the shell with the message on its standard input. Its exit code, or -1 and
 * text (could not run, killed, too slow). */
int pp_scan_run(const char *command, const struct pp_scanned *message, char text[PP_SCAN_TEXT]);
enum pp_scan pp_scan_rspamd(const char *address, const struct pp_scanned *message,
                            char text[PP_SCAN_TEXT]);

#endif
