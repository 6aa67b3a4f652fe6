/*
 * A whole world behind pp_net, in virtual time and memory: nodes that carry out the primitives in a
 * few lines each, with faults; a disk on which notes and kept blobs survive a kill while everything
 * else is lost; and a kill at any durable step. Signatures are verified for real.
 */
#ifndef FAKE_NET_H
#define FAKE_NET_H

#include <check.h>
#include <net.h>
#include <stdbool.h>

#define FAKE_NODES 64

struct fake_object {
    struct pp_buf identifier, body, set; /* set: PEM */
    uint8_t taken[8][32];                /* keyids that deleted */
    size_t n_taken, n_members;
    bool gone;
};

struct fake_entry {
    uint64_t seq;
    struct pp_buf octets;
};

struct fake_inbox {
    struct pp_buf address;
    struct fake_entry entries[256];
    size_t n;
};

struct fake_node {
    struct pp_peer peer;
    bool dead;         /* refuses connections */
    bool unnoticed;    /* dead, but look-ups still name it */
    bool silent;       /* takes the request and never answers */
    bool liar;         /* bodies with one octet changed */
    bool blank;        /* 404 to every GET */
    bool throttles;    /* 429 to what is unsigned .. */
    bool opens_stores; /* throttles inboxes alone */
    unsigned work;     /* .. unless it brings so many bits of work; 0: no work helps */
    bool squats;       /* 409 to every store */
    bool keeps;        /* an old inbox: never removes what was confirmed */
    bool hides;        /* an empty inbox, whatever is in it */
    bool hides_once;   /* .. the next time it is read */
    bool endless;      /* bodies that never end */
    bool refuses;      /* 503 to everything */
    bool hurries;      /* lets no reader wait */
    int dies_after;    /* handles so many more requests, then dies before it answers; 0: never */
    int64_t clock;     /* seconds fast */
    struct fake_object objects[512];
    size_t n_objects;
    struct fake_inbox inboxes[16];
    size_t n_inboxes;
    uint64_t seq;
    unsigned requests;
};

struct fake_file {
    enum pp_place place;
    char name[128];
    struct pp_buf octets;
    bool linked; /* PP_PLACE_NEW: the link in tmp/ is still there */
};

struct fake_note {
    struct pp_buf key, value, synced;
    bool dirty;
};

struct fake_event;

struct pp_net_impl {
    struct fake_node *nodes;
    size_t n_nodes;
    pp_ns mono;
    pp_ns wall_base;
    uint64_t random, order;
    struct fake_event *events;
    struct fake_note *notes;
    size_t n_notes, cap_notes;
    struct fake_file *files; /* the disk */
    size_t n_files;
    bool no_network; /* PP_LOCAL */
    bool lossy_disk; /* notes fail: disk full */
    bool sync_queued;
    int points, kill_at; /* durable steps passed; dies at this one; 0: never */
    bool killed;
    const char *last_point;
    char circuits[256][20]; /* of the requests, in order */
    size_t n_circuits;
    bool scans; /* a message with "EICAR" has a virus, with "CHEAP" is junk */
    bool scanner_down;
    unsigned logged, blamed;
    int live_blobs;
    unsigned junk_opened; /* asked for a file of the Junk folder */
    char last_log[512];
};

extern const struct pp_net_ops fake_ops;

struct pp_net_impl *fake_create(size_t nodes);
void fake_destroy(struct pp_net_impl *net);
static inline struct pp_mailnet fake_mailnet(struct pp_net_impl *net)
{
    return (struct pp_mailnet){&fake_ops, net};
}
/* Runs until *flag, a kill, quiet, or `limit` of virtual time. True: *flag. */
bool fake_run(struct pp_net_impl *net, const bool *flag, pp_ns limit);
/* What a kill leaves: the disk. Call after the process's objects are gone. */
void fake_reboot(struct pp_net_impl *net);

/* The k living nodes closest to a key, as look-ups give them. */
size_t fake_closest(struct pp_net_impl *net, const struct pp_id *key, unsigned k,
                    struct fake_node **out);
struct fake_object *fake_object(struct fake_node *node, struct pp_bytes identifier);
/* How many nodes hold that object (not gone), any living or not. */
unsigned fake_copies(struct pp_net_impl *net, struct pp_bytes identifier);
/* All body objects (identifiers of peerpost.invalid) still held; and their distinct ids. */
unsigned fake_bodies(struct pp_net_impl *net, unsigned *distinct);
struct fake_inbox *fake_inbox(struct fake_node *node, struct pp_bytes address);
unsigned fake_notifications(struct pp_net_impl *net);
void fake_spool(struct pp_net_impl *net, const char *name, struct pp_bytes octets);
/* The i-th file of a place, NULL after the last. */
const struct fake_file *fake_file(struct pp_net_impl *net, enum pp_place place, size_t i);
size_t fake_count_files(struct pp_net_impl *net, enum pp_place place);

struct fake_note *fake_find_note(struct pp_net_impl *net, struct pp_bytes key);
int fake_replay(struct pp_net_impl *net, struct pp_bytes prefix,
                int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx);
int fake_recall(struct pp_net_impl *net, struct pp_bytes key, struct pp_bytes *value);

#endif
