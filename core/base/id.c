/* Arithmetic on 160-bit ids; see peerpost/id.h. */
#include <peerpost/id.h>

#include <arpa/inet.h>
#include <peerpost/error.h>

int pp_id_compare(const struct pp_id *a, const struct pp_id *b)
{
    return memcmp(a->b, b->b, PP_ID_LEN);
}

bool pp_id_equal(const struct pp_id *a, const struct pp_id *b)
{
    return pp_id_compare(a, b) == 0;
}

bool pp_id_is_zero(const struct pp_id *a)
{
    static const struct pp_id zero;
    return pp_id_equal(a, &zero);
}

struct pp_id pp_id_add(const struct pp_id *a, const struct pp_id *b)
{
    struct pp_id sum;
    unsigned carry = 0;
    for (int i = PP_ID_LEN; i-- > 0;) {
        carry += (unsigned)a->b[i] + b->b[i];
        sum.b[i] = (uint8_t)carry;
        carry >>= 8;
    }
    return sum;
}

struct pp_id pp_id_sub(const struct pp_id *a, const struct pp_id *b)
{
    struct pp_id difference;
    int borrow = 0;
    for (int i = PP_ID_LEN; i-- > 0;) {
        int d = a->b[i] - b->b[i] - borrow;
        borrow = d < 0;
        difference.b[i] = (uint8_t)d;
    }
    return difference;
}

struct pp_id pp_id_xor(const struct pp_id *a, const struct pp_id *b)
{
    struct pp_id x;
    for (int i = 0; i < PP_ID_LEN; i++) {
        x.b[i] = a->b[i] ^ b->b[i];
    }
    return x;
}

struct pp_id pp_id_power(unsigned bit)
{
    struct pp_id x = {{0}};
    x.b[PP_ID_LEN - 1 - bit / 8] = (uint8_t)(1u << (bit % 8));
    return x;
}

unsigned pp_id_shared_bits(const struct pp_id *a, const struct pp_id *b)
{
    for (unsigned i = 0; i < PP_ID_LEN; i++) {
        unsigned x = a->b[i] ^ b->b[i];
        if (x) {
            return 8 * i + (unsigned)__builtin_clz(x) - 24;
        }
    }
    return PP_ID_BITS;
}

bool pp_id_in(const struct pp_id *x, const struct pp_id *from, const struct pp_id *to)
{
    if (pp_id_equal(from, to)) {
        return true;
    }
    struct pp_id to_x = pp_id_sub(x, from), to_end = pp_id_sub(to, from);
    return !pp_id_is_zero(&to_x) && pp_id_compare(&to_x, &to_end) <= 0;
}

uint64_t pp_id_high(const struct pp_id *a)
{
    return pp_get64(a->b);
}

struct pp_id pp_name_key(const struct pp_name *name)
{
    struct pp_id key;
    memcpy(key.b, name->b, PP_ID_LEN);
    return key;
}

bool pp_peer_same_endpoint(const struct pp_peer *a, const struct pp_peer *b)
{
    return a->udp == b->udp && memcmp(a->address, b->address, sizeof a->address) == 0;
}

static const uint8_t mapped[12] = {0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0xff, 0xff};

int pp_address_parse(uint8_t address[16], const char *text)
{
    if (inet_pton(AF_INET, text, address + 12) == 1) {
        memcpy(address, mapped, sizeof mapped);
        return PP_OK;
    }
    return inet_pton(AF_INET6, text, address) == 1 ? PP_OK : PP_MALFORMED;
}

bool pp_address_is_v4(const uint8_t address[16])
{
    return memcmp(address, mapped, sizeof mapped) == 0;
}

void pp_address_text(char out[46], const uint8_t address[16])
{
    if (pp_address_is_v4(address)) {
        inet_ntop(AF_INET, address + 12, out, 46);
    } else {
        inet_ntop(AF_INET6, address, out, 46);
    }
}
