/*
 * Private to seal/: as much DER (X.690) as the framing of CMS needs. Lengths are 64-bit, for
 * content that is not in memory; what is read is definite, minimal, and ends where its container
 * ends.
 */
#ifndef PP_SEAL_DER_H
#define PP_SEAL_DER_H

#include <peerpost/bytes.h>

/* Octets of a tag and length before n octets of content, and of the whole. */
size_t pp_der_head_len(uint64_t n);
uint64_t pp_der_whole_len(uint64_t n);
int pp_der_head(struct pp_buf *out, uint8_t tag, uint64_t n);
/* Tag, length and content. */
int pp_der_add(struct pp_buf *out, uint8_t tag, struct pp_bytes content);

/* Reads hostile DER whose beginning is in memory. Failing leaves `failed` set. */
struct pp_der {
    struct pp_bytes in; /* what is in memory, from offset 0 */
    uint64_t at;        /* where we are */
    uint64_t end;       /* of the innermost container entered */
    bool failed;
};

/* Enters a constructed value: its tag must be this, and it must end exactly at `end` (last) or
 * before it. Returns where it ends. */
uint64_t pp_der_enter(struct pp_der *d, uint8_t tag, bool last);
/* These octets come next. */
void pp_der_expect(struct pp_der *d, struct pp_bytes octets);
/* A primitive value, in memory as a whole. */
struct pp_bytes pp_der_value(struct pp_der *d, uint8_t tag);

#endif
