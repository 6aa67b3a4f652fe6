/*
 * A message from standard input into the spool: recipients by sendmail's rules, missing fields
 * added, Bcc taken out. Durable when it returns.
 */
#ifndef PP_SESSION_INPUT_H
#define PP_SESSION_INPUT_H

#include <peerpost/error.h>
#include <stdbool.h>
#include <stdint.h>

#define INPUT_MESSAGE_MAX ((uint64_t)64 << 20) /* octets with CRLF line ends */

struct input {
    bool from_header;   /* -t */
    bool ignore_dots;   /* -i */
    const char *spool;  /* the folder */
    const char *own;    /* user.address */
    const char *sender; /* -f, for a missing From; NULL: own */
    char **recipients;  /* of the command line */
    int n_recipients;
    int fd;
};

/* name: the spooled file's. May run on a worker.
 * ! PP_MALFORMED (an address, no recipient), PP_TOO_BIG, PP_FULL, PP_IO */
int input_spool(const struct input *input, char name[80], struct pp_error *error);

#endif
