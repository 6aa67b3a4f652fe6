/* Distances and plausible addresses; see order.h. */
#include <common/order.h>

#include <string.h>

struct pp_id pp_distance_clockwise(const struct pp_id *origin, const struct pp_id *id)
{
    return pp_id_sub(id, origin);
}

struct pp_id pp_distance_counter(const struct pp_id *origin, const struct pp_id *id)
{
    return pp_id_sub(origin, id);
}

struct pp_id pp_distance_xor(const struct pp_id *origin, const struct pp_id *id)
{
    return pp_id_xor(origin, id);
}

struct pp_id pp_distance_ring(const struct pp_id *origin, const struct pp_id *id)
{
    struct pp_id there = pp_id_sub(id, origin), back = pp_id_sub(origin, id);
    return pp_id_compare(&there, &back) <= 0 ? there : back;
}

struct pp_id pp_id_after(const struct pp_id *id)
{
    struct pp_id one = pp_id_power(0);
    return pp_id_add(id, &one);
}

/* All digits of an octet at once; `tops` has the highest bit of each: borrows do not cross them. */
static struct pp_id digits(const struct pp_id *origin, const struct pp_id *id, unsigned tops)
{
    struct pp_id out;
    for (size_t i = 0; i < PP_ID_LEN; i++) {
        unsigned x = id->b[i], k = origin->b[i];
        out.b[i] = (uint8_t)(((x | tops) - (k & ~tops)) ^ ((x ^ ~k) & tops));
    }
    return out;
}

struct pp_id pp_distance_digits2(const struct pp_id *origin, const struct pp_id *id)
{
    return digits(origin, id, 0xaa);
}

struct pp_id pp_distance_digits4(const struct pp_id *origin, const struct pp_id *id)
{
    return digits(origin, id, 0x88);
}

struct pp_id pp_distance_digits8(const struct pp_id *origin, const struct pp_id *id)
{
    return digits(origin, id, 0x80);
}

int pp_id_top_bit(const struct pp_id *id)
{
    static const struct pp_id zero;
    return PP_ID_BITS - 1 - (int)pp_id_shared_bits(id, &zero);
}

unsigned pp_id_digit(const struct pp_id *id, unsigned index, unsigned bits)
{
    unsigned bit = index * bits;
    unsigned octet = id->b[bit / 8];
    return (octet >> (8 - bits - bit % 8)) & ((1u << bits) - 1);
}

uint64_t pp_ring_spacing(const struct pp_id *key, const struct pp_peer *peers, size_t n)
{
    if (n == 0) {
        return 0;
    }
    struct pp_id span = pp_id_sub(&peers[n - 1].id, key);
    return pp_id_high(&span) / n;
}

enum scope { SCOPE_NONE, SCOPE_LOCAL, SCOPE_PUBLIC };

static enum scope scope_v4(const uint8_t a[4])
{
    if (a[0] == 0 || a[0] >= 224) {
        return SCOPE_NONE; /* this network, multicast, reserved, broadcast */
    }
    bool local = a[0] == 10 || a[0] == 127 || (a[0] == 172 && (a[1] & 0xf0) == 16) ||
                 (a[0] == 192 && a[1] == 168) || (a[0] == 169 && a[1] == 254) ||
                 (a[0] == 100 && (a[1] & 0xc0) == 64);
    return local ? SCOPE_LOCAL : SCOPE_PUBLIC;
}

static enum scope scope_of(const uint8_t address[16])
{
    static const uint8_t nothing[15];
    if (pp_address_is_v4(address)) {
        return scope_v4(address + 12);
    }
    if (memcmp(address, nothing, sizeof nothing) == 0) {
        return address[15] == 1 ? SCOPE_LOCAL : SCOPE_NONE;
    }
    if (address[0] == 0xff) {
        return SCOPE_NONE;
    }
    bool local = (address[0] & 0xfe) == 0xfc || (address[0] == 0xfe && (address[1] & 0xc0) == 0x80);
    return local ? SCOPE_LOCAL : SCOPE_PUBLIC;
}

bool pp_peer_plausible(const struct pp_peer *peer, const uint8_t teller[16])
{
    enum scope scope = scope_of(peer->address);
    return peer->udp != 0 && scope != SCOPE_NONE &&
           (scope == SCOPE_PUBLIC || scope_of(teller) != SCOPE_PUBLIC);
}
