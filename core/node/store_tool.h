/* What peerpostd does with a store while no node runs on it: migration, check, repair. */
#ifndef PP_NODE_STORE_TOOL_H
#define PP_NODE_STORE_TOOL_H

#include <stdbool.h>

/* --migrate-store: from "PLUGIN" or "PLUGIN:PATH" to what the configuration names. Progress on a
 * terminal; a sentence there, or JSON, when done. Returns the exit code. */
int store_tool_migrate(const char *config, const char *old, bool json);
/* --check-store: one line a fault on standard output. Returns the exit code: 65, faults are left */
int store_tool_check(const char *config, bool repair);

#endif
