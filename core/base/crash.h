/* Crash points and mutants for core and user agent: the same as a plugin's. */
#ifndef PP_BASE_CRASH_H
#define PP_BASE_CRASH_H

#include <peerpost/crash.h>

#endif
