/*
 * Reading, who handed out what: which holder of the inbox gave which notification in this pass. A
 * notification names the nodes that its sender gave it to, so one that most of them hand out and a
 * few do not was withheld by these few, or has yet to reach them: they are asked once more at the
 * end of the pass, then named in the log and counted (canary.h): senders, too, may lie, so that
 * only a count of many says something (docs/security.md). It must not know how an inbox is asked.
 */
#include <mail/read_pass.h>

#include <mail/canary.h>

#include <stdio.h>
#include <stdlib.h>

#include <uthash.h>

#define HOLDERS 64 /* bits of a mask */

struct pp_seen {
    char hash[65];          /* of the notification */
    uint64_t handed, given; /* by whom in this pass; to whom, as its sender says */
    size_t address;         /* in whose inbox */
    bool fresh;
    bool sure; /* `given` is known, not said */
    UT_hash_handle hh;
};

struct pp_seen_node {
    struct pp_peer peer;
    uint64_t answered; /* bit i: for the user's i-th address, to the end */
    unsigned entries;
    uint64_t octets;
};

/* Its place in the table; HOLDERS: there is no room. */
static size_t place_of(struct pp_read *read, const struct pp_id *node)
{
    for (size_t i = 0; i < read->n_nodes; i++) {
        if (pp_id_equal(&read->nodes[i].peer.id, node)) {
            return i;
        }
    }
    if (!read->nodes) {
        read->nodes = calloc(HOLDERS, sizeof *read->nodes);
    }
    if (!read->nodes || read->n_nodes == HOLDERS) {
        return HOLDERS;
    }
    read->nodes[read->n_nodes].peer.id = *node;
    return read->n_nodes++;
}

static struct pp_seen *find(struct pp_read *read, const char *hash)
{
    struct pp_seen *seen = NULL;
    HASH_FIND_STR(read->seen, hash, seen);
    return seen;
}

static struct pp_seen *add(struct pp_read *read, const char *hash)
{
    struct pp_seen *seen = calloc(1, sizeof *seen);
    if (seen) {
        snprintf(seen->hash, sizeof seen->hash, "%s", hash);
        seen->address = read->address;
        HASH_ADD_STR(read->seen, hash, seen);
    }
    return seen;
}

bool pp_seen_take(struct pp_read *read, const struct pp_peer *from, const char *hash, size_t octets,
                  bool fresh)
{
    size_t at = place_of(read, &from->id);
    struct pp_seen *seen = find(read, hash);
    if (at == HOLDERS || (!seen && !(seen = add(read, hash)))) {
        return true;
    }
    bool first = !(seen->handed >> at & 1);
    seen->handed |= (uint64_t)1 << at;
    seen->fresh |= fresh;
    read->nodes[at].peer = *from;
    read->nodes[at].entries++;
    read->nodes[at].octets += octets;
    return first;
}

bool pp_seen_enough(struct pp_read *read, const struct pp_peer *from)
{
    size_t at = place_of(read, &from->id);
    return at < HOLDERS &&
           (read->nodes[at].entries > 65536 || read->nodes[at].octets > (uint64_t)64 << 20);
}

void pp_seen_opened(struct pp_read *read, const char *hash, const struct pp_notification *n)
{
    struct pp_seen *seen = find(read, hash);
    for (size_t i = 0; seen && seen->fresh && i < n->n_inbox_asked; i++) {
        size_t at = place_of(read, &n->inbox_asked[i]);
        seen->given |= at < HOLDERS ? (uint64_t)1 << at : 0;
    }
}

void pp_seen_sure(struct pp_read *read, const char *hash, const struct pp_id *nodes, size_t n)
{
    struct pp_seen *seen = find(read, hash);
    if (!seen || !seen->fresh || !n) {
        return;
    }
    seen->given = 0;
    seen->sure = true;
    for (size_t i = 0; i < n; i++) {
        size_t at = place_of(read, &nodes[i]);
        seen->given |= at < HOLDERS ? (uint64_t)1 << at : 0;
    }
}

void pp_seen_answered(struct pp_read *read)
{
    for (size_t i = 0; i < read->inbox.n_targets; i++) {
        const struct pp_target *t = read->inbox.targets[i];
        size_t at = place_of(read, &t->peer.id);
        if (t->state == PP_T_DONE && at < HOLDERS && read->address < 64) {
            read->nodes[at].peer = t->peer;
            read->nodes[at].answered |= (uint64_t)1 << read->address;
        }
    }
}

/* Who answered and should have handed it out. */
static uint64_t expected(const struct pp_read *read, const struct pp_seen *seen)
{
    uint64_t answered = 0;
    for (size_t i = 0; i < read->n_nodes && seen->address < 64; i++) {
        answered |= (read->nodes[i].answered >> seen->address & 1) << i;
    }
    uint64_t asked = seen->given & answered;
    bool most = 2 * __builtin_popcountll(asked & seen->handed) > __builtin_popcountll(asked);
    return most || seen->sure ? asked : 0; /* a sender's word that few bear out counts nothing */
}

/* Who of them did not. */
static uint64_t lacking(const struct pp_read *read, const struct pp_seen *seen)
{
    return expected(read, seen) & ~seen->handed;
}

bool pp_seen_lacks(struct pp_read *read, const struct pp_id *node, size_t address)
{
    size_t at = place_of(read, node);
    struct pp_seen *seen, *next;
    HASH_ITER(hh, read->seen, seen, next)
    {
        if (at < HOLDERS && seen->address == address && (lacking(read, seen) >> at & 1)) {
            return true;
        }
    }
    return false;
}

bool pp_seen_any_lacks(struct pp_read *read)
{
    struct pp_seen *seen, *next;
    HASH_ITER(hh, read->seen, seen, next)
    {
        if (lacking(read, seen)) {
            return true;
        }
    }
    return false;
}

static void judge_node(struct pp_read *read, size_t i, unsigned should, unsigned kept_back)
{
    char what[160];
    if (kept_back) {
        snprintf(what, sizeof what,
                 "does not hand out %u of %u notifications that it was given, as their senders "
                 "say",
                 kept_back, should);
        pp_mail_blame(read->mail, &read->nodes[i].peer, what);
    }
    if (should) {
        pp_handed_count(read->mail, &read->nodes[i].peer, should, should - kept_back);
    }
}

void pp_seen_judge(struct pp_read *read)
{
    unsigned should[HOLDERS] = {0}, kept_back[HOLDERS] = {0};
    struct pp_seen *seen, *next;
    HASH_ITER(hh, read->seen, seen, next)
    {
        uint64_t due = expected(read, seen), lack = lacking(read, seen);
        for (size_t i = 0; i < read->n_nodes; i++) {
            should[i] += (due >> i & 1) != 0;
            kept_back[i] += (lack >> i & 1) != 0;
        }
        if (seen->sure) { /* who did not answer, too, is a copy that cannot be had */
            pp_canary_read(read->mail, seen->hash, (unsigned)__builtin_popcountll(seen->given),
                           (unsigned)__builtin_popcountll(seen->given & seen->handed));
        }
    }
    for (size_t i = 0; i < read->n_nodes; i++) {
        judge_node(read, i, should[i], kept_back[i]);
    }
}

void pp_seen_finish(struct pp_read *read)
{
    struct pp_seen *seen, *next;
    HASH_ITER(hh, read->seen, seen, next)
    {
        HASH_DEL(read->seen, seen);
        free(seen);
    }
    free(read->nodes);
}
