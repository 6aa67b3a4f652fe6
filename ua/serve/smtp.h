/*
 * Mail submission (RFC 5321, 6409) as a pure machine: octets of the client in, replies out. What it
 * needs of the world - is the password right, where do the octets of a message go - it asks through
 * a table of functions; what takes time is answered later. It knows no socket, file or clock.
 */
#ifndef PP_SERVE_SMTP_H
#define PP_SERVE_SMTP_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

#define SMTP_LINE_MAX 12288 /* of AUTH (RFC 4954 section 4); no other is as long */
#define SMTP_RECIPIENTS_MAX 5000
#define SMTP_TRIES_MAX 3     /* wrong passwords */
#define SMTP_NONSENSE_MAX 20 /* commands that are none */

struct smtp_ops {
    bool (*login)(void *ctx, struct pp_bytes user, struct pp_bytes password);
    bool (*is_own)(void *ctx, struct pp_bytes address); /* may the user send as this? */
    /* A wrong password: smtp_go_on is called after a while, and nothing is read meanwhile. */
    void (*wait)(void *ctx);
    /* A message begins; its octets as the sender wrote them (dots undone); it is whole: answered by
     * smtp_taken. ! PP_FULL, PP_IO: it is read to its end all the same, then refused. */
    int (*begin)(void *ctx);
    int (*add)(void *ctx, struct pp_bytes octets);
    void (*take)(void *ctx, const struct pp_buf *recipients, size_t n);
};

enum smtp_state {
    SMTP_COMMAND,
    SMTP_PLAIN,      /* the response of AUTH PLAIN comes */
    SMTP_LOGIN_NAME, /* of AUTH LOGIN */
    SMTP_LOGIN_PASSWORD,
    SMTP_DATA,
    SMTP_WAITING, /* for smtp_go_on or smtp_taken */
    SMTP_OVER     /* the last reply was said */
};

struct smtp {
    const struct smtp_ops *ops;
    void *ctx;
    struct pp_buf *out;
    enum smtp_state state;
    enum { SMTP_LINE_START, SMTP_DOT, SMTP_DOT_CR, SMTP_TEXT, SMTP_CR } at; /* inside a message */
    bool greeted, known, has_sender, skipping;
    unsigned tries, nonsense;
    struct pp_buf *recipients; /* normal form, in the order of the client, each once */
    size_t n_recipients, cap;
    struct pp_buf name; /* of AUTH LOGIN */
    uint64_t size, size_max;
    int refused; /* why the message that comes will not be taken */
};

/* Greets. `out` is the caller's and gets every reply. */
void smtp_init(struct smtp *s, const struct smtp_ops *ops, void *ctx, struct pp_buf *out,
               uint64_t size_max);
void smtp_finish(struct smtp *s);
/* Takes octets of the client, as far as they can be answered now; returns how many. An unfinished
 * line is left, unless it is too long already. */
size_t smtp_feed(struct smtp *s, struct pp_bytes in);
void smtp_go_on(struct smtp *s);
/* The message was taken (0, name: what the queue calls it), or why not: PP_MALFORMED, PP_TOO_BIG,
 * PP_FULL, PP_IO; text: one sentence. */
void smtp_taken(struct smtp *s, int code, const char *text);
/* The client was silent for too long: the parting reply. */
void smtp_late(struct smtp *s);

#endif
