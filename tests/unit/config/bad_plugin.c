/*
 * Plugins that the loader must refuse, one for each value of BAD, and a good one: every function is
 * the same harmless one, for the loader calls none.
 */
#include <peerpost/store.h>
#include <peerpost/substrate.h>

#define GOOD 0
#define NO_SYMBOL 1
#define OTHER_ABI 2
#define IS_STORE 3
#define WRONG_KIND 4
#define WRONG_NAME 5
#define NO_LOOKUP 6
#define NO_NAME 7

#ifndef BAD
#define BAD GOOD
#endif
#ifndef NAME
#define NAME "good"
#endif

#pragma GCC diagnostic ignored "-Wcast-function-type"

static int nothing(void)
{
    return 0;
}
#define FN(member) .member = (__typeof__(((struct pp_substrate *)0)->member))nothing

#if BAD == NO_SYMBOL
#define SYMBOL peerpost_plugin_misspelt
#else
#define SYMBOL peerpost_plugin
#endif

extern const struct pp_substrate SYMBOL;
PP_EXPORT const struct pp_substrate SYMBOL = {
    .plugin =
        {
#if BAD == OTHER_ABI
            .abi = PP_ABI(PP_KIND_SUBSTRATE, 999),
            /* what an unknown ABI holds must not be read: these pointers would fault */
            .name = (const char *)8,
            .options = (const struct pp_option *)8,
            .n_options = 3,
#else
#if BAD == IS_STORE
            .abi = PP_STORE_ABI,
#else
            .abi = PP_SUBSTRATE_ABI,
#endif
#if BAD == WRONG_KIND
            .kind = 77,
#else
            .kind = PP_KIND_SUBSTRATE,
#endif
#if BAD == WRONG_NAME
            .name = "someone-else",
#elif BAD != NO_NAME
            .name = NAME,
#endif
            .version = "1",
#endif
        },
    FN(open),
    FN(close),
    FN(create),
    FN(destroy),
    FN(meet),
    FN(move),
    FN(leave),
    FN(receive),
    FN(tick),
    FN(next),
    FN(cancel),
    FN(covers),
    FN(rank),
    FN(snapshot),
    FN(check),
    FN(arrange),
    FN(describe),
#if BAD != NO_LOOKUP
    FN(lookup),
#endif
};
