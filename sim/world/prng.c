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

void pp_prng_stream(struct pp_prng *r, uint64_t seed, const char *purpose, uint64_t index)
{
    uint64_t name = 0xcbf29ce484222325u; /* FNV-1a */
    for (; *purpose; purpose++) {
        name = (name ^ (uint8_t)*purpose) * 0x100000001b3u;
    }
    uint64_t a = seed, b = name, c = index;
    a = splitmix(&a) + name;
    b = splitmix(&a) + index;
    c = splitmix(&b);
    pp_prng_seed(r, c);
}

/* 2^-(2^-i) for i = 1..32, in 2^-64. */
static const uint64_t roots[32] = {
    0xb504f333f9de6484, 0xd744fccad69d6af4, 0xeac0c6e7dd24392e, 0xf5257d152486cc2c,
    0xfa83b2db722a033a, 0xfd3e0c0cf486c174, 0xfe9e115c7b8f884b, 0xff4ecb59511ec8a4,
    0xffa756521c8daed1, 0xffd3a751c0f7e10b, 0xffe9d2b2f7db2755, 0xfff4e91bff1b8c3d,
    0xfffa747ea0040663, 0xfffd3a3b7814eb53, 0xfffe9d1cc60ddab0, 0xffff4e8e25879bf9,
    0xffffa7470363f450, 0xffffd3a37dda0312, 0xffffe9d1bdf703ae, 0xfffff4e8debe025d,
    0xfffffa746f4fa14f, 0xfffffd3a37a3f8af, 0xfffffe9d1bd10659, 0xffffff4e8de845ad,
    0xffffffa746f41376, 0xffffffd3a37a05e3, 0xffffffe9d1bd01fb, 0xfffffff4e8de80c0,
    0xfffffffa746f4050, 0xfffffffd3a37a024, 0xfffffffe9d1bd011, 0xffffffff4e8de808,
};

__extension__ typedef unsigned __int128 wide;

/* 2^-x in 2^-64, of x in 2^-32. */
static uint64_t half_to_the(uint32_t x)
{
    uint64_t y = UINT64_MAX;
    for (int i = 0; i < 32; i++) {
        if (x & (0x80000000u >> i)) {
            y = (uint64_t)(((wide)y * roots[i]) >> 64);
        }
    }
    return y;
}

uint64_t pp_prng_exponential(struct pp_prng *r, uint64_t median)
{
    uint64_t coins = pp_prng_next(r), whole = coins ? (uint64_t)__builtin_ctzll(coins) : 63;
    uint32_t part;
    do {
        part = (uint32_t)(pp_prng_next(r) >> 32);
    } while (pp_prng_next(r) > half_to_the(part));
    wide drawn = (((wide)whole << 32) + part) * median;
    return (uint64_t)(drawn >> 32);
}
