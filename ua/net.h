/*
 * pp_net: all that mail logic can ask of the world - time, randomness, look-ups, requests to nodes,
 * a durable map of notes and durable blobs - as one table of functions. The live network and disk
 * stand behind it in `peerpost`, a fake in tests, a virtual world in the simulator.
 *
 * Rules
 * - Callbacks come from the net's turn only, never from inside a call; one thread.
 * - An act is one unit of work (a send, a fetch, one message) with its own callbacks and one timer.
 * - A token is the act's; none comes back after `cancel`.
 * - PP_LOCAL (no network here, proxy down): blame no node, try no next.
 */
#ifndef PP_UA_NET_H
#define PP_UA_NET_H

#include <peerpost/error.h>
#include <peerpost/id.h>
#include <peerpost/now.h>

struct pp_net_impl; /* who implements it */
struct pp_blob;     /* octets on their way in or out, on disk while big */

/* One answer's field; lent. */
struct pp_net_field {
    struct pp_bytes name, value;
};

/* What scanners say of a message before it is delivered. */
enum pp_judgement {
    PP_JUDGED_CLEAN,
    PP_JUDGED_JUNK,
    PP_JUDGED_QUARANTINE,
    PP_JUDGED_HOLD /* a scanner that must speak cannot: not delivered now */
};

/* Embedded in whatever acts. The net calls these; every one may be NULL when never asked for. */
struct pp_act {
    void (*wake)(struct pp_act *act);
    /* code 0, PP_UNREACHABLE (no node answers), PP_LOCAL. Peers closest first, lent. `seen`: how
     * many distinct peers this look-up met. */
    void (*found)(struct pp_act *act, uint64_t token, int code, const struct pp_peer *peers,
                  size_t n);
    void (*head)(struct pp_act *act, uint64_t token, int status, const struct pp_net_field *fields,
                 size_t n);
    size_t (*data)(struct pp_act *act, uint64_t token, struct pp_bytes bytes); /* took */
    /* 0: a whole answer; PP_UNREACHABLE, PP_IDENTITY, PP_TIMEOUT, PP_LOCAL, PP_TOO_BIG. */
    void (*ended)(struct pp_act *act, uint64_t token, int error, const char *text);
    void (*noted)(struct pp_act *act, uint64_t token, int error);
    void (*kept)(struct pp_act *act, uint64_t token, int error); /* PP_EXISTS, PP_FULL, PP_IO */
    /* text, lent: what was found, or why nobody could say. */
    void (*judged)(struct pp_act *act, uint64_t token, enum pp_judgement judgement,
                   const char *text);
};

struct pp_net_times {
    pp_ns connect, stall, total;
};

struct pp_net_request {
    const struct pp_peer *peer;
    const char *method;
    struct pp_bytes identifier; /* raw octets: the net percent-encodes them .. */
    bool is_path;               /* .. unless it is a path as it stands (.well-known/..) */
    const char *const *fields;  /* "Name: value", signed before, for that peer */
    size_t n_fields;
    struct pp_bytes body;         /* copied; or .. */
    struct pp_bytes certificates; /* .. multipart: this PEM set (copied) .. */
    struct pp_blob *blob;         /* .. and this object (referenced until ended) */
    const char *boundary;         /* of the multipart body, when it is signed; NULL: the net's */
    uint64_t answer_max;
    struct pp_net_times times;
    const char *circuit; /* isolates operations from one another behind a proxy; NULL */
};

enum pp_place {
    PP_PLACE_SPOOL,
    PP_PLACE_NEW, /* the Maildir */
    PP_PLACE_QUARANTINE,
    PP_PLACE_JUNK,
    PP_PLACE_SIGNED, /* signed forms of delivered messages, when they are wanted */
    PP_PLACE_CHAT,   /* short messages, said and heard */
    PP_PLACE_SENT    /* the Maildir's Sent folder, as read */
};

struct pp_net_ops {
    struct pp_now (*now)(struct pp_net_impl *net);
    void (*random)(struct pp_net_impl *net, void *out, size_t len);
    void (*wake)(struct pp_net_impl *net, struct pp_act *act, pp_ns at); /* PP_NEVER: off */

    void (*lookup)(struct pp_net_impl *net, struct pp_act *act, const struct pp_id *key, unsigned k,
                   unsigned paths, uint64_t token);
    void (*request)(struct pp_net_impl *net, struct pp_act *act,
                    const struct pp_net_request *request, uint64_t token);
    void (*resume)(struct pp_net_impl *net, struct pp_act *act, uint64_t token);
    void (*cancel)(struct pp_net_impl *net, struct pp_act *act, uint64_t token);
    /* Ends everything the act asked for; its memory may go after it. */
    void (*forget)(struct pp_net_impl *net, struct pp_act *act);

    /* The durable map. An empty value forgets the key. Synced together with what else is noted in
     * this turn; `noted` comes after the sync. act NULL: nobody is told. */
    void (*note)(struct pp_net_impl *net, struct pp_act *act, struct pp_bytes key,
                 struct pp_bytes value, uint64_t token);
    /* The current value of each key that starts with prefix; fn returns non-zero to stop. */
    int (*replay)(struct pp_net_impl *net, struct pp_bytes prefix,
                  int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx);
    /* Current value of one key, lent until the next call on net; 0 or PP_NOT_FOUND. */
    int (*recall)(struct pp_net_impl *net, struct pp_bytes key, struct pp_bytes *value);

    /* Blobs live in memory while small, else in an unnamed 0600 file. NULL: no memory or disk. */
    struct pp_blob *(*blob_new)(struct pp_net_impl *net);
    int (*blob_write)(struct pp_net_impl *net, struct pp_blob *blob, struct pp_bytes bytes);
    int64_t (*blob_read)(struct pp_net_impl *net, struct pp_blob *blob, uint64_t offset, void *out,
                         size_t cap);
    uint64_t (*blob_size)(struct pp_net_impl *net, struct pp_blob *blob);
    void (*blob_free)(struct pp_net_impl *net, struct pp_blob *blob); /* drops one reference */
    /* Synced, linked under place/name, folder synced, then `kept`. */
    void (*blob_keep)(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *blob,
                      enum pp_place place, const char *name, uint64_t token);
    /* A kept spool blob again (! NULL), and its end. */
    struct pp_blob *(*blob_open)(struct pp_net_impl *net, enum pp_place place, const char *name);
    void (*blob_drop)(struct pp_net_impl *net, enum pp_place place, const char *name);
    /* Virus check and spam filter over a message as it would be delivered. NULL: there are none. */
    void (*judge)(struct pp_net_impl *net, struct pp_act *act, struct pp_blob *blob,
                  uint64_t token);
    void (*crash)(struct pp_net_impl *net, const char *point); /* crash points in test builds */
    void (*log)(struct pp_net_impl *net, int level, const char *text);
};

/* What mail logic holds. */
struct pp_mailnet {
    const struct pp_net_ops *ops;
    struct pp_net_impl *impl;
};

#endif
