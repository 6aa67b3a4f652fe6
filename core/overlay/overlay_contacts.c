/*
 * The configured contacts: addresses as they are, names through the resolver, at the start and
 * again while nobody of the network answers, for a name may have moved. Knows nothing of the
 * network.
 */
#include <overlay/overlay_internal.h>

#include <base/log.h>
#include <stdlib.h>

#define AGAIN_FIRST PP_SECOND       /* after a failure, doubled each time .. */
#define AGAIN_MAX PP_MINUTE         /* .. up to this */
#define AGAIN_GOOD (30 * PP_SECOND) /* its addresses do not answer: has it new ones? */

struct pp_contact_name {
    struct pp_overlay *overlay;
    struct pp_resolve *question; /* NULL: not being asked */
    pp_ns next, wait;
    char host[254];
    uint16_t port;
    size_t n;
    uint8_t addresses[PP_RESOLVE_MAX][16];
};

/* A host's name (RFC 1123): not what looks like an address. */
static bool is_name(const char *text)
{
    bool letter = false, dot = true;
    for (; *text; text++) {
        bool alpha = (*text >= 'a' && *text <= 'z') || (*text >= 'A' && *text <= 'Z');
        bool other = (*text >= '0' && *text <= '9') || *text == '-' || *text == '_';
        letter = letter || alpha;
        if (!alpha && !other && (*text != '.' || dot)) {
            return false;
        }
        dot = *text == '.';
    }
    return letter;
}

/* "127.1.0.1:4000", "[::1]:4000" or "node.example:4000". */
static int parse_contact(char host[254], struct pp_peer *peer, const char *text)
{
    char *end;
    const char *colon = strrchr(text, ':');
    bool bracket = text[0] == '[' && colon && colon > text && colon[-1] == ']';
    const char *from = bracket ? text + 1 : text, *to = bracket ? colon - 1 : colon;
    if (!colon || to <= from || to - from > 253) {
        return PP_MALFORMED;
    }
    memcpy(host, from, (size_t)(to - from));
    host[to - from] = '\0';
    unsigned long port = strtoul(colon + 1, &end, 10);
    if (*end != '\0' || colon[1] < '0' || colon[1] > '9' || port < 1 || port > 65535) {
        return PP_MALFORMED;
    }
    *peer = (struct pp_peer){.udp = (uint16_t)port};
    if (pp_address_parse(peer->address, host) == PP_OK) {
        host[0] = '\0';
        return PP_OK;
    }
    return !bracket && is_name(host) ? PP_OK : PP_MALFORMED;
}

static void add_peer(struct pp_overlay *o, const struct pp_peer *peer)
{
    if (!pp_overlay_is_self(o, peer) && o->n_contacts < PP_CONTACTS_MAX) {
        o->refused[o->n_contacts] = false;
        o->contacts[o->n_contacts++] = *peer;
    }
}

int pp_contacts_read(struct pp_overlay *o, struct pp_error *error)
{
    o->names = calloc(o->options.n_contacts + 1, sizeof *o->names);
    for (size_t i = 0; o->names && i < o->options.n_contacts; i++) {
        struct pp_contact_name *name = &o->names[o->n_names];
        struct pp_peer peer;
        if (parse_contact(name->host, &peer, o->options.contacts[i]) != PP_OK) {
            return pp_fail(error, PP_CONFIG,
                           "overlay.contacts: \"%s\" is neither ADDRESS:PORT (for IPv6 "
                           "[ADDRESS]:PORT) nor NAME:PORT; give a node's address or name, and its "
                           "UDP port",
                           o->options.contacts[i]);
        }
        if (name->host[0] == '\0') {
            add_peer(o, &peer);
        } else {
            name->overlay = o;
            name->port = peer.udp;
            o->n_names++;
        }
    }
    o->n_fixed = o->n_contacts;
    return o->names ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory for the overlay");
}

static void collect(struct pp_overlay *o)
{
    o->n_contacts = o->n_fixed;
    for (size_t i = 0; i < o->n_names; i++) {
        for (size_t j = 0; j < o->names[i].n; j++) {
            struct pp_peer peer = {.udp = o->names[i].port};
            memcpy(peer.address, o->names[i].addresses[j], 16);
            add_peer(o, &peer);
        }
    }
}

static void on_resolved(void *ctx, const uint8_t (*addresses)[16], size_t n, const char *why)
{
    struct pp_contact_name *name = ctx;
    struct pp_overlay *o = name->overlay;
    pp_ns now = pp_loop_now(o->loop).mono;
    name->question = NULL;
    if (n == 0) { /* what it had before stays */
        if (name->wait == 0) {
            pp_log(PP_LOG_WARN, "overlay",
                   "overlay.contacts: the name \"%s\" cannot be resolved (%s); still trying",
                   name->host, why);
        }
        name->wait = name->wait ? 2 * name->wait : AGAIN_FIRST;
        name->wait = name->wait < AGAIN_MAX ? name->wait : AGAIN_MAX;
        name->next = now + name->wait;
        return;
    }
    memcpy(name->addresses, addresses, n * sizeof *addresses);
    name->n = n;
    name->wait = 0;
    name->next = now + AGAIN_GOOD;
    collect(o);
    if (o->seeking_since != PP_NEVER) {
        o->next_seek = now;
    }
}

void pp_contacts_resolve(struct pp_overlay *o, struct pp_now now)
{
    bool v6 = !pp_address_is_v4(o->options.listen);
    for (size_t i = 0; i < o->n_names; i++) {
        struct pp_contact_name *name = &o->names[i];
        if (!name->question && now.mono >= name->next) {
            name->question = pp_resolve_start(o->loop, name->host, v6, on_resolved, name);
            name->next = now.mono + AGAIN_FIRST; /* without memory: soon again */
        }
    }
}

bool pp_contacts_pending(const struct pp_overlay *o)
{
    for (size_t i = 0; i < o->n_names; i++) {
        if (o->names[i].question) {
            return true;
        }
    }
    return false;
}

size_t pp_contacts_unresolved(const struct pp_overlay *o)
{
    size_t n = 0;
    for (size_t i = 0; i < o->n_names; i++) {
        n += o->names[i].n == 0;
    }
    return n;
}

void pp_contacts_finish(struct pp_overlay *o)
{
    for (size_t i = 0; i < o->n_names; i++) {
        pp_resolve_cancel(o->names[i].question);
    }
    free(o->names);
}
