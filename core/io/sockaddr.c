/* Addresses for the kernel; see sockaddr.h. */
#include <io/sockaddr.h>

#include <string.h>

int pp_sockaddr_family(const uint8_t address[16])
{
    return pp_address_is_v4(address) ? AF_INET : AF_INET6;
}

socklen_t pp_sockaddr_put(union pp_sockaddr *out, int family, const uint8_t address[16],
                          uint16_t port)
{
    memset(out, 0, sizeof *out);
    if (family == AF_INET) {
        out->v4.sin_family = AF_INET;
        out->v4.sin_port = htons(port);
        memcpy(&out->v4.sin_addr, address + 12, 4);
        return sizeof out->v4;
    }
    out->v6.sin6_family = AF_INET6;
    out->v6.sin6_port = htons(port);
    memcpy(&out->v6.sin6_addr, address, 16);
    return sizeof out->v6;
}

uint16_t pp_sockaddr_get(const union pp_sockaddr *in, uint8_t address[16])
{
    memset(address, 0, 16);
    if (in->any.sa_family == AF_INET) {
        address[10] = address[11] = 0xff;
        memcpy(address + 12, &in->v4.sin_addr, 4);
        return ntohs(in->v4.sin_port);
    }
    if (in->any.sa_family == AF_INET6) {
        memcpy(address, &in->v6.sin6_addr, 16);
        return ntohs(in->v6.sin6_port);
    }
    return 0;
}
