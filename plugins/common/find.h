/*
 * The two messages that all substrates share, because the look-up engine speaks them.
 * FIND(key, k, from): peers nearer to the key, or, complete, the answer itself from index `from`
 * on. PING(key?): are you there; the reply may name a peer nearer to the key than the replier.
 */
#ifndef PP_COMMON_FIND_H
#define PP_COMMON_FIND_H

#include <common/wire.h>

struct pp_find {
    struct pp_id key;
    uint8_t k, from;
};

struct pp_find_reply {
    bool complete; /* the peers are the closest, in order; else they are referrals */
    struct pp_page page;
};

struct pp_ping {
    bool has_key;
    struct pp_id key;
};

void pp_write_find(struct pp_writer *w, const struct pp_find *find);
/* ! PP_MALFORMED, for all readers here */
int pp_read_find(struct pp_reader *r, struct pp_find *find);
/* An octet and a page of peers: what pp_member_list writes. */
int pp_read_list(struct pp_reader *r, uint8_t *octet, struct pp_page *page, size_t extra_len);
int pp_read_find_reply(struct pp_reader *r, struct pp_find_reply *reply, size_t extra_len);
void pp_write_ping(struct pp_writer *w, const struct pp_id *key);
int pp_read_ping(struct pp_reader *r, struct pp_ping *ping);
int pp_read_ping_reply(struct pp_reader *r, struct pp_page *page, size_t extra_len);
/* Does the page name a peer that comes before `id`, clockwise from `from`? */
bool pp_page_before(const struct pp_page *page, const struct pp_id *from, const struct pp_id *id);

#endif
