/* SipHash-2-4 and the generator made of it; see random.h. */
#include <common/random.h>

#include <string.h>

static uint64_t little64(const uint8_t *p)
{
    uint64_t v = 0;
    for (int i = 7; i >= 0; i--) {
        v = (v << 8) | p[i];
    }
    return v;
}

static uint64_t rotate(uint64_t v, unsigned bits)
{
    return (v << bits) | (v >> (64 - bits));
}

static void rounds(uint64_t v[4], int n)
{
    while (n-- > 0) {
        v[0] += v[1];
        v[2] += v[3];
        v[1] = rotate(v[1], 13) ^ v[0];
        v[3] = rotate(v[3], 16) ^ v[2];
        v[0] = rotate(v[0], 32);
        v[2] += v[1];
        v[0] += v[3];
        v[1] = rotate(v[1], 17) ^ v[2];
        v[3] = rotate(v[3], 21) ^ v[0];
        v[2] = rotate(v[2], 32);
    }
}

static void absorb(uint64_t v[4], uint64_t word)
{
    v[3] ^= word;
    rounds(v, 2);
    v[0] ^= word;
}

uint64_t pp_siphash(const uint8_t key[16], const void *data, size_t len)
{
    uint64_t k0 = little64(key), k1 = little64(key + 8);
    uint64_t v[4] = {k0 ^ 0x736f6d6570736575, k1 ^ 0x646f72616e646f6d, k0 ^ 0x6c7967656e657261,
                     k1 ^ 0x7465646279746573};
    const uint8_t *p = data;
    size_t left = len;
    for (; left >= 8; left -= 8, p += 8) {
        absorb(v, little64(p));
    }
    uint8_t tail[8] = {0};
    if (left) {
        memcpy(tail, p, left);
    }
    tail[7] = (uint8_t)len;
    absorb(v, little64(tail));
    v[2] ^= 0xff;
    rounds(v, 4);
    return v[0] ^ v[1] ^ v[2] ^ v[3];
}

void pp_random_init(struct pp_random *random, const uint8_t seed[16])
{
    memcpy(random->key, seed, sizeof random->key);
    random->counter = 0;
}

uint64_t pp_random_next(struct pp_random *random)
{
    uint64_t block = random->counter++;
    return pp_siphash(random->key, &block, sizeof block);
}

uint64_t pp_random_below(struct pp_random *random, uint64_t bound)
{
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound;
    uint64_t v = pp_random_next(random);
    while (v >= limit) { /* a multiple of bound, so that no value is favoured */
        v = pp_random_next(random);
    }
    return v % bound;
}

pp_ns pp_random_jitter(struct pp_random *random, pp_ns period)
{
    return period - period / 4 + pp_random_below(random, period / 2 + 1);
}
