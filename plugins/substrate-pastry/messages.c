/* Pastry's datagrams on the wire; see messages.h. */
#include "messages.h"

static int done(const struct pp_reader *r, bool good)
{
    return pp_read_done(r) && good ? PP_OK : PP_MALFORMED;
}

void pastry_write_join(struct pp_writer *w, enum pastry_side side)
{
    pp_write8(w, (uint8_t)side);
}

int pastry_read_join(struct pp_reader *r, enum pastry_side *side)
{
    uint8_t v = pp_read8(r);
    *side = v == PASTRY_RIGHT ? PASTRY_RIGHT : PASTRY_LEFT;
    return done(r, v <= PASTRY_RIGHT);
}

void pastry_write_joined(struct pp_writer *w, enum pastry_verdict verdict,
                         const struct pp_peer *peers, size_t n)
{
    pp_write8(w, (uint8_t)verdict);
    pp_write_page(w, peers, n, 0, NULL, 0);
}

int pastry_read_joined(struct pp_reader *r, struct pastry_joined *m)
{
    uint8_t v = pp_read8(r);
    m->verdict = v == PASTRY_GRANT      ? PASTRY_GRANT
                 : v == PASTRY_REFERRED ? PASTRY_REFERRED
                                        : PASTRY_WAIT;
    pp_read_page(r, &m->page, 0);
    return done(r, v <= PASTRY_WAIT);
}

void pastry_write_row(struct pp_writer *w, const struct pastry_row *m)
{
    pp_write8(w, m->row);
    pp_write8(w, m->from);
}

int pastry_read_row(struct pp_reader *r, struct pastry_row *m)
{
    m->row = pp_read8(r);
    m->from = pp_read8(r);
    return done(r, m->row < PP_ID_BITS);
}

void pastry_write_rows(struct pp_writer *w, uint8_t row, const struct pp_peer *peers, size_t n,
                       uint8_t from)
{
    pp_write8(w, row);
    pp_write_page(w, peers, n, from, NULL, 0);
}

int pastry_read_rows(struct pp_reader *r, struct pastry_rows *m)
{
    m->row = pp_read8(r);
    pp_read_page(r, &m->page, 0);
    return done(r, m->row < PP_ID_BITS);
}
