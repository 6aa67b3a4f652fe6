/*
 * A list of addresses in a file: one a line, "user@host", "@host" or "host" for all of a domain
 * (its subdomains too), "#" begins a comment. Read again when the file changes. It knows no policy.
 */
#ifndef PP_BOX_ADDRESSES_H
#define PP_BOX_ADDRESSES_H

#include <stdbool.h>

struct pp_addresses;

/* A file that is missing is an empty list until it appears. NULL: no memory. */
struct pp_addresses *pp_addresses_open(const char *path);
void pp_addresses_close(struct pp_addresses *list); /* accepts NULL */
bool pp_addresses_have(struct pp_addresses *list, const char *address);

#endif
