/*
 * Tables and breaches as lines of text for people and tests: the words that all substrates share.
 */
#ifndef PP_COMMON_REPORT_H
#define PP_COMMON_REPORT_H

#include <common/member.h>

void pp_say(const struct pp_sink *sink, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* The first 16 hexadecimal digits, into out, which it returns. */
const char *pp_short_id(const struct pp_id *id, char out[17]);
const char *pp_phase_text(const struct pp_member *m);
/* One line an entry: name, index, id, address, round trip, suspicion. */
void pp_say_set(const struct pp_sink *sink, const char *name, const struct pp_peerset *set);
/* Strictly rising distances (in order, each once, never ourselves) and at most `max` entries: one
 * line a breach; how many. */
size_t pp_check_order(const struct pp_id *self, const char *name, const struct pp_peerset *set,
                      const struct pp_order *order, size_t max, const struct pp_sink *sink);
/* A datagram in words: the messages that all share by name, a substrate's own by its table of
 * names beginning at PP_WIRE_OWN. */
void pp_describe(struct pp_bytes payload, const char *const *own, size_t n_own, char *text,
                 size_t cap);
/* The same with what stands in the bodies. A line of `own` is "NAME|request|reply", the last two in
 * words, and in them, for what is read: %1 one octet, %8 eight (not shown), %i an id, %p a peer,
 * %P a page of peers with extra_len octets each (shown: how many), %?Nx the thing x, if the octet
 * last read has the bits of digit N. A body that reads otherwise is malformed. */
void pp_describe_bodies(struct pp_bytes payload, const char *const *own, size_t n_own,
                        size_t extra_len, char *text, size_t cap);

#endif
