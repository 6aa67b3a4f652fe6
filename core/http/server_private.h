/*
 * The server's insides: one structure a server, one a connection. A connection and the exchange
 * that runs on it are the same memory, so that a request costs no allocation and an idle connection
 * no buffer. server.c owns listeners and the whole; server_limits.c deadlines and sources;
 * server_connection.c the order of things on a connection; server_exchange.c the answer.
 */
#ifndef PP_HTTP_SERVER_PRIVATE_H
#define PP_HTTP_SERVER_PRIVATE_H

#include <http/parser.h>
#include <http/server.h>
#include <io/stream.h>

#define PP_OUT_CAP ((size_t)64 * 1024)     /* octets of answers one connection may hold */
#define PP_OUT_JOIN ((size_t)16 * 1024)    /* up to here copied behind the head: one write */
#define PP_READ_PIECE ((size_t)64 * 1024)  /* read at once */
#define PP_READ_LARGE ((size_t)256 * 1024) /* the same while a large body comes */
#define PP_LARGE_BODY ((uint64_t)1024 * 1024)
#define PP_DROP_MAX ((uint64_t)64 * 1024) /* of an unwanted body, to keep the connection */

/* Answers on their way out; from the server's pool while there is something in it. */
struct pp_out {
    struct pp_out *next;
    uint32_t len, sent;
    uint8_t data[PP_OUT_CAP];
};

struct pp_source {
    uint8_t key[16];
    unsigned connections;
    struct pp_source *next;
};

enum pp_phase {
    PP_HANDSHAKE, /* TLS */
    PP_IDLE,      /* no octet of a request yet */
    PP_HEAD,      /* part of a head */
    PP_ACTIVE,    /* an exchange runs */
    PP_LINGER     /* last answer given: what still comes is dropped, that the peer can read it */
};

struct pp_exchange {
    struct pp_server *server;
    struct pp_stream *stream;
    void *state; /* the handler's */
    struct pp_out *out;
    uint8_t *in; /* octets read and not yet taken */
    uint32_t in_len, in_cap;
    struct pp_parser parser;
    struct pp_exchange *newer, *older; /* the idle, by age */
    struct pp_exchange *next_scheduled;
    struct pp_source *source;
    pp_ns deadline, heap_key; /* heap_key <= deadline: a deadline that moves away costs nothing */
    uint32_t heap_index;
    uint32_t requests;
    uint64_t moved;      /* octets of bodies in this exchange, both ways */
    int64_t answer_left; /* octets of the answer's body to come; -1 chunked, -2 until close */
    uint8_t *certificate;
    uint32_t certificate_len;
    uint32_t dropped; /* octets of an unwanted body */
    uint8_t address[16];
    uint16_t port;
    uint8_t phase;
    uint8_t minor;
    bool head_method : 1;  /* HEAD: the answer has no body */
    bool expects : 1;      /* 100-continue was asked for and not yet sent */
    bool unwanted : 1;     /* the handler refused the body */
    bool paused : 1;       /* the handler took fewer octets */
    bool request_read : 1; /* to its end */
    bool answered : 1;
    bool finished : 1;
    bool bodyless : 1; /* what is emitted is swallowed */
    bool want_pull : 1;
    bool close_after : 1; /* this exchange is the last */
    bool eof : 1;
    bool read_on : 1; /* interest in reading */
    bool broken : 1;  /* to be closed at once */
    bool running : 1;
    bool shut : 1; /* no more will be written */
    bool scheduled : 1;
    bool dead : 1; /* freed at the end of the turn */
};

struct pp_port {
    struct pp_listener *listener;
    struct pp_port *next;
    uint16_t port;
    bool tls;
};

struct pp_range {
    uint8_t address[16];
    uint8_t bits;
};

struct pp_server {
    struct pp_loop *loop;
    struct pp_workers *workers;
    struct pp_server_options options;
    struct pp_parser_limits limits;
    struct pp_handler handler;
    void *ctx;
    struct pp_hook *hook;
    struct pp_timer *timer;
    struct pp_port *ports;
    SSL_CTX *tls;
    struct pp_range *exempt;
    struct pp_exchange **heap; /* every connection, by heap_key */
    size_t heap_cap;
    struct pp_exchange *oldest, *newest; /* idle */
    struct pp_exchange *scheduled, **scheduled_last;
    struct pp_exchange *graveyard;
    struct pp_source **sources;
    size_t n_sources_mask;
    struct pp_out *pool;
    size_t pooled;
    uint64_t buffered;
    uint8_t *scratch; /* PP_READ_LARGE */
    struct pp_parsed parsed;
    struct pp_server_counts counts;
    void (*drained)(void *ctx);
    void *drained_ctx;
    pp_ns date_second;
    char date[40];
    bool draining;
};

/* ---- server_limits.c ---- */
int pp_limits_init(struct pp_server *server); /* ! PP_NOMEM, PP_INVALID (a CIDR) */
void pp_limits_finish(struct pp_server *server);
void pp_deadline_set(struct pp_exchange *x, pp_ns at);
void pp_deadline_add(struct pp_exchange *x, pp_ns at); /* room was reserved by pp_source_enter */
void pp_deadline_remove(struct pp_exchange *x);
void pp_idle_enter(struct pp_exchange *x);
void pp_idle_leave(struct pp_exchange *x);
/* Counts a connection of that source; makes room by closing the oldest idle ones. ! PP_LIMIT */
int pp_source_enter(struct pp_server *server, const uint8_t address[16], struct pp_source **source);
void pp_source_leave(struct pp_server *server, struct pp_source *source);

/* ---- server_connection.c ---- */
void pp_connection_accepted(struct pp_server *server, const struct pp_port *port, int fd,
                            const uint8_t from[16]);
void pp_connection_expired(struct pp_exchange *x);
void pp_connection_close(struct pp_exchange *x); /* `gone` first if an exchange runs */
void pp_connection_schedule(struct pp_exchange *x);
void pp_connection_run(struct pp_exchange *x);

/* ---- server_exchange.c ---- */
/* An answer of the server's own, a problem document, after which the connection ends. */
void pp_exchange_refuse(struct pp_exchange *x, int status, const char *why);
/* Gives the socket what is buffered. False: something is left. */
bool pp_exchange_flush(struct pp_exchange *x);
/* Appends to what goes out; false: no memory or no room (broken). */
bool pp_exchange_put(struct pp_exchange *x, const void *data, size_t len);
void pp_out_release(struct pp_exchange *x);
static inline size_t pp_out_pending(const struct pp_exchange *x)
{
    return x->out ? x->out->len - x->out->sent : 0;
}

#endif
