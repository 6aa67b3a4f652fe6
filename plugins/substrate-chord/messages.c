/* Chord's datagrams: write, read, describe; see messages.h. Pure. */
#include "messages.h"

#include <common/report.h>

#define FLAG_SAME 1u
#define FLAG_PREDECESSOR 2u

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
    return pp_read_done(r) ? PP_OK : PP_MALFORMED;
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
