/*
 * The client's insides: client_call.c owns calls, their lanes and times; client.c alone knows
 * libcurl, whose handles are only pointers here.
 */
#ifndef PP_HTTP_CLIENT_PRIVATE_H
#define PP_HTTP_CLIENT_PRIVATE_H

#include <http/client.h>
#include <http/client_tickets.h>
#define HASH_NONFATAL_OOM 1 /* then hh.tbl is NULL */
#include <uthash.h>

#define PP_CALL_TEXT 256 /* libcurl's CURL_ERROR_SIZE */

struct pp_lane {
    char *key;                     /* host, endpoint and circuit */
    struct pp_call *first, **last; /* waiting */
    struct pp_call *running;
    struct pp_lane *next_ready;
    bool ready;
    UT_hash_handle hh;
};

enum pp_stage {
    PP_WAITING,
    PP_RUNNING,
    PP_DRAINING, /* all came, the caller has not taken all */
    PP_DOOMED    /* waited behind one that ran into its time: ends with the loop's next turn */
};

struct pp_call {
    struct pp_client *client;
    struct pp_lane *lane;
    struct pp_call *next, *prev; /* waiting in the lane (next only), or among the live */
    struct pp_client_events events;
    void *ctx;
    struct pp_peer peer;
    void *easy;
    struct curl_slist *fields, *connect_to;
    struct pp_timer *timer;
    pp_client_read *read;
    uint64_t offset, received, answer_max;
    int64_t length;
    pp_ns connect_time, stall_time, total_time, began, progress;
    char *method, *url, *circuit;
    struct pp_buf head; /* the header's lines, each ended by NUL */
    struct pp_buf held; /* octets the caller has not taken */
    size_t n_fields;
    int status, err;
    enum pp_stage stage;
    bool head_shown, paused, resumed, cancelled;
    char text[PP_CALL_TEXT];
};

struct pp_client {
    struct pp_loop *loop;
    struct pp_client_options options;
    char *bind, *proxy;
    void *multi;
    struct pp_tickets *tickets;
    struct pp_timer *timer; /* libcurl's */
    struct pp_timer *kick;  /* calls cancelled or resumed */
    struct pp_lane *lanes, *ready, **ready_last;
    struct pp_call *live; /* running or draining */
    unsigned running;
    bool inside; /* libcurl, which must not be called again from its callbacks */
};

/* ---- client_call.c ---- */
/* Notes the first reason; returns err. */
int pp_call_fail(struct pp_call *call, int err, const char *text);
void pp_call_touch(struct pp_call *call); /* something moved */
/* libcurl is done with it: ends it, or lets the caller take what is held first. */
void pp_call_done(struct pp_call *call, int err);
void pp_client_start_ready(struct pp_client *client);

/* ---- client.c ---- */
int pp_curl_open(struct pp_client *client); /* ! PP_NOMEM */
void pp_curl_close(struct pp_client *client);
bool pp_curl_fields(struct pp_call *call, const char *const *fields, size_t n);
bool pp_curl_route(struct pp_call *call, const char *route);
bool pp_curl_begin(struct pp_call *call); /* false: no memory */
void pp_curl_stop(struct pp_call *call);  /* and forgets it */
void pp_curl_unpause(struct pp_call *call);
void pp_curl_free_lists(struct pp_call *call);

#endif
