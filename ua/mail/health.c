/* How nodes did of late; see health.h. */
#include <mail/health.h>

#include <base/hash.h>
#include <mail/mail.h>

#define REST_FACTOR 3 /* of the time-out: how long a silent node is left alone */
#define SLOW_FOR PP_MINUTE
#define SAID_FOR (10 * PP_MINUTE)

static struct pp_health_node *find(struct pp_health *h, const struct pp_id *node)
{
    for (size_t i = 0; i < h->n_nodes; i++) {
        if (pp_id_equal(&h->nodes[i].node, node)) {
            return &h->nodes[i];
        }
    }
    return NULL;
}

enum pp_health_state pp_health_of(struct pp_mail *mail, const struct pp_id *node)
{
    struct pp_health_node *n = find(pp_mail_health(mail), node);
    return n && n->until > pp_mail_now(mail).mono ? n->state : PP_HEALTH_WELL;
}

void pp_health_well(struct pp_mail *mail, const struct pp_id *node)
{
    struct pp_health_node *n = find(pp_mail_health(mail), node);
    if (n) {
        n->until = 0;
    }
}

static void set(struct pp_mail *mail, const struct pp_id *node, enum pp_health_state state,
                pp_ns rest)
{
    struct pp_health *h = pp_mail_health(mail);
    struct pp_health_node *n = find(h, node);
    pp_ns until = pp_mail_now(mail).mono + rest;
    if (!n && h->n_nodes < PP_HEALTH_NODES) {
        n = &h->nodes[h->n_nodes++];
    } else if (!n) {
        n = &h->nodes[h->next_node];
        h->next_node = (h->next_node + 1) % PP_HEALTH_NODES;
    } else if (n->state > state && n->until > pp_mail_now(mail).mono) {
        return; /* silent is more than slow */
    }
    *n = (struct pp_health_node){*node, state, until};
}

void pp_health_slow(struct pp_mail *mail, const struct pp_id *node)
{
    set(mail, node, PP_HEALTH_SLOW, SLOW_FOR);
}

void pp_health_silent(struct pp_mail *mail, const struct pp_id *node)
{
    set(mail, node, PP_HEALTH_SILENT, REST_FACTOR * pp_mail_is(mail)->timeout);
}

/* Tells sentences apart, no more. */
static uint64_t hash_of(const char *what)
{
    uint8_t digest[32];
    pp_sha256(digest, pp_str(what));
    return pp_get64(digest);
}

static bool is_news(struct pp_mail *mail, const struct pp_id *node, const char *what)
{
    struct pp_health *h = pp_mail_health(mail);
    pp_ns now = pp_mail_now(mail).mono;
    uint64_t hash = hash_of(what);
    for (size_t i = 0; i < h->n_faults; i++) {
        if (h->faults[i].what == hash && pp_id_equal(&h->faults[i].node, node)) {
            bool again = h->faults[i].until <= now;
            h->faults[i].until = again ? now + SAID_FOR : h->faults[i].until;
            return again;
        }
    }
    size_t at = h->n_faults < PP_HEALTH_FAULTS ? h->n_faults++ : h->next_fault;
    h->next_fault = (at + 1) % PP_HEALTH_FAULTS;
    h->faults[at] = (struct pp_health_fault){*node, hash, now + SAID_FOR};
    return true;
}

void pp_mail_blame(struct pp_mail *mail, const struct pp_peer *peer, const char *what)
{
    char who[96];
    if (is_news(mail, &peer->id, what)) {
        pp_peer_text(who, peer);
        pp_mail_log(mail, 1, "node %s: %s", who, what);
    }
}
