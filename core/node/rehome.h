/*
 * Rehoming: after a change of substrate, what this node holds is due on other nodes. In the
 * background it stores each object, address certificate and notification on its k closest of the
 * new network, over HTTPS, with the node's certificate as TLS client. Nothing is taken away here:
 * that stays the collector's, so a run that is killed is simply run again.
 */
#ifndef PP_NODE_REHOME_H
#define PP_NODE_REHOME_H

#include <http/client.h>
#include <node/daemon.h>
#include <uthash.h>

#define REHOME_LANES 8u

/* One object, or one notification, as it goes out. */
struct rehome_item {
    enum pp_kind kind;
    struct pp_name name;
    struct pp_buf identifier;
    uint64_t serial, size;    /* of an object's body, read from the store as it is sent */
    struct pp_buf before;     /* what goes before the body; the notification itself */
    struct pp_buf after;      /* and behind it */
    char boundary[40];        /* of an object's parts */
    uint64_t life;            /* seconds left */
    uint32_t copies;          /* 0: the network's k */
    uint64_t seq, more_after; /* of the notification; UINT64_MAX: no more of this inbox */
};

struct rehome_lane;

struct rehome_target {
    struct pp_peer peer;
    struct rehome_lane *lane;
    struct pp_call *call; /* NULL: not under way */
    bool settled;         /* stored, known, or refused for good */
    int status;
    unsigned retry_after; /* seconds that it asked for */
};

/* One thing after the other: look-up, requests, perhaps a wait, the next. */
struct rehome_lane {
    struct rehome *rehome;
    struct pp_timer *timer;
    bool busy, looking;
    struct rehome_item item;
    struct rehome_target target[PP_K_MAX];
    size_t n_targets;
    unsigned running, tries;
    bool skip;       /* the rest of this inbox */
    bool missed;     /* something of it is left for the next pass */
    uint64_t places; /* a hash of where the network says it belongs */
};

/* Where a thing was stored in an earlier pass: it is sent again only when that changes. */
struct rehome_seen {
    uint8_t key[33]; /* kind, name */
    uint64_t places;
    UT_hash_handle hh;
};

struct rehome {
    struct daemon *daemon;
    struct pp_client *client;
    struct pp_timer *timer; /* the next pass */
    struct rehome_lane lane[REHOME_LANES];
    struct rehome_seen *seen;
    struct pp_listed *listed; /* while a pass runs */
    struct pp_cursor cursor;
    int n_listed, at;
    pp_ns began_wall;
    uint64_t upto_seq; /* later notifications came by the new network already */
    unsigned pass;
    bool walking, over;
    pp_ns wait; /* until the next pass, when some was left */
    /* of this pass */
    uint64_t objects, notifications, stored, known, deleted, refused, left;
};

/* rehome.c. Begins when the node is active; the log tells the count. ! PP_NOMEM, PP_CONFIG */
int rehome_start(struct rehome *r, struct daemon *d, struct pp_error *error);
void rehome_stop(struct rehome *r); /* before daemon_close */
/* The lane's item is done with (or waits for the next pass). */
void rehome_go_on(struct rehome_lane *lane);
/* Was it stored at these very places in an earlier pass? */
bool rehome_is_where_it_was(const struct rehome_lane *lane);

/* rehome_item.c: what goes out. */
/* Fills in the next notification of lane's inbox, or the object. ! PP_NOT_FOUND: nothing (more) */
int rehome_item_load(struct rehome *r, struct rehome_item *item);
int64_t rehome_item_read(struct rehome *r, const struct rehome_item *item, uint64_t offset,
                         void *out, size_t cap);
void rehome_item_finish(struct rehome_item *item);

/* rehome_send.c: where it goes. */
void rehome_send_look(struct rehome_lane *lane);
void rehome_send_item(struct rehome_lane *lane);
void rehome_send_again(void *lane); /* the lane's timer */
/* Ends what is under way without a word. */
void rehome_send_cancel(struct rehome_lane *lane);

#endif
