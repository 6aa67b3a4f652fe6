/* Lines of text; see report.h. */
#include <common/report.h>

#include <stdarg.h>
#include <stdio.h>

void pp_say(const struct pp_sink *sink, const char *format, ...)
{
    char text[200];
    va_list args;
    va_start(args, format);
    vsnprintf(text, sizeof text, format, args);
    va_end(args);
    if (sink && sink->line) {
        sink->line(sink->ctx, text);
    }
}

const char *pp_short_id(const struct pp_id *id, char out[17])
{
    pp_hex(out, id->b, 8);
    return out;
}

const char *pp_phase_text(const struct pp_member *m)
{
    static const char *const phases[] = {"out", "seeking", "entering", "member", "leaving", "left"};
    return m->client ? "client" : phases[m->phase];
}

void pp_say_set(const struct pp_sink *sink, const char *name, const struct pp_peerset *set)
{
    char id[17], address[46];
    for (size_t i = 0; i < set->n; i++) {
        const struct pp_entry *entry = &set->at[i];
        pp_address_text(address, entry->peer.address);
        pp_say(sink, "%s %zu %s %s %u rtt %u us%s", name, i, pp_short_id(&entry->peer.id, id),
               address, entry->peer.udp, entry->rtt * 125u,
               entry->flags & PP_ENTRY_SUSPECT ? " suspect" : "");
    }
}

size_t pp_check_order(const struct pp_id *self, const char *name, const struct pp_peerset *set,
                      const struct pp_order *order, size_t max, const struct pp_sink *sink)
{
    char id[17];
    size_t bad = 0;
    struct pp_id before = {{0}};
    for (size_t i = 0; i < set->n; i++) {
        struct pp_id d = order->distance(&order->origin, &set->at[i].peer.id);
        if (pp_id_compare(&before, &d) >= 0) {
            pp_say(sink, "%s: %s %zu is out of order", pp_short_id(self, id), name, i);
            bad++;
        }
        before = d;
    }
    if (set->n > max) {
        pp_say(sink, "%s: %zu of %s, at most %zu", pp_short_id(self, id), (size_t)set->n, name,
               max);
        bad++;
    }
    return bad;
}

/* ---- datagrams ---- */

struct words {
    struct pp_reader *body;
    size_t extra_len, len;
    char text[80];
    uint8_t octet; /* the last one read */
};

static void put(struct words *w, const char *format, ...) __attribute__((format(printf, 2, 3)));

static void put(struct words *w, const char *format, ...)
{
    size_t room = sizeof w->text - w->len;
    va_list args;
    va_start(args, format);
    int wrote = vsnprintf(w->text + w->len, room, format, args);
    va_end(args);
    w->len += wrote > 0 && (size_t)wrote < room ? (size_t)wrote : 0;
}

static void put_thing(struct words *w, char what)
{
    char hex[17];
    struct pp_id id = {{0}};
    struct pp_peer peer = {.udp = 0};
    struct pp_page page = {.n = 0};
    switch (what) {
    case '1':
        w->octet = pp_read8(w->body);
        put(w, "%u", w->octet);
        break;
    case '8':
        pp_read64(w->body);
        break;
    case 'i':
        pp_read_id(w->body, &id);
        put(w, "%.8s", pp_short_id(&id, hex));
        break;
    case 'p':
        pp_read_peer(w->body, &peer);
        put(w, "%.8s", pp_short_id(&peer.id, hex));
        break;
    default:
        pp_read_page(w->body, &page, w->extra_len);
        put(w, "%u", page.n);
        break;
    }
}

/* The body after its pattern, up to the next bar. */
static bool put_body(struct words *w, const char *at)
{
    for (; *at && *at != '|'; at++) {
        bool skip = false;
        if (*at != '%') {
            put(w, "%c", *at);
            continue;
        }
        at++;
        if (*at == '?') {
            skip = !(w->octet & (at[1] - '0'));
            at += 2;
        }
        if (!skip) {
            put_thing(w, *at);
        }
    }
    return pp_read_done(w->body);
}

static const char *pattern_of(uint8_t kind, const char *const *own, size_t n_own)
{
    kind &= (uint8_t)~PP_WIRE_REPLY;
    switch (kind) {
    case PP_WIRE_PING:
        return "PING| key %1 %?1i| %P nearer";
    case PP_WIRE_FIND:
        return "FIND| key %i k %1 from %1| complete %1, %P peers";
    default:
        return kind >= PP_WIRE_OWN && kind - PP_WIRE_OWN < (int)n_own ? own[kind - PP_WIRE_OWN]
                                                                      : "unknown";
    }
}

static void describe(struct pp_bytes payload, const char *const *own, size_t n_own,
                     struct words *words, char *text, size_t cap)
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
    const char *pattern = pattern_of(header.kind, own, n_own), *reply = "";
    const char *body = strchr(pattern, '|');
    int name = (int)strcspn(pattern, "|");
    if (header.kind & PP_WIRE_REPLY) {
        reply = " reply";
        body = body ? strchr(body + 1, '|') : NULL;
    }
    bool good = true;
    if (words) {
        words->body = &r;
        good = body && put_body(words, body + 1);
    }
    snprintf(text, cap, "%.*s%s%s%s %016llx, %zu octets", name, pattern, reply,
             !good   ? " malformed"
             : words ? words->text
                     : "",
             header.flags & PP_WIRE_ACTIVE ? " active" : "", (unsigned long long)header.id,
             payload.len);
}

void pp_describe(struct pp_bytes payload, const char *const *own, size_t n_own, char *text,
                 size_t cap)
{
    describe(payload, own, n_own, NULL, text, cap);
}

void pp_describe_bodies(struct pp_bytes payload, const char *const *own, size_t n_own,
                        size_t extra_len, char *text, size_t cap)
{
    struct words words = {.extra_len = extra_len};
    describe(payload, own, n_own, &words, text, cap);
}
