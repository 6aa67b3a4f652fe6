/*
 * Inside the live pp_net: what net_live.c (life, time, events), net_live_lookup.c,
 * net_live_request.c and net_live_disk.c share.
 */
#ifndef PP_UA_NET_LIVE_INTERNAL_H
#define PP_UA_NET_LIVE_INTERNAL_H

#include <box/journal.h>
#include <net_live.h>

/* What an act is told at the end of the turn in which it came to be known. */
struct pp_live_event {
    struct pp_live_event *next;
    enum { PP_LIVE_NOTED, PP_LIVE_KEPT, PP_LIVE_ENDED, PP_LIVE_FOUND } kind;
    struct pp_act *act;
    uint64_t token;
    int error;
    char text[120];
};

struct pp_live_wake;
struct pp_live_lookup;
struct pp_live_request;
struct pp_live_keep;
struct pp_live_judge;
struct pp_live_inquiry;

struct pp_net_impl {
    struct pp_loop *loop;
    struct pp_hook *hook;
    struct pp_workers *workers; /* syncs files */
    struct pp_overlay *overlay;
    struct pp_client *client;
    struct pp_authority *authority;
    struct pp_journal *journal;
    char *spool, *quarantine, *blobs, *signed_mail, *maildir, *junk, *chat, *bind;
    uint8_t (*contacts)[16]; /* addresses, to tell "no network here" from "nobody answers" */
    size_t n_contacts;
    bool has_names;                             /* contacts that are no addresses */
    struct pp_live_event *events, **last_event; /* to deliver */
    struct pp_live_event *noted, **last_noted;  /* waiting for the journal's sync */
    bool dirty;                                 /* the journal has something to sync */
    struct pp_live_wake *wakes;
    struct pp_live_lookup *lookups;
    size_t n_lookups_running;
    struct pp_live_request *requests;
    struct pp_live_keep *keeps;
    struct pp_peer *gateways; /* id unknown */
    size_t n_gateways;
    bool behind_proxy;
    struct pp_live_inquiry *inquiries;
    char *virus, *spam;          /* scanners */
    struct pp_workers *scanners; /* they wait for these */
    struct pp_live_judge *judges;
    bool age_asked;        /* of the virus definitions */
    struct pp_net_ops ops; /* what mail logic sees */
};

/* ---- net_live.c ---- */
/* Queues an event for the end of this turn. Without memory the act never hears: it has a timer. */
void pp_live_tell(struct pp_net_impl *net, int kind, struct pp_act *act, uint64_t token, int error,
                  const char *text);
/* Is there a way from here to any contact? */
bool pp_live_has_route(const struct pp_net_impl *net);

/* ---- net_live_lookup.c ---- */
void pp_live_lookup(struct pp_net_impl *net, struct pp_act *act, const struct pp_id *key,
                    unsigned k, unsigned paths, uint64_t token);
/* token NULL: all of the act. */
void pp_live_lookup_drop(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token);
void pp_live_lookup_more(struct pp_net_impl *net); /* starts what waits for room */

/* ---- net_live_gateway.c ---- */
void pp_live_inquire(struct pp_net_impl *net, struct pp_act *act, const struct pp_id *key,
                     unsigned k, uint64_t token);
void pp_live_inquiry_drop(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token);

/* ---- net_live_request.c ---- */
void pp_live_request(struct pp_net_impl *net, struct pp_act *act, const struct pp_net_request *q,
                     uint64_t token);
void pp_live_resume(struct pp_net_impl *net, struct pp_act *act, uint64_t token);
void pp_live_request_drop(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token);

/* ---- net_live_blob.c ---- */
struct pp_blob *pp_live_blob_new(struct pp_net_impl *net);
int pp_live_blob_write(struct pp_net_impl *net, struct pp_blob *b, struct pp_bytes bytes);
int64_t pp_live_blob_read(struct pp_net_impl *net, struct pp_blob *b, uint64_t offset, void *out,
                          size_t cap);
uint64_t pp_live_blob_size(struct pp_net_impl *net, struct pp_blob *b);
void pp_live_blob_free(struct pp_net_impl *net, struct pp_blob *b);
struct pp_blob *pp_live_blob_ref(struct pp_blob *b);
/* From a descriptor, which becomes the blob's; closed when it fails. */
struct pp_blob *pp_live_blob_from(int fd);
/* Links the blob's octets as `path`, synced, never over another file. May run on a worker.
 * ! PP_EXISTS, PP_FULL, PP_IO */
int pp_live_blob_link(struct pp_blob *b, const char *folder, const char *path);

/* ---- net_live_keep.c ---- */
void pp_live_keep(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *b,
                  enum pp_place place, const char *name, uint64_t token);
struct pp_blob *pp_live_open(struct pp_net_impl *net, enum pp_place place, const char *name);
void pp_live_drop(struct pp_net_impl *net, enum pp_place place, const char *name);
/* The act hears no more; the work goes on. */
void pp_live_keep_deafen(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token);

/* ---- net_live_judge.c ---- */
void pp_live_judge(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *b, uint64_t token);
void pp_live_judge_deafen(struct pp_net_impl *net, const struct pp_act *act, const uint64_t *token);

#endif
