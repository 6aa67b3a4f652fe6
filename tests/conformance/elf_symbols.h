/*
 * Dynamic symbols of a shared object, read from its file as nm -D reads them. Knows nothing of
 * Peerpost. The file may be anything: every offset is checked.
 */
#ifndef ELF_SYMBOLS_H
#define ELF_SYMBOLS_H

#include <stdbool.h>

/* Calls fn for each named global symbol. False: no ELF of this machine, or not readable. */
bool elf_symbols(const char *file, void (*fn)(void *ctx, const char *name, bool defined),
                 void *ctx);

#endif
