/*
 * The rules of <peerpost/substrate.h> that the suite looks at, each with the header's own words,
 * and how a broken one is told: the case ends there, in its own process.
 */
#ifndef SUBSTRATE_RULES_H
#define SUBSTRATE_RULES_H

#include <stdio.h>

/* name, header, part of it, words that stand in it (a test looks) */
#define SUBSTRATE_RULES(X)                                                                         \
    X(ONE_SYMBOL, "plugin.h", "opening", "exactly one const data symbol, `peerpost_plugin`")       \
    X(NAME, "plugin.h", "struct pp_plugin", "must equal the name asked for")                       \
    X(OPTIONS, "plugin.h", "struct pp_option", "min and max bound numbers in the units of the")    \
    X(OPEN, "substrate.h", "open", "Once per process, network.")                                   \
    X(SANS_IO, "substrate.h", "opening",                                                           \
      "it has no socket, clock, thread, global, crypto or randomness of its own.")                 \
    X(SAME, "substrate.h", "opening",                                                              \
      "The same calls with the same seed give the same sends, byte for byte")                      \
    X(LENT, "substrate.h", "ground rules",                                                         \
      "Bytes, peers and results are lent for the call, both ways.")                                \
    X(ENTRIES, "substrate.h", "ground rules",                                                      \
      "Host callbacks run only inside meet, move, leave, receive and tick")                        \
    X(LOOKUP_SENDS, "substrate.h", "ground rules", "`lookup` may only call `send`")                \
    X(ONCE, "substrate.h", "ground rules", "an accepted look-up comes back once")                  \
    X(CANCEL, "substrate.h", "ground rules", "none comes back after `cancel`")                     \
    X(HOSTILE, "substrate.h", "ground rules", "whatever comes, an instance stays whole")           \
    X(NEXT, "substrate.h", "opening", "one deadline comes back from `next`")                       \
    X(CLIENT, "substrate.h", "enum pp_role", "asks only; never enters anyone's tables")            \
    X(DEGRADED, "substrate.h", "enum pp_state", "works, with a fault that the text names")         \
    X(LEFT, "substrate.h", "enum pp_state", "gone, at the latest at leave's `until`")              \
    X(PROVED, "substrate.h", "PP_ID_PROVED", "only such peers enter a table")                      \
    X(CODE, "substrate.h", "struct pp_result", "PP_OK, PP_TIMEOUT, PP_OFFLINE, PP_UNREACHABLE")    \
    X(REASON, "substrate.h", "struct pp_result", "why not, for people; NULL with PP_OK")           \
    X(CLOSEST, "substrate.h", "struct pp_result", "the k closest, closest first, self where due")  \
    X(PATH, "substrate.h", "struct pp_result", "with TRACE: who referred us, first to last")       \
    X(SEND, "substrate.h", "send", "Queues one datagram of at most PP_PAYLOAD_MAX octets")         \
    X(CREATE, "substrate.h", "create", "self: id (zero for a client) and endpoint.")               \
    X(DESTROY, "substrate.h", "destroy", "sends nothing: the crash")                               \
    X(FOUND, "substrate.h", "meet", "n = 0: found a network.")                                     \
    X(JOIN, "substrate.h", "meet", "Inactive: join through these.")                                \
    X(MERGE, "substrate.h", "meet", "Active: merge if they know nearer")                           \
    X(MOVE, "substrate.h", "move", "Same id, new endpoint: tells all known peers")                 \
    X(LEAVE, "substrate.h", "leave", "ends by `until`; running look-ups fail now.")                \
    X(LOOKUP, "substrate.h", "lookup", "k 1..32; paths >= 1 disjoint first hops")                  \
    X(COVERS, "substrate.h", "covers", "NO only when certain.")                                    \
    X(RANK, "substrate.h", "rank", "memcmp order of the 40 octets, smallest first. The oracle.")   \
    X(SNAPSHOT, "substrate.h", "snapshot", "Tables as lines of text")                              \
    X(CHECK, "substrate.h", "check", "One line a breach; returns their number.")                   \
    X(ARRANGE, "substrate.h", "arrange", "every table as after long quiet, all nodes active")      \
    X(DESCRIBE, "substrate.h", "describe", "Always terminated.")

enum substrate_rule {
#define X(name, header, part, words) RULE_##name,
    SUBSTRATE_RULES(X)
#undef X
};

/* Where breaches are told; before the first one. */
void rule_output(FILE *out);
/* Tells the rule, where the header states it, and what was seen; ends the process with 1. */
_Noreturn void rule_broken(enum substrate_rule rule, const char *format, ...)
    __attribute__((format(printf, 2, 3)));
/* All rules, a line each: header TAB part TAB words. */
void rule_list(FILE *out);

#define REQUIRE(holds, rule, ...)                                                                  \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            rule_broken(rule, __VA_ARGS__);                                                        \
        }                                                                                          \
    } while (0)

#endif
