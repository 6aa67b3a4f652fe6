/* The texts of --help; see help.c. */
#ifndef PP_CLI_HELP_H
#define PP_CLI_HELP_H

#include <cli/cli.h>

#endif
