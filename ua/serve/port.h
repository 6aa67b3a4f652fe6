/*
 * A port of a line protocol on this computer: it listens where its option says, bounds the
 * connections and their silence, and keeps them until they end. What is spoken is the kind's.
 */
#ifndef PP_SERVE_PORT_H
#define PP_SERVE_PORT_H

#include <serve/parts.h>
#include <serve/talk.h>

struct port;

/* A connection: the first member of the kind's own. */
struct line {
    struct line *next;
    struct port *port;
    struct talk *talk;
    struct pp_timer *timer; /* the kind's to set */
};

struct port_kind {
    const char *option;   /* "serve.smtp" */
    const char *busy;     /* said to one too many */
    size_t size;          /* of the kind's own connection */
    pp_ns idle_time;      /* it may be silent, once the password was right */
    struct talk_ops talk; /* `gone` is the port's */
    void (*on_timer)(void *line);
    void (*start)(struct line *line);  /* the protocol begins */
    void (*finish)(struct line *line); /* frees what is inside */
};

struct port {
    const struct port_kind *kind;
    struct serve *serve;
    struct pp_listener *listener; /* NULL: the option is empty */
    struct line *lines;
    unsigned n;
    struct talk_ops talk;
};

/* port zeroed. ! as serve_listen */
int port_open(struct port *port, const struct port_kind *kind, struct serve *s,
              struct pp_error *error);
uint16_t port_number(const void *port);
void port_close(struct port *port);

/* As serve_login; from then on the connection may be silent for the kind's idle time. */
bool line_login(struct line *line, struct pp_bytes user, struct pp_bytes password);
void line_set_timer(struct line *line, pp_ns time); /* from now */
/* What the protocol came to: it waits for us, it is over. */
void line_follow(struct line *line, bool waits, bool over);

/* A wrong password is answered so late. */
#define LINE_WRONG_PASSWORD PP_SECOND

#endif
