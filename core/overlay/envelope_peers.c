/* The envelope's table of peers; see envelope_peers.h. */
#include <overlay/envelope_peers.h>

#include <base/crash.h>
#include <openssl/crypto.h>
#include <stdlib.h>

#define FIRST_BUCKETS 64

int pp_peers_init(struct pp_peers *peers, const uint8_t secret[16])
{
    memset(peers, 0, sizeof *peers);
    memcpy(peers->secret, secret, sizeof peers->secret);
    peers->n_buckets = FIRST_BUCKETS;
    peers->buckets = calloc(peers->n_buckets, sizeof(struct pp_known *));
    return peers->buckets ? PP_OK : PP_NOMEM;
}

static size_t bucket_of(const struct pp_peers *peers, const uint8_t address[16], uint16_t port)
{
    return (size_t)(pp_endpoint_hash(peers->secret, address, port) & (peers->n_buckets - 1));
}

struct pp_known *pp_peers_find(const struct pp_peers *peers, const uint8_t address[16],
                               uint16_t port)
{
    struct pp_known *k = peers->buckets[bucket_of(peers, address, port)];
    while (k && (k->peer.udp != port || memcmp(k->peer.address, address, 16) != 0)) {
        k = k->chain;
    }
    return k;
}

static void grow(struct pp_peers *peers)
{
    size_t n = peers->n_buckets * 2;
    struct pp_known **fresh = calloc(n, sizeof(struct pp_known *));
    if (!fresh) {
        return; /* longer chains */
    }
    struct pp_known **old = peers->buckets;
    size_t n_old = peers->n_buckets;
    peers->buckets = fresh;
    peers->n_buckets = n;
    for (size_t i = 0; i < n_old; i++) {
        for (struct pp_known *k = old[i], *next; k; k = next) {
            next = k->chain;
            struct pp_known **head = &fresh[bucket_of(peers, k->peer.address, k->peer.udp)];
            k->chain = *head;
            *head = k;
        }
    }
    free(old);
}

static void unlink_age(struct pp_peers *peers, struct pp_known *k)
{
    *(k->newer ? &k->newer->older : &peers->newest) = k->older;
    *(k->older ? &k->older->newer : &peers->oldest) = k->newer;
}

static void link_newest(struct pp_peers *peers, struct pp_known *k)
{
    k->newer = NULL;
    k->older = peers->newest;
    *(k->older ? &k->older->newer : &peers->oldest) = k;
    peers->newest = k;
}

struct pp_pending *pp_pending_add(struct pp_peers *peers, struct pp_known *known)
{
    struct pp_pending *p = calloc(1, sizeof *p);
    if (p) {
        p->peer = known;
        p->at = &peers->pending;
        p->next = peers->pending;
        if (p->next) {
            p->next->at = &p->next;
        }
        peers->pending = p;
        peers->n_pending++;
        known->pending = p;
    }
    return p;
}

void pp_pending_remove(struct pp_peers *peers, struct pp_pending *p)
{
    if (p) {
        *p->at = p->next;
        if (p->next) {
            p->next->at = p->at;
        }
        peers->n_pending--;
        p->peer->pending = NULL;
        free(p->finish);
        free(p);
    }
}

void pp_peers_remove(struct pp_peers *peers, struct pp_known *known)
{
    for (size_t i = 0; i < PP_SESSIONS; i++) {
        pp_session_drop(peers, &known->sessions[i]);
    }
    pp_pending_remove(peers, known->pending);
    struct pp_known **at = &peers->buckets[bucket_of(peers, known->peer.address, known->peer.udp)];
    while (*at != known) {
        at = &(*at)->chain;
    }
    *at = known->chain;
    unlink_age(peers, known);
    peers->n--;
    free(known);
}

struct pp_known *pp_peers_use(struct pp_peers *peers, const uint8_t address[16], uint16_t port)
{
    struct pp_known *k = pp_peers_find(peers, address, port);
    if (k) {
        unlink_age(peers, k);
        link_newest(peers, k);
        return k;
    }
    k = calloc(1, sizeof *k);
    if (!k) {
        return NULL;
    }
    if (peers->n >= PP_PEERS_MAX) {
        pp_peers_remove(peers, peers->oldest);
    }
    if (peers->n >= peers->n_buckets) {
        grow(peers);
    }
    memcpy(k->peer.address, address, 16);
    k->peer.udp = port;
    struct pp_known **head = &peers->buckets[bucket_of(peers, address, port)];
    k->chain = *head;
    *head = k;
    link_newest(peers, k);
    peers->n++;
    return k;
}

void pp_peers_finish(struct pp_peers *peers)
{
    while (peers->oldest) {
        pp_peers_remove(peers, peers->oldest);
    }
    free(peers->buckets);
    peers->buckets = NULL;
}

bool pp_known_is_empty(const struct pp_known *known)
{
    bool empty = known->pending == NULL;
    for (size_t i = 0; i < PP_SESSIONS; i++) {
        empty = empty && !known->sessions[i].used;
    }
    return empty;
}

void pp_known_identify(struct pp_peers *peers, struct pp_known *known, const struct pp_id *id)
{
    if (!pp_id_equal(&known->peer.id, id)) {
        for (size_t i = 0; i < PP_SESSIONS; i++) {
            pp_session_drop(peers, &known->sessions[i]);
        }
        known->peer.id = *id;
        known->peer.http = 0;
        known->flags = 0;
    }
}

/* ---- sessions ---- */

void pp_session_drop(struct pp_peers *peers, struct pp_session *session)
{
    if (session->used && session->cookie_time > peers->floor && !pp_mutant("envelope-no-floor")) {
        peers->floor = session->cookie_time;
    }
    OPENSSL_cleanse(session, sizeof *session);
}

struct pp_session *pp_session_slot(struct pp_peers *peers, struct pp_known *known)
{
    struct pp_session *oldest = &known->sessions[0];
    for (size_t i = 0; i < PP_SESSIONS; i++) {
        struct pp_session *s = &known->sessions[i];
        if (!s->used) {
            return s;
        }
        if (s->since < oldest->since) {
            oldest = s;
        }
    }
    pp_session_drop(peers, oldest);
    return oldest;
}

struct pp_session *pp_session_by_tag(struct pp_known *known, const uint8_t tag[4])
{
    for (size_t i = 0; i < PP_SESSIONS; i++) {
        struct pp_session *s = &known->sessions[i];
        if (s->used && memcmp(s->tag, tag, sizeof s->tag) == 0) {
            return s;
        }
    }
    return NULL;
}

struct pp_session *pp_session_to_use(struct pp_known *known, pp_ns now, pp_ns life)
{
    struct pp_session *best = NULL;
    for (size_t i = 0; i < PP_SESSIONS; i++) {
        struct pp_session *s = &known->sessions[i];
        if (!s->used || now - s->since > life) {
            continue;
        }
        if (!best || s->confirmed > best->confirmed ||
            (s->confirmed == best->confirmed && s->since > best->since)) {
            best = s;
        }
    }
    return best;
}

bool pp_session_is_replay(const struct pp_session *session, uint64_t sequence)
{
    if (sequence > session->top) {
        return false;
    }
    uint64_t back = session->top - sequence;
    bool seen = back >= 64 || (session->window >> back & 1) != 0;
    return seen && !pp_mutant("envelope-no-window");
}

void pp_session_mark(struct pp_session *session, uint64_t sequence)
{
    if (sequence > session->top) {
        uint64_t forward = sequence - session->top;
        session->window = forward < 64 ? session->window << forward : 0;
        session->top = sequence;
    }
    session->window |= (uint64_t)1 << (session->top - sequence) % 64;
}
