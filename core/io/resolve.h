/*
 * Names to addresses through the system's resolver, which blocks: each question has a thread of its
 * own, that nobody waits for. The answer comes on the loop. Knows no ports.
 */
#ifndef PP_IO_RESOLVE_H
#define PP_IO_RESOLVE_H

#include <io/loop.h>
#include <stddef.h>
#include <stdint.h>

#define PP_RESOLVE_MAX 8 /* addresses of one name */

struct pp_resolve;

/* Called once, on the loop's thread, never from inside pp_resolve_start; the question is over then.
 * n = 0: none, and `why` says why (lent). Addresses are in the resolver's order, IPv4 mapped. */
typedef void pp_resolve_fn(void *ctx, const uint8_t (*addresses)[16], size_t n, const char *why);

/* v6: IPv6 addresses too. NULL: no memory, or no thread. */
struct pp_resolve *pp_resolve_start(struct pp_loop *loop, const char *name, bool v6,
                                    pp_resolve_fn *done, void *ctx);
/* `done` is not called any more. Does not wait. NULL is no question. */
void pp_resolve_cancel(struct pp_resolve *question);

#endif
