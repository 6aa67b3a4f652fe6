/* Token buckets and CIDRs; see rate.h. */
#include <overlay/rate.h>

#include <stdlib.h>

bool pp_bucket_take(struct pp_bucket *bucket, pp_ns now, float rate, float burst)
{
    if (!bucket->used) {
        *bucket = (struct pp_bucket){now, burst, true};
    }
    if (now > bucket->at) {
        float gained = (float)(now - bucket->at) / 1e9f * rate;
        bucket->tokens = bucket->tokens + gained < burst ? bucket->tokens + gained : burst;
        bucket->at = now;
    }
    if (bucket->tokens < 1.0f) {
        return false;
    }
    bucket->tokens -= 1.0f;
    return true;
}

int pp_rates_init(struct pp_rates *rates, const uint8_t secret[16])
{
    memcpy(rates->secret, secret, sizeof rates->secret);
    rates->slots = calloc(PP_RATE_SLOTS, sizeof *rates->slots);
    return rates->slots ? PP_OK : PP_NOMEM;
}

void pp_rates_finish(struct pp_rates *rates)
{
    free(rates->slots);
    rates->slots = NULL;
}

static uint64_t mix(uint64_t h, uint64_t v)
{
    h ^= v;
    h *= 0x9e3779b97f4a7c15u;
    h ^= h >> 29;
    h *= 0xbf58476d1ce4e5b9u;
    return h ^ (h >> 32);
}

uint64_t pp_endpoint_hash(const uint8_t secret[16], const uint8_t address[16], uint16_t port)
{
    uint64_t a = pp_get64(secret), b = pp_get64(secret + 8);
    uint64_t h = mix(a, pp_get64(address) ^ b);
    h = mix(h + b, pp_get64(address + 8));
    return mix(h ^ a, (uint64_t)port + b);
}

bool pp_rates_take(struct pp_rates *rates, const uint8_t address[16], pp_ns now, float rate,
                   float burst)
{
    uint8_t source[16];
    memcpy(source, address, sizeof source);
    if (!pp_address_is_v4(address)) {
        memset(source + 8, 0, 8);
    }
    uint64_t slot = pp_endpoint_hash(rates->secret, source, 0) % PP_RATE_SLOTS;
    return pp_bucket_take(&rates->slots[slot], now, rate, burst);
}

int pp_cidr_parse(struct pp_cidr *cidr, const char *text)
{
    char address[64];
    const char *slash = strchr(text, '/');
    size_t len = slash ? (size_t)(slash - text) : strlen(text);
    if (len >= sizeof address) {
        return PP_MALFORMED;
    }
    memcpy(address, text, len);
    address[len] = '\0';
    if (pp_address_parse(cidr->address, address) != PP_OK) {
        return PP_MALFORMED;
    }
    bool v4 = pp_address_is_v4(cidr->address);
    unsigned long bits = v4 ? 32 : 128;
    if (slash) {
        char *end;
        unsigned long given = strtoul(slash + 1, &end, 10);
        if (slash[1] < '0' || slash[1] > '9' || *end != '\0' || given > bits) {
            return PP_MALFORMED;
        }
        bits = given;
    }
    cidr->bits = (unsigned)bits + (v4 ? 96 : 0);
    return PP_OK;
}

bool pp_cidr_holds(const struct pp_cidr *cidr, const uint8_t address[16])
{
    unsigned whole = cidr->bits / 8, rest = cidr->bits % 8;
    if (memcmp(cidr->address, address, whole) != 0) {
        return false;
    }
    return rest == 0 || ((cidr->address[whole] ^ address[whole]) >> (8 - rest)) == 0;
}
