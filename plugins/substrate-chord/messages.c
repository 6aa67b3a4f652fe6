/* Chord's datagrams: write, read, describe; see messages.h. Pure. */
#include "messages.h"

#include <common/find.h>
#include <stdio.h>

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

void chord_write_states(struct pp_writer *w, bool p, const struct pp_peer *peers, size_t n,
                        size_t from)
{
    pp_write8(w, p);
    pp_write_page(w, peers, n, from, NULL, 0);
}

int chord_read_states(struct pp_reader *r, struct chord_states *m)
{
    m->p = pp_read8(r) & 1;
    pp_read_page(r, &m->page, 0);
    return done(r);
}

void chord_write_joined(struct pp_writer *w, enum chord_verdict verdict,
                        const struct pp_peer *peers, size_t n)
{
    pp_write8(w, (uint8_t)verdict);
    pp_write_page(w, peers, n, 0, NULL, 0);
}

int chord_read_joined(struct pp_reader *r, struct chord_joined *m)
{
    m->verdict = pp_read8(r);
    pp_read_page(r, &m->page, 0);
    return done(r);
}

int chord_read_leave(struct pp_reader *r, struct pp_page *s, struct pp_page *p)
{
    pp_read_page(r, s, 0);
    pp_read_page(r, p, 0);
    return done(r);
}

static const char *name_of(uint8_t kind)
{
    static const char *const own[] = {"STABILISE", "STATE", "JOIN", "NUDGE", "INTRODUCE", "LEAVE"};
    if (kind == PP_WIRE_PING) {
        return "PING";
    }
    if (kind == PP_WIRE_FIND) {
        return "FIND";
    }
    return kind >= CHORD_STABILISE && kind <= CHORD_LEAVE ? own[kind - CHORD_STABILISE] : NULL;
}

/* What stands in the body, appended to text[at..cap). false: malformed. */
static bool describe_request(uint8_t kind, struct pp_reader *r, char *text, size_t cap)
{
    char hex[2 * PP_ID_LEN + 1];
    struct pp_find find;
    struct pp_ping ping;
    struct chord_stabilise stabilise;
    struct chord_state state;
    struct pp_page s, p;
    struct pp_peer peer;
    switch (kind) {
    case PP_WIRE_PING:
        return pp_read_ping(r, &ping) == PP_OK;
    case PP_WIRE_FIND:
        if (pp_read_find(r, &find) != PP_OK) {
            return false;
        }
        pp_hex(hex, find.key.b, PP_ID_LEN);
        snprintf(text, cap, " key %.8s k %u from %u", hex, find.k, find.from);
        return true;
    case CHORD_STABILISE:
        return chord_read_stabilise(r, &stabilise) == PP_OK;
    case CHORD_STATE:
        if (chord_read_state(r, &state) != PP_OK) {
            return false;
        }
        snprintf(text, cap, " of %s from %u", state.p ? "predecessors" : "successors", state.from);
        return true;
    case CHORD_NUDGE:
        pp_read64(r);
        return pp_read_done(r);
    case CHORD_INTRODUCE:
        pp_read_peer(r, &peer);
        if (!pp_read_done(r)) {
            return false;
        }
        pp_hex(hex, peer.id.b, PP_ID_LEN);
        snprintf(text, cap, " %.8s", hex);
        return true;
    case CHORD_LEAVE:
        if (chord_read_leave(r, &s, &p) != PP_OK) {
            return false;
        }
        snprintf(text, cap, " %u successors, %u predecessors", s.n, p.n);
        return true;
    default:
        return pp_read_done(r);
    }
}

static bool describe_reply(uint8_t kind, struct pp_reader *r, char *text, size_t cap)
{
    struct pp_find_reply found;
    struct pp_page page;
    struct chord_stabilised stabilised;
    struct chord_states states;
    struct chord_joined joined;
    switch (kind) {
    case PP_WIRE_PING:
        return pp_read_ping_reply(r, &page, 0) == PP_OK;
    case PP_WIRE_FIND:
        if (pp_read_find_reply(r, &found, 0) != PP_OK) {
            return false;
        }
        snprintf(text, cap, " %s %u peers", found.complete ? "complete" : "nearer", found.page.n);
        return true;
    case CHORD_STABILISE:
        if (chord_read_stabilised(r, &stabilised) != PP_OK) {
            return false;
        }
        snprintf(text, cap, " %s %u peers", stabilised.same ? "same" : "list", stabilised.page.n);
        return true;
    case CHORD_STATE:
        if (chord_read_states(r, &states) != PP_OK) {
            return false;
        }
        snprintf(text, cap, " %u peers", states.page.n);
        return true;
    case CHORD_JOIN:
        if (chord_read_joined(r, &joined) != PP_OK) {
            return false;
        }
        snprintf(text, cap, " verdict %u, %u peers", joined.verdict, joined.page.n);
        return true;
    default:
        return pp_read_done(r);
    }
}

void chord_describe(struct pp_bytes payload, char *text, size_t cap)
{
    struct pp_reader r = pp_reader(payload);
    struct pp_header header;
    if (cap == 0) {
        return;
    }
    if (pp_read_header(&r, &header) != PP_OK) {
        snprintf(text, cap, "malformed, %zu octets", payload.len);
        return;
    }
    bool reply = header.kind & PP_WIRE_REPLY;
    uint8_t kind = header.kind & (uint8_t)~PP_WIRE_REPLY;
    const char *name = name_of(kind);
    char body[80] = "";
    bool good = name && (reply ? describe_reply(kind, &r, body, sizeof body)
                               : describe_request(kind, &r, body, sizeof body));
    snprintf(text, cap, "%s%s%s%s id %016llx", name ? name : "unknown", reply ? " reply" : "",
             good ? body : " malformed", header.flags & PP_WIRE_ACTIVE ? " active" : "",
             (unsigned long long)header.id);
}
