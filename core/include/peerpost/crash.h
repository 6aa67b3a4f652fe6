/*
 * Crash points of the durability tests: with PP_CRASH=name:n in the environment of a test build the
 * n-th passing of that point kills the process as kill -9 does. In a release build a point is
 * nothing. Mutants break one promise on purpose (PP_MUTANT=name), so that a test can prove that it
 * would notice. Plugins have their own copy, hence their own count.
 */
#ifndef PEERPOST_CRASH_H
#define PEERPOST_CRASH_H

#include <stdbool.h>

#ifdef PEERPOST_CRASH_POINTS
void pp_crash(const char *point);
bool pp_mutant(const char *name);
#else
static inline void pp_crash(const char *point)
{
    (void)point;
}
static inline bool pp_mutant(const char *name)
{
    (void)name;
    return false;
}
#endif

#endif
