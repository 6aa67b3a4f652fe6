/* The 16 octets and port that Peerpost has for an address, as the kernel wants them and back. */
#ifndef PP_IO_SOCKADDR_H
#define PP_IO_SOCKADDR_H

#include <netinet/in.h>
#include <peerpost/id.h>
#include <sys/socket.h>

union pp_sockaddr {
    struct sockaddr any;
    struct sockaddr_in v4;
    struct sockaddr_in6 v6;
};

/* AF_INET for a mapped address (RFC 4291 section 2.5.5.2), else AF_INET6. */
int pp_sockaddr_family(const uint8_t address[16]);
/* For a socket of that family; of AF_INET the address is a mapped one. Returns its length. */
socklen_t pp_sockaddr_put(union pp_sockaddr *out, int family, const uint8_t address[16],
                          uint16_t port);
/* Returns the port; 0 and the address zero where it is neither of the two families. */
uint16_t pp_sockaddr_get(const union pp_sockaddr *in, uint8_t address[16]);

#endif
