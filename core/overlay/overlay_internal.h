/*
 * Inside the live overlay: what overlay.c (life and driving), overlay_join.c (from nothing to
 * member, founding, merging), overlay_dialback.c and overlay_lookup.c share.
 */
#ifndef PP_OVERLAY_INTERNAL_H
#define PP_OVERLAY_INTERNAL_H

#include <io/resolve.h>
#include <io/udp.h>
#include <overlay/density.h>
#include <overlay/envelope.h>
#include <overlay/overlay.h>
#include <overlay/peer_cache.h>

#define PP_CONTACTS_MAX 64
#define PP_LOOKUPS_MAX 256
#define PP_DIALS 2
#define PP_MEET_MAX 8

struct pp_overlay_lookup {
    uint64_t token; /* the asker's */
    uint64_t inner; /* ours, towards the substrate */
    struct pp_id key;
    unsigned k, paths;
    pp_ns until; /* while it cannot start */
    enum { PP_LOOKUP_WAITING, PP_LOOKUP_RUNNING, PP_LOOKUP_DONE } stage;
    bool suspicious; /* asked again over disjoint paths */
    pp_overlay_found_fn *found;
    void *ctx;
    struct pp_result result; /* peers points into `peers` */
    struct pp_peer peers[PP_K_MAX];
    char reason[400];
    struct pp_overlay_lookup *next;
};

struct pp_dial {
    bool asked, called;
    struct pp_id id; /* who was asked */
    uint8_t nonce[PP_CALLBACK_NONCE];
};

struct pp_overlay {
    struct pp_loop *loop;
    const struct pp_substrate *plugin;
    struct pp_overlay_options
        options; /* pointers in it are not used after open, but key and check */
    struct pp_network network;
    struct pp_envelope *envelope;
    struct pp_udp *udp;
    struct pp_udp *probe; /* another port, to call back from */
    struct pp_timer *timer;
    struct pp_hook *hook;
    struct pp_workers *workers; /* saves the peers */
    struct pp_cidr *exempt;
    char *peers_file;

    struct pp_net *net;
    struct pp_substrate_node *node; /* NULL while there is nobody to ask */
    enum pp_role role;              /* of node */
    struct pp_peer self;            /* id zero for a client; address zero while unknown */
    struct pp_id own_id;            /* of the key; zero for a client */
    bool wildcard;                  /* bound to every address */
    bool address_known, moved;
    struct pp_peer observed_by; /* the last who saw us elsewhere .. */
    struct pp_peer observed;    /* .. and where */
    enum pp_state state;
    char text[240];
    bool state_changed;
    void (*on_state)(void *ctx, enum pp_state state, const char *text);
    void *on_state_ctx;
    char mismatch[400];
    pp_ns refused_at; /* when a peer first said so; 0: never */

    /* overlay_join.c */
    struct pp_peer contacts[PP_CONTACTS_MAX]; /* first the configured addresses, then of names */
    size_t n_contacts, n_fixed;
    struct pp_contact_name *names; /* overlay_contacts.c */
    size_t n_names;
    bool refused[PP_CONTACTS_MAX]; /* that contact belongs to another network */
    struct pp_peer_cache cache;
    bool former;            /* was a member in an earlier run */
    bool instance_changed;  /* the substrate's state is new */
    enum pp_state instance; /* what it said last */
    bool was_whole;         /* this member instance was active: alone, it is all the network */
    struct pp_peer to_meet[PP_MEET_MAX];
    size_t n_to_meet;
    pp_ns started, active_seen; /* when an active peer last answered */
    pp_ns seeking_since;        /* PP_NEVER: we are part of the network */
    pp_ns next_seek, next_merge, next_save, eager_until;
    size_t seek_at; /* round robin over contacts and cache */
    bool saving;

    /* overlay_dialback.c */
    struct pp_dial dials[PP_DIALS];
    unsigned dials_wanted, dial_rounds;
    pp_ns next_dial, dial_deadline; /* PP_NEVER: not dialling */
    bool dialling;
    pp_ns probe_until; /* nobody asked for long: the probe socket goes */

    /* overlay_lookup.c */
    struct pp_overlay_lookup *lookups;
    size_t n_lookups;
    uint64_t last_inner;
    bool lookups_ready; /* some are DONE */
    pp_ns next_retry;
    struct pp_density density;

    pp_ns leave_until;
    void (*left)(void *ctx);
    void *left_ctx;
    struct pp_overlay_counts counts;
};

void pp_overlay_set_state(struct pp_overlay *o, enum pp_state state, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
/* A new instance in that role in place of the old one; waiting look-ups stay. ! PP_NOMEM */
int pp_overlay_become(struct pp_overlay *o, enum pp_role role);
bool pp_overlay_is_active(const struct pp_overlay *o); /* the instance is whole */

/* ---- overlay_contacts.c ---- */
/* ! PP_CONFIG (names the contact that is none), PP_NOMEM */
int pp_contacts_read(struct pp_overlay *o, struct pp_error *error);
/* Asks for the names whose time has come; their addresses join the contacts later. */
void pp_contacts_resolve(struct pp_overlay *o, struct pp_now now);
bool pp_contacts_pending(const struct pp_overlay *o);      /* is a name being asked for? */
size_t pp_contacts_unresolved(const struct pp_overlay *o); /* names without an address yet */
void pp_contacts_finish(struct pp_overlay *o);

/* ---- overlay_join.c ---- */
bool pp_overlay_is_self(const struct pp_overlay *o, const struct pp_peer *peer);
int pp_join_start(struct pp_overlay *o, struct pp_error *error);
void pp_join_proved(struct pp_overlay *o, const struct pp_peer *peer, unsigned flags);
/* This peer belongs to another network. */
void pp_join_refused(struct pp_overlay *o, const struct pp_peer *peer);
/* Has nobody of ours ever answered, but others' nodes, and all that were asked or for a second? */
bool pp_join_hopeless(const struct pp_overlay *o, struct pp_now now);
pp_ns pp_join_next(const struct pp_overlay *o);
void pp_join_step(struct pp_overlay *o, struct pp_now now); /* what is due */
/* At the end of a turn: what was noted in it. The substrate is not on the stack. */
void pp_join_turn(struct pp_overlay *o, struct pp_now now);
/* The dial-back succeeded: become a member. */
void pp_join_member(struct pp_overlay *o, struct pp_now now);
void pp_join_save_now(struct pp_overlay *o);

/* ---- overlay_dialback.c ---- */
void pp_dial_start(struct pp_overlay *o, struct pp_now now);
void pp_dial_step(struct pp_overlay *o, struct pp_now now);
void pp_dial_callback(struct pp_overlay *o, const uint8_t nonce[PP_CALLBACK_NONCE]);
void pp_dial_control(struct pp_overlay *o, const struct pp_rx *rx, struct pp_bytes payload);

/* ---- overlay_lookup.c ---- */
void pp_lookups_found(struct pp_overlay *o, uint64_t inner, const struct pp_result *result);
void pp_lookups_try(struct pp_overlay *o,
                    struct pp_now now); /* starts what waits, ends what may not */
void pp_lookups_deliver(struct pp_overlay *o);
void pp_lookups_requeue(struct pp_overlay *o, struct pp_now now); /* the instance is gone */
void pp_lookups_fail(struct pp_overlay *o, const char *reason);
void pp_lookups_free(struct pp_overlay *o);

#endif
