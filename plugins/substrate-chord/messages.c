/* Chord's datagrams: write, read, describe; see messages.h. Pure. */
#include "messages.h"

#include <common/report.h>

#define FLAG_SAME 1u
#define FLAG_PREDECESSOR 2u

static int done(const struct pp_reader *r)
{
    return pp_read_done(r) ? PP_OK : PP_MALFORMED;
}

void chord_write_stabilise(struct pp_writer *w, const struct chord_stabilise *m)
{
    pp_write64(w, m->s);
    pp_write64(w, m->p);
}

int chord_read_stabilise(struct pp_reader *r, struct chord_stabilise *m)
{
    m->s = pp_read64(r);
    m->p = pp_read64(r);
    return done(r);
}

void chord_write_stabilised(struct pp_writer *w, bool same, const struct pp_peer *predecessor,
                            const struct pp_peer *peers, size_t n)
{
    pp_write8(w, (uint8_t)((same ? FLAG_SAME : 0) | (predecessor ? FLAG_PREDECESSOR : 0)));
    if (predecessor) {
        pp_write_peer(w, predecessor);
    }
    pp_write_page(w, peers, same ? 0 : n, 0, NULL, 0);
}

int chord_read_stabilised(struct pp_reader *r, struct chord_stabilised *m)
{
    uint8_t flags = pp_read8(r);
    m->same = flags & FLAG_SAME;
    m->has_predecessor = flags & FLAG_PREDECESSOR;
    if (m->has_predecessor) {
        pp_read_peer(r, &m->predecessor);
    }
    pp_read_page(r, &m->page, 0);
    return done(r);
}

void chord_write_state(struct pp_writer *w, const struct chord_state *m)
{
    pp_write8(w, m->p);
    pp_write8(w, m->from);
}

int chord_read_state(struct pp_reader *r, struct chord_state *m)
{
    m->p = pp_read8(r) & 1;
    m->from = pp_read8(r);
    return done(r);
}

void chord_write_list(struct pp_writer *w, uint8_t what, const struct pp_peer *peers, size_t n,
                      size_t from)
{
    pp_write8(w, what);
    pp_write_page(w, peers, n, from, NULL, 0);
}

int chord_read_list(struct pp_reader *r, struct chord_list *m)
{
    m->what = pp_read8(r);
    pp_read_page(r, &m->page, 0);
    return done(r);
}

int chord_read_leave(struct pp_reader *r, struct pp_page *s, struct pp_page *p)
{
    pp_read_page(r, s, 0);
    pp_read_page(r, p, 0);
    return done(r);
}

void chord_describe(struct pp_bytes payload, char *text, size_t cap)
{
    static const char *const own[] = {"STABILISE|%8%8| flags %1 %?2p, %P peers",
                                      "STATE| of %1 from %1| of %1, %P peers",
                                      "JOIN|| verdict %1, %P peers",
                                      "NUDGE|%8|",
                                      "INTRODUCE| %p|",
                                      "LEAVE| %P successors, %P predecessors|"};
    pp_describe_bodies(payload, own, sizeof own / sizeof *own, 0, text, cap);
}
