/*
 * POP3 (RFC 1939; CAPA and RESP-CODES of RFC 2449, AUTH PLAIN of RFC 5034, AUTH of RFC 3206) as a
 * pure machine: octets of the client in, replies out. The mailbox is behind a table of functions;
 * what takes time is answered later. It knows no socket, file or clock.
 */
#ifndef PP_SERVE_POP3_H
#define PP_SERVE_POP3_H

#include <peerpost/bytes.h>
#include <peerpost/error.h>

#define POP3_LINE_MAX 4096
#define POP3_UIDL_MAX 70     /* RFC 1939 section 7 */
#define POP3_TRIES_MAX 3     /* wrong passwords */
#define POP3_NONSENSE_MAX 20 /* commands that are none */

struct pop3_message {
    char uidl[POP3_UIDL_MAX + 1];
    uint64_t size; /* with CRLF line ends, as pop3_measure says */
    bool deleted;
};

struct pop3_ops {
    bool (*login)(void *ctx, struct pp_bytes user, struct pp_bytes password);
    /* A wrong password: pop3_go_on is called after a while, and nothing is read meanwhile. */
    void (*wait)(void *ctx);
    /* Takes the mailbox for this session: answered by pop3_opened. */
    void (*open)(void *ctx);
    /* Makes ready to read a message. ! PP_NOT_FOUND, PP_IO */
    int (*begin)(void *ctx, size_t index);
    /* Its octets in order: how many, 0 at the end, negative to fail. */
    int64_t (*read)(void *ctx, void *out, size_t cap);
    /* QUIT: those marked deleted are to go; answered by pop3_removed. */
    void (*remove)(void *ctx);
};

enum pop3_state {
    POP3_AUTHORIZATION,
    POP3_PLAIN, /* the response of AUTH PLAIN comes */
    POP3_TRANSACTION,
    POP3_SENDING, /* a message: pop3_more goes on */
    POP3_WAITING,
    POP3_OVER /* the last reply was said; or, without it, the talk is to be cut */
};

struct pop3 {
    const struct pop3_ops *ops;
    void *ctx;
    struct pp_buf *out;
    enum pop3_state state;
    struct pp_buf user;
    struct pop3_message *messages; /* lent by the mailbox, between open and remove */
    size_t n;
    unsigned tries, nonsense;
    bool has_user;
    /* a message on its way */
    uint64_t lines; /* of the body still to send */
    uint64_t column;
    bool header, cr;
};

/* Greets. `out` is the caller's and gets every reply. */
void pop3_init(struct pop3 *p, const struct pop3_ops *ops, void *ctx, struct pp_buf *out);
void pop3_finish(struct pop3 *p);
/* Takes octets of the client, as far as they can be answered now; returns how many. */
size_t pop3_feed(struct pop3 *p, struct pp_bytes in);
/* Says more of the message that is being sent. */
void pop3_more(struct pop3 *p);
void pop3_go_on(struct pop3 *p);
/* PP_BUSY: another session has it. */
void pop3_opened(struct pop3 *p, int code, struct pop3_message *messages, size_t n);
void pop3_removed(struct pop3 *p, int code);

/* How long a file is when its line ends are CRLF. Zero-initialise; pieces in order. */
struct pop3_measure {
    uint64_t size;
    bool cr, open; /* the last octet was a CR; the last line has no end yet */
};
void pop3_measure_add(struct pop3_measure *m, struct pp_bytes piece);
uint64_t pop3_measure_end(const struct pop3_measure *m);

#endif
