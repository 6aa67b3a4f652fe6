/* Arithmetic on 160-bit ids; see peerpost/id.h. */
#include <peerpost/id.h>

#include <arpa/inet.h>
#include <endian.h>
#include <peerpost/error.h>

/* An id as numbers, so that the arithmetic of a look-up (most of a substrate's work) takes a few
 * instructions: the first 64 bits, the next, the last 32. */
struct words {
    uint64_t high, middle;
    uint32_t low;
};

static inline struct words words_of(const struct pp_id *id)
{
    struct words w;
    memcpy(&w.high, id->b, 8);
    memcpy(&w.middle, id->b + 8, 8);
    memcpy(&w.low, id->b + 16, 4);
    return (struct words){be64toh(w.high), be64toh(w.middle), be32toh(w.low)};
}

static inline struct pp_id id_of(struct words w)
{
    struct pp_id id;
    w = (struct words){htobe64(w.high), htobe64(w.middle), htobe32(w.low)};
    memcpy(id.b, &w.high, 8);
    memcpy(id.b + 8, &w.middle, 8);
    memcpy(id.b + 16, &w.low, 4);
    return id;
}

static inline struct words subtract(struct words a, struct words b)
{
    struct words d;
    uint64_t borrow = a.low < b.low;
    d.low = a.low - b.low;
    d.middle = a.middle - b.middle - borrow;
    borrow = a.middle < b.middle || (a.middle == b.middle && borrow);
    d.high = a.high - b.high - borrow;
    return d;
}

static inline int order(struct words a, struct words b)
{
    if (a.high != b.high) {
        return a.high < b.high ? -1 : 1;
    }
    if (a.middle != b.middle) {
        return a.middle < b.middle ? -1 : 1;
    }
    return a.low < b.low ? -1 : a.low > b.low;
}

int pp_id_compare(const struct pp_id *a, const struct pp_id *b)
{
    return order(words_of(a), words_of(b));
}

bool pp_id_equal(const struct pp_id *a, const struct pp_id *b)
{
    return memcmp(a->b, b->b, PP_ID_LEN) == 0;
}

bool pp_id_is_zero(const struct pp_id *a)
{
    struct words w = words_of(a);
    return (w.high | w.middle | w.low) == 0;
}

struct pp_id pp_id_add(const struct pp_id *a, const struct pp_id *b)
{
    struct words x = words_of(a), y = words_of(b), sum;
    sum.low = x.low + y.low;
    uint64_t carry = sum.low < x.low;
    sum.middle = x.middle + y.middle + carry;
    carry = sum.middle < x.middle || (sum.middle == x.middle && carry);
    sum.high = x.high + y.high + carry;
    return id_of(sum);
}

struct pp_id pp_id_sub(const struct pp_id *a, const struct pp_id *b)
{
    return id_of(subtract(words_of(a), words_of(b)));
}

struct pp_id pp_id_xor(const struct pp_id *a, const struct pp_id *b)
{
    struct words x = words_of(a), y = words_of(b);
    return id_of((struct words){x.high ^ y.high, x.middle ^ y.middle, x.low ^ y.low});
}

struct pp_id pp_id_power(unsigned bit)
{
    struct pp_id x = {{0}};
    x.b[PP_ID_LEN - 1 - bit / 8] = (uint8_t)(1u << (bit % 8));
    return x;
}

unsigned pp_id_shared_bits(const struct pp_id *a, const struct pp_id *b)
{
    struct words x = words_of(a), y = words_of(b);
    if (x.high != y.high) {
        return (unsigned)__builtin_clzll(x.high ^ y.high);
    }
    if (x.middle != y.middle) {
        return 64 + (unsigned)__builtin_clzll(x.middle ^ y.middle);
    }
    return x.low != y.low ? 128 + (unsigned)__builtin_clz(x.low ^ y.low) : PP_ID_BITS;
}

bool pp_id_in(const struct pp_id *x, const struct pp_id *from, const struct pp_id *to)
{
    if (pp_id_equal(from, to)) {
        return true;
    }
    struct words start = words_of(from), to_x = subtract(words_of(x), start);
    return (to_x.high | to_x.middle | to_x.low) != 0 &&
           order(to_x, subtract(words_of(to), start)) <= 0;
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
