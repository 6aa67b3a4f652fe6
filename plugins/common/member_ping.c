/*
 * Hearsay and pings of a member: whoever is told of is asked before it is believed in, whoever does
 * not answer is suspected, then dead; see member.h.
 */
#include <common/find.h>
#include <common/member.h>

pp_ns pp_member_rto(const struct pp_member *m, const struct pp_id *id)
{
    const struct pp_entry *entry = m->ops->entry(m, id);
    bool guess = m->client && (!entry || entry->rtt == 0); /* somebody sits before it */
    return guess ? pp_agent_rto(&m->a) : pp_entry_rto(entry);
}

size_t pp_member_entries(const struct pp_member *m, const struct pp_id *id,
                         struct pp_entry *out[PP_TABLES_MAX])
{
    if (m->ops->tables) {
        return pp_tables_entries(m, id, out);
    }
    out[0] = m->ops->entry(m, id);
    return out[0] ? 1 : 0;
}

void pp_member_late(struct pp_member *m, const struct pp_id *id)
{
    struct pp_entry *all[PP_TABLES_MAX];
    size_t n = pp_member_entries(m, id, all);
    for (size_t i = 0; i < n; i++) {
        all[i]->flags |= PP_ENTRY_SUSPECT;
    }
}

static void late(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    pp_member_late(m, id);
    if (m->ops->suspected) {
        m->ops->suspected(m, now, id);
    }
}

void pp_member_dead(struct pp_member *m, pp_ns now, const struct pp_id *id)
{
    /* To a client all seem dead while its own line is: then nobody is to be shunned for it. */
    bool mute = m->client && m->a.heard_at < m->a.asked_at;
    if (!pp_id_is_zero(id)) {
        if (!mute) {
            pp_quarantine_add(&m->quarantine, id, now);
        }
        m->trouble_until = now + PP_MINUTE;
        m->ops->forget(m, now, id);
    }
}

void pp_member_silent(struct pp_member *m, pp_ns now, const struct pp_peer *peer)
{
    struct pp_peer gone = *peer; /* may stand in the table that loses it */
    const struct pp_entry *entry = m->ops->entry(m, &gone.id);
    if (!entry || pp_peer_same_endpoint(&entry->peer, &gone)) {
        pp_member_dead(m, now, &gone.id);
    }
}

bool pp_member_answered(struct pp_member *m, pp_ns now, const struct pp_answer *answer)
{
    if (answer->code == PP_AGAIN) {
        late(m, now, &answer->peer->id);
    } else if (answer->code != PP_OK) {
        pp_member_silent(m, now, answer->peer);
    }
    return answer->code == PP_OK;
}

bool pp_member_ask(struct pp_member *m, pp_ns now, const struct pp_peer *to,
                   const struct pp_writer *w, pp_rpc_fn *done, uint32_t tag)
{
    const struct pp_entry *entry = m->ops->entry(m, &to->id);
    struct pp_request request = {.to = to,
                                 .rto = pp_member_rto(m, &to->id),
                                 .tries = entry ? m->ops->patience : 0,
                                 .done = done,
                                 .owner = m,
                                 .tag = tag};
    return pp_rpc_send(&m->a, now, &request, w) == PP_OK;
}

static void on_pong(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_member *m = (struct pp_member *)a;
    bool over = answer->code != PP_AGAIN;
    if (over) {
        m->pinging--;
    }
    if (pp_member_answered(m, now, answer) && answer->rx->facts & PP_ID_PROVED &&
        answer->header.flags & PP_WIRE_ACTIVE) {
        m->ops->learn(m, now, &answer->rx->from, answer->tag);
        if (m->ops->greeted) {
            m->ops->greeted(m, now, answer);
        }
    }
    if (over) {
        pp_member_pump(m, now);
    }
}

void pp_member_ping(struct pp_member *m, pp_ns now, const struct pp_peer *peer, uint32_t tag)
{
    struct pp_writer w;
    if (m->ops->greet) {
        m->ops->greet(m, peer, &w);
    } else {
        pp_agent_begin(&m->a, &w, PP_WIRE_PING);
        pp_write_ping(&w, NULL);
    }
    if (pp_member_ask(m, now, peer, &w, on_pong, tag)) {
        m->pinging++;
    }
}

void pp_member_pump(struct pp_member *m, pp_ns now)
{
    struct pp_candidate next;
    while (m->pinging < PP_MEMBER_PINGING_MAX && pp_candidates_take(&m->candidates, &next)) {
        pp_member_ping(m, now, &next.peer, next.tag);
    }
    if (m->pinging > 0) {
        return;
    }
    if (m->client && m->state != PP_LEFT) {
        pp_member_set_state(m, m->ops->known(m) ? PP_ACTIVE : PP_ALONE);
    }
    if (m->ops->settled) {
        m->ops->settled(m, now);
    }
}

void pp_member_candidate(struct pp_member *m, pp_ns now, const struct pp_peer *peer,
                         const struct pp_peer *teller, uint32_t tag)
{
    if (m->client || pp_id_equal(&peer->id, &m->a.self.id) ||
        !pp_peer_plausible(peer, teller->address) ||
        pp_quarantine_has(&m->quarantine, &peer->id, now) || !m->ops->wanted(m, &peer->id, tag)) {
        return;
    }
    pp_candidates_add(&m->candidates, peer, tag);
    pp_member_pump(m, now);
}

void pp_member_candidates(struct pp_member *m, pp_ns now, const struct pp_page *page,
                          const struct pp_peer *teller, uint32_t tag)
{
    for (size_t i = 0; i < page->n; i++) {
        pp_member_candidate(m, now, &page->peers[i], teller, tag);
    }
}

static void on_named(struct pp_agent *a, pp_ns now, struct pp_answer *answer)
{
    struct pp_member *m = (struct pp_member *)a;
    struct pp_find_reply reply;
    if (pp_member_answered(m, now, answer) &&
        pp_read_find_reply(&answer->body, &reply, 0) == PP_OK) {
        pp_member_candidates(m, now, &reply.page, &answer->rx->from, 0);
    }
}

void pp_member_ask_near(struct pp_member *m, pp_ns now, const struct pp_peer *to,
                        const struct pp_id *key)
{
    struct pp_writer w;
    struct pp_find find = {*key, PP_K_MAX, 0};
    pp_agent_begin(&m->a, &w, PP_WIRE_FIND);
    pp_write_find(&w, &find);
    pp_member_ask(m, now, to, &w, on_named, 0);
}

void pp_member_list(struct pp_member *m, const struct pp_rx *rx, const struct pp_header *header,
                    uint8_t octet, const struct pp_peer *peers, size_t n, size_t from)
{
    struct pp_writer w;
    pp_agent_begin_reply(&m->a, &w, header);
    pp_write8(&w, octet);
    pp_write_page(&w, peers, n, from, NULL, 0);
    pp_agent_send(&m->a, &rx->from, &w);
}

void pp_member_pong(struct pp_member *m, const struct pp_rx *rx, const struct pp_header *header,
                    const struct pp_peer *nearer, const uint8_t *extra, size_t extra_len)
{
    pp_member_pong_with(m, rx, header, nearer, nearer != NULL, extra, extra_len);
}

void pp_member_on_ping(struct pp_member *m, pp_ns now, const struct pp_rx *rx,
                       const struct pp_header *header, struct pp_reader *body)
{
    struct pp_ping ping;
    (void)now;
    if (pp_read_ping(body, &ping) == PP_OK) {
        pp_member_pong(m, rx, header, NULL, NULL, 0);
    }
}

void pp_member_pong_with(struct pp_member *m, const struct pp_rx *rx,
                         const struct pp_header *header, const struct pp_peer *nearer, size_t n,
                         const uint8_t *extra, size_t extra_len)
{
    struct pp_writer w;
    pp_agent_begin_reply(&m->a, &w, header);
    pp_write_page(&w, nearer, n, 0, extra, extra_len);
    pp_agent_send(&m->a, &rx->from, &w);
}

/* ---- for the look-up engine ---- */

static const struct pp_member *member_of(const struct pp_agent *a)
{
    return (const struct pp_member *)a;
}

/* When somebody died lately, nobody is taken unasked. */
bool pp_member_fresh(const struct pp_agent *a, pp_ns now, const struct pp_id *id)
{
    const struct pp_member *m = member_of(a);
    const struct pp_entry *entry = m->ops->entry(m, id);
    return entry && now >= m->trouble_until && !(entry->flags & PP_ENTRY_SUSPECT) &&
           pp_entry_age(entry, now) < PP_LOOKUP_FRESH;
}

pp_ns pp_member_ask_rto(const struct pp_agent *a, const struct pp_id *id)
{
    return pp_member_rto(member_of(a), id);
}

bool pp_member_doubted(const struct pp_agent *a, pp_ns now, const struct pp_id *id)
{
    return pp_quarantine_has(&member_of(a)->quarantine, id, now);
}

void pp_member_ask_late(struct pp_agent *a, pp_ns now, const struct pp_peer *peer)
{
    late((struct pp_member *)a, now, &peer->id);
}

void pp_member_ask_dead(struct pp_agent *a, pp_ns now, const struct pp_peer *peer)
{
    pp_member_silent((struct pp_member *)a, now, peer);
}
