/*
 * A rehoming node without network, clock or threads: it walks over the fake node's store in memory,
 * look-ups give the peers that the test names, and each PUT is answered as the test says. Time runs
 * from one timer to the next.
 */
#ifndef TESTS_NODE_REHOME_FAKE_H
#define TESTS_NODE_REHOME_FAKE_H

#include "fake.h"

#include <node/rehome.h>

#define REHOME_SENT_MAX 200

/* A PUT that went out. */
struct rehome_sent {
    uint8_t peer; /* its number */
    char target[80];
    char fields[300]; /* one a line */
    struct pp_buf body;
    pp_ns at; /* after the start */
    const struct pp_client_events *events;
    void *ctx;
    bool open, cancelled;
    int error; /* of reading the body */
};

struct rehome_fake {
    struct fake f;
    struct daemon d;
    struct rehome r;
    struct rehome_sent sent[REHOME_SENT_MAX];
    size_t n_sent;
    uint8_t peers[PP_K_MAX]; /* whom every look-up gives; 0 is this node */
    size_t n_peers;
    int lookup_code;
    enum pp_state state;
    enum pp_role role;
    pp_ns settle, again;
    /* Status of an answer, and the Retry-After field or NULL; 0: nobody answers. */
    int (*answer)(const struct rehome_sent *sent, const char **retry_after);
    unsigned cancelled_lookups;
};

extern struct rehome_fake rehome_fake;

/* A store with nothing in it; settle 1 s, again 10 s, three peers 1, 2, 3; all answer 201. */
void rehome_fake_begin(void);
void rehome_fake_start(void); /* the walk; what is held must be there by now */
/* Until the walk is over, or so long. Returns whether it is over. */
bool rehome_fake_run(pp_ns bound);
void rehome_fake_end(void);
/* How many PUTs went to that peer (0: any) with that target ("": any). */
size_t rehome_fake_count(uint8_t peer, const char *target);

#endif
