/*
 * The octets of a substrate's datagrams: a bounded writer, the header that all messages share,
 * peers, and lists of peers in pages. The reader is peerpost/bytes.h's. Everything read here comes
 * from hostile hands; nothing here allocates or sends.
 *
 * Header (10): kind 1 (high bit: a reply), flags 1, request id 8.
 * Peer (29/41): flags 1 (bit 0: IPv6), id 20, address 4/16, UDP 2, HTTP 2.
 * Page: index of its first peer 1, more 1, number 1, the peers, nearest first.
 */
#ifndef PP_COMMON_WIRE_H
#define PP_COMMON_WIRE_H

#include <peerpost/substrate.h>

#define PP_WIRE_HEADER 10
#define PP_WIRE_REPLY 0x80u  /* of kind */
#define PP_WIRE_ACTIVE 0x01u /* of flags: the sender is an active member */
#define PP_EXTRA_MAX 10      /* octets that a substrate may add to each peer (CAN: zones) */
#define PP_PAGE_MAX 38       /* peers in a page: what fits with IPv4 */

/* Kinds that all substrates share; their own begin at PP_WIRE_OWN. */
enum pp_wire_kind { PP_WIRE_PING = 1, PP_WIRE_FIND = 2, PP_WIRE_OWN = 16 };

struct pp_writer {
    uint8_t data[PP_PAYLOAD_MAX];
    size_t len;
    bool failed; /* something did not fit */
};

struct pp_header {
    uint8_t kind, flags;
    uint64_t id;
};

/* Peers of one page. extra[i] is zero where the substrate adds nothing. */
struct pp_page {
    uint8_t from, n;
    bool more; /* the sender knows further ones: ask from `from + n` */
    struct pp_peer peers[PP_PAGE_MAX];
    uint8_t extra[PP_PAGE_MAX][PP_EXTRA_MAX];
};

void pp_writer_begin(struct pp_writer *w, uint8_t kind, uint8_t flags, uint64_t id);
void pp_write(struct pp_writer *w, const void *data, size_t len);
void pp_write8(struct pp_writer *w, uint8_t v);
void pp_write16(struct pp_writer *w, uint16_t v);
void pp_write32(struct pp_writer *w, uint32_t v);
void pp_write64(struct pp_writer *w, uint64_t v);
void pp_write_peer(struct pp_writer *w, const struct pp_peer *peer);
/* One page of peers[0..n), beginning at `from`, as many as fit. extra: n times extra_len octets,
 * or NULL. Returns how many it wrote. */
size_t pp_write_page(struct pp_writer *w, const struct pp_peer *peers, size_t n, size_t from,
                     const uint8_t *extra, size_t extra_len);

/* ! PP_MALFORMED */
int pp_read_header(struct pp_reader *r, struct pp_header *header);
void pp_read_id(struct pp_reader *r, struct pp_id *id);
/* A peer without id or port fails the reader. */
void pp_read_peer(struct pp_reader *r, struct pp_peer *peer);
void pp_read_page(struct pp_reader *r, struct pp_page *page, size_t extra_len);
bool pp_page_has(const struct pp_page *page, const struct pp_id *id);
/* All read, and nothing left over. */
bool pp_read_done(const struct pp_reader *r);

#endif
