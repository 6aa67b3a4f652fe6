/*
 * Pastry's own datagrams; PING and FIND are common's. All numbers big-endian.
 *   JOIN   which neighbour you are to me 1 (0: left, 1: right)
 *     reply  verdict 1, page (whom we know nearest to you)
 *   ROW    row 1, from 1       reply  row 1, page (one peer for each cell filled)
 *   LEAVE  -                   (no reply)
 */
#ifndef PASTRY_MESSAGES_H
#define PASTRY_MESSAGES_H

#include <common/wire.h>

#define PASTRY_WIRE 1 /* raise when the format changes */

enum pastry_kind { PASTRY_JOIN = PP_WIRE_OWN, PASTRY_ROW, PASTRY_LEAVE };
enum pastry_verdict {
    PASTRY_GRANT = 0,
    PASTRY_REFERRED = 1, /* others stand between us: see the page */
    PASTRY_WAIT = 2      /* somebody else is entering there */
};
enum pastry_side { PASTRY_LEFT = 0, PASTRY_RIGHT = 1 };

struct pastry_joined {
    enum pastry_verdict verdict;
    struct pp_page page;
};

struct pastry_row {
    uint8_t row, from;
};

struct pastry_rows {
    uint8_t row;
    struct pp_page page;
};

void pastry_write_join(struct pp_writer *w, enum pastry_side side);
void pastry_write_joined(struct pp_writer *w, enum pastry_verdict verdict,
                         const struct pp_peer *peers, size_t n);
void pastry_write_row(struct pp_writer *w, const struct pastry_row *m);
void pastry_write_rows(struct pp_writer *w, uint8_t row, const struct pp_peer *peers, size_t n,
                       uint8_t from);
/* ! PP_MALFORMED, for these four */
int pastry_read_join(struct pp_reader *r, enum pastry_side *side);
int pastry_read_joined(struct pp_reader *r, struct pastry_joined *m);
int pastry_read_row(struct pp_reader *r, struct pastry_row *m);
int pastry_read_rows(struct pp_reader *r, struct pastry_rows *m);

#endif
