/*
 * A message from standard input into the spool: recipients by sendmail's rules, missing fields
 * added, Bcc taken out. Durable when it returns.
 */
#ifndef PP_CLI_INPUT_H
#define PP_CLI_INPUT_H

#include <cli/cli.h>

#define INPUT_MESSAGE_MAX ((uint64_t)64 << 20) /* octets with CRLF line ends */

struct input {
    bool from_header;   /* -t */
    bool ignore_dots;   /* -i */
    const char *sender; /* -f, for a missing From; NULL: user.address */
    char **recipients;  /* of the command line */
    int n_recipients;
    int fd;
};

/* name: the spooled file's. ! PP_MALFORMED (an address, no recipient), PP_TOO_BIG, PP_FULL, PP_IO
 */
int input_spool(struct cli *cli, const struct input *input, char name[80], struct pp_error *error);

#endif
