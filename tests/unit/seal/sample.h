/* A notification with every field filled. */
#ifndef SAMPLE_H
#define SAMPLE_H

#include <seal/seal.h>

static inline void sample_fill(struct pp_notification *n, const struct pp_certificate *recipient)
{
    *n = (struct pp_notification){.object_size = 4321,
                                  .has_seed = true,
                                  .n_asked = 5,
                                  .n_inbox_asked = 3,
                                  .life = 2592000,
                                  .created = 1800000000};
    pp_buf_add_str(&n->recipient, "bob@x");
    if (recipient) {
        memcpy(n->recipient_keyid, recipient->keyid, 32);
    }
    pp_buf_add_str(&n->object_id, "abcdefghijklmnopqrstuvwxyz@peerpost.invalid");
    memset(n->object_digest, 0xd1, 32);
    memset(n->session_key, 0x5e, 32);
    memset(n->deletion_seed, 0xde, 32);
    for (uint8_t i = 0; i < 5; i++) {
        n->asked[i].b[0] = i;
        n->inbox_asked[i].b[1] = i;
    }
    pp_buf_add_str(&n->from, "Alice <a@x>");
    pp_buf_add_str(&n->to, "bob@x, \"100%\" <c@x>");
    pp_buf_add_str(&n->cc, "\xc3\xa9@x");
    pp_buf_add(&n->subject, "odd\rone\n%41 \x7f\0end", 17);
    pp_buf_add_str(&n->date, "Fri, 15 Jan 2027 08:00:00 +0000");
    pp_buf_add(&n->rollover, "\x01\x02\x03", 3);
}

static inline bool sample_same(const struct pp_notification *a, const struct pp_notification *b)
{
    const struct pp_buf *const x[] = {&a->recipient, &a->object_id, &a->from, &a->to,
                                      &a->cc,        &a->subject,   &a->date, &a->rollover};
    const struct pp_buf *const y[] = {&b->recipient, &b->object_id, &b->from, &b->to,
                                      &b->cc,        &b->subject,   &b->date, &b->rollover};
    bool same = a->object_size == b->object_size && a->has_seed == b->has_seed &&
                a->n_asked == b->n_asked && a->n_inbox_asked == b->n_inbox_asked &&
                a->life == b->life && a->created == b->created &&
                memcmp(a->recipient_keyid, b->recipient_keyid, 32) == 0 &&
                memcmp(a->object_digest, b->object_digest, 32) == 0 &&
                memcmp(a->session_key, b->session_key, 32) == 0 &&
                memcmp(a->deletion_seed, b->deletion_seed, 32) == 0 &&
                memcmp(a->asked, b->asked, sizeof *a->asked * a->n_asked) == 0 &&
                memcmp(a->inbox_asked, b->inbox_asked, sizeof *a->asked * a->n_inbox_asked) == 0;
    for (size_t i = 0; i < sizeof x / sizeof *x; i++) {
        same = same && pp_bytes_equal(pp_buf_bytes(x[i]), pp_buf_bytes(y[i]));
    }
    return same;
}

#endif
