/* The schema of peerpost's configuration; see options.c. */
#ifndef PP_CLI_OPTIONS_H
#define PP_CLI_OPTIONS_H

#include <config/config.h>

extern const struct pp_schema cli_schema;

#endif
