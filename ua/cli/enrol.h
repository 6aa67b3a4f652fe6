/* The two steps of enrolment, for the commands that lead a newcomer through them. */
#ifndef PP_CLI_ENROL_H
#define PP_CLI_ENROL_H

#include <cli/cli.h>

/* Key and request, printed where they are; newcomer: in a newcomer's words. ! as peerpost enrol */
int enrol_begin(struct cli *cli, bool newcomer, struct pp_error *error);
/* The authority's answer into its place. ! PP_DENIED (another address or key), PP_UNTRUSTED, PP_IO
 */
int enrol_complete(struct cli *cli, const char *certificate, bool newcomer, struct pp_error *error);

#endif
