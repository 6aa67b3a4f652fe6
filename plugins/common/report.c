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

void pp_describe(struct pp_bytes payload, const char *const *own, size_t n_own, char *text,
                 size_t cap)
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
    unsigned kind = header.kind & ~PP_WIRE_REPLY;
    const char *name = kind == PP_WIRE_PING                                ? "PING"
                       : kind == PP_WIRE_FIND                              ? "FIND"
                       : kind >= PP_WIRE_OWN && kind - PP_WIRE_OWN < n_own ? own[kind - PP_WIRE_OWN]
                                                                           : "unknown";
    snprintf(
        text, cap, "%s%s%s %016llx, %zu octets", name, header.kind & PP_WIRE_REPLY ? " reply" : "",
        header.flags & PP_WIRE_ACTIVE ? " active" : "", (unsigned long long)header.id, payload.len);
}
