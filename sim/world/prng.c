/* The world's randomness; see prng.h. */
#include <sim/world/prng.h>

static uint64_t splitmix(uint64_t *x)
{
    uint64_t z = (*x += 0x9e3779b97f4a7c15u);
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return z ^ (z >> 31);
}

static uint64_t rotate(uint64_t x, int k)
{
    return (x << k) | (x >> (64 - k));
}

void pp_prng_seed(struct pp_prng *r, uint64_t seed)
{
    for (int i = 0; i < 4; i++) {
        r->s[i] = splitmix(&seed);
    }
}

uint64_t pp_prng_next(struct pp_prng *r)
{
    uint64_t *s = r->s, result = rotate(s[1] * 5, 7) * 9, t = s[1] << 17;
    s[2] ^= s[0];
    s[3] ^= s[1];
    s[1] ^= s[2];
    s[0] ^= s[3];
    s[2] ^= t;
    s[3] = rotate(s[3], 45);
    return result;
}

uint64_t pp_prng_below(struct pp_prng *r, uint64_t bound)
{
    if (bound == 0) {
        return 0;
    }
    uint64_t limit = UINT64_MAX - UINT64_MAX % bound, x;
    do {
        x = pp_prng_next(r);
    } while (x >= limit);
    return x % bound;
}

int pp_prng_chance(struct pp_prng *r, uint32_t ppm)
{
    return ppm && pp_prng_below(r, 1000000) < ppm;
}

void pp_prng_fill(struct pp_prng *r, void *out, size_t len)
{
    uint8_t *p = out;
    for (size_t i = 0; i < len; i++) {
        p[i] = (uint8_t)(pp_prng_next(r) >> 56);
    }
}
