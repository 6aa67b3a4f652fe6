/*
 * Token buckets, day sums and uploads by source; see limits.h. A bucket is one time: when it would
 * be full again (the "theoretical arrival time" of a leaky bucket), so an entry is small and needs
 * no refill.
 */
#include <node/limits.h>

#include <base/hash.h>
#include <node/node.h>
#include <stdlib.h>

#define BUCKETS 16384u

struct node_source {
    uint8_t key[33]; /* a class octet, then an address prefix or a key's hash */
    bool coarse;
    unsigned held;
    unsigned factor;
    pp_ns used;
    pp_ns full_at[NODE_RATES];
    pp_ns day; /* mono, start of the day counted */
    uint64_t day_octets, day_objects;
    uint64_t uploads;
    struct node_source *chain;         /* of its hash bucket */
    struct node_source *newer, *older; /* by last use */
};

struct node_limits {
    const struct pp_node_config *config;
    uint64_t seed[2];
    struct node_source *bucket[BUCKETS];
    struct node_source *newest, *oldest;
    size_t sources, coarse;
    pp_ns checks_full_at;
    uint64_t uploads;
};

struct node_limits *node_limits_create(const struct pp_node_config *config)
{
    struct node_limits *l = calloc(1, sizeof *l);
    if (l) {
        l->config = config;
        pp_random(l->seed, sizeof l->seed);
    }
    return l;
}

void node_limits_destroy(struct node_limits *l)
{
    if (!l) {
        return;
    }
    struct node_source *s = l->newest;
    while (s) {
        struct node_source *next = s->older;
        free(s);
        s = next;
    }
    free(l);
}

size_t node_limits_sources(const struct node_limits *l)
{
    return l->sources;
}

/* Keyed, so that nobody can choose sources that share a bucket. */
static size_t limits_hash(const struct node_limits *l, const uint8_t key[33])
{
    uint64_t h = l->seed[0] ^ key[0];
    for (size_t i = 1; i < 33; i += 8) {
        h = (h ^ pp_get64(key + i)) * (l->seed[1] | 1);
        h ^= h >> 29;
    }
    return (size_t)(h % BUCKETS);
}

static void limits_unlink(struct node_limits *l, struct node_source *s)
{
    *(s->newer ? &s->newer->older : &l->newest) = s->older;
    *(s->older ? &s->older->newer : &l->oldest) = s->newer;
}

static void limits_link(struct node_limits *l, struct node_source *s)
{
    s->newer = NULL;
    s->older = l->newest;
    *(l->newest ? &l->newest->newer : &l->oldest) = s;
    l->newest = s;
}

static void limits_forget(struct node_limits *l, struct node_source *s)
{
    struct node_source **at = &l->bucket[limits_hash(l, s->key)];
    while (*at != s) {
        at = &(*at)->chain;
    }
    *at = s->chain;
    limits_unlink(l, s);
    l->sources--;
    l->coarse -= s->coarse;
    free(s);
}

/* Nothing is lost by forgetting it: its buckets are full and its day is over or empty. */
static bool source_is_idle(const struct node_source *s, pp_ns mono)
{
    if (s->held > 0 || s->uploads > 0 || mono - s->used < 2 * PP_MINUTE) {
        return false;
    }
    return s->day_objects == 0 || mono - s->day >= PP_DAY;
}

static struct node_source *limits_find(struct node_limits *l, const uint8_t key[33])
{
    struct node_source *s = l->bucket[limits_hash(l, key)];
    while (s && memcmp(s->key, key, 33) != 0) {
        s = s->chain;
    }
    return s;
}

static struct node_source *limits_add(struct node_limits *l, const uint8_t key[33], pp_ns mono)
{
    struct node_source *s = calloc(1, sizeof *s);
    if (!s) {
        return NULL;
    }
    memcpy(s->key, key, 33);
    s->day = mono;
    size_t at = limits_hash(l, key);
    s->chain = l->bucket[at];
    l->bucket[at] = s;
    limits_link(l, s);
    l->sources++;
    return s;
}

/* Room for one more: the table's own, or that of the source unused for longest. */
static bool limits_make_room(struct node_limits *l, pp_ns mono)
{
    if (l->sources - l->coarse < l->config->sources) {
        return true;
    }
    if (l->oldest && source_is_idle(l->oldest, mono)) {
        limits_forget(l, l->oldest);
        return l->sources - l->coarse < l->config->sources;
    }
    return false;
}

static struct node_source *limits_hold(struct node_limits *l, struct node_source *s, pp_ns mono)
{
    limits_unlink(l, s);
    limits_link(l, s);
    s->used = mono;
    s->held++;
    return s;
}

/* The table is full of active sources: neighbours share one bucket. Its own number is bounded by
 * the prefix's length for IPv4 and by chance for IPv6 and keys: 16 bits of the prefix. */
static struct node_source *limits_coarse(struct node_limits *l, const uint8_t key[33], pp_ns mono)
{
    uint8_t wide[33] = {0};
    wide[0] = (uint8_t)(key[0] | 0x80);
    bool v4 = key[0] == 4;
    memcpy(wide + 1, key + 1, v4 ? 2 : 4);
    if (!v4) { /* /32s are too many to have an entry each */
        uint32_t h = pp_get32(wide + 1) * 0x9e3779b1u;
        memset(wide + 1, 0, 4);
        pp_put16(wide + 1, (uint16_t)(h >> 20));
    }
    struct node_source *s = limits_find(l, wide);
    if (!s) {
        s = limits_add(l, wide, mono);
        if (s) {
            s->coarse = true;
            l->coarse++;
        }
    }
    return s;
}

static struct node_source *limits_get(struct node_limits *l, const uint8_t key[33], pp_ns mono)
{
    struct node_source *s = limits_find(l, key);
    if (!s) {
        s = limits_make_room(l, mono) ? limits_add(l, key, mono) : limits_coarse(l, key, mono);
    }
    return s ? limits_hold(l, s, mono) : NULL;
}

struct node_source *node_source_of_address(struct node_limits *l, pp_ns mono,
                                           const uint8_t address[16])
{
    uint8_t key[33] = {0};
    bool v4 = pp_address_is_v4(address);
    key[0] = v4 ? 4 : 6;
    memcpy(key + 1, v4 ? address + 12 : address, v4 ? 4 : 8);
    struct node_source *s = limits_get(l, key, mono);
    if (s) {
        s->factor = 1;
    }
    return s;
}

struct node_source *node_source_of_key(struct node_limits *l, pp_ns mono, const uint8_t key[32])
{
    uint8_t full[33] = {1};
    memcpy(full + 1, key, 32);
    struct node_source *s = limits_get(l, full, mono);
    if (s) {
        s->factor = l->config->proved_factor;
    }
    return s;
}

void node_source_release(struct node_source *s)
{
    if (s) {
        s->held--;
    }
}

/* interval: time a token takes to come; burst: tokens of a full bucket. */
static pp_ns bucket_take(pp_ns *full_at, pp_ns interval, uint64_t burst, pp_ns mono)
{
    pp_ns start = *full_at > mono ? *full_at : mono;
    pp_ns allowed = mono + interval * (burst - 1);
    if (start > allowed) {
        return start - allowed;
    }
    *full_at = start + interval;
    return 0;
}

pp_ns node_rate_take(struct node_limits *l, struct node_source *s, enum node_rate rate, pp_ns mono)
{
    const struct pp_node_config *c = l->config;
    if (!s) {
        return 0;
    }
    const uint64_t per_minute[NODE_RATES] = {c->appends, c->stores, c->fetches,
                                             (uint64_t)c->checks_source * 60};
    uint64_t n = per_minute[rate] * s->factor;
    if (n == 0) {
        return 0;
    }
    uint64_t burst = rate == NODE_CHECKS ? c->checks_source : 2 * n;
    if (rate == NODE_CHECKS && c->checks_all > 0) {
        pp_ns wait =
            bucket_take(&l->checks_full_at, PP_SECOND / c->checks_all, c->checks_all, mono);
        if (wait > 0) {
            return wait;
        }
    }
    return bucket_take(&s->full_at[rate], PP_MINUTE / n, burst, mono);
}

int node_upload_reserve(struct node_limits *l, struct node_source *s, uint64_t octets)
{
    if (octets > l->config->uploads_all || l->uploads > l->config->uploads_all - octets) {
        return PP_BUSY;
    }
    if (s && (octets > l->config->uploads_source * s->factor ||
              s->uploads > l->config->uploads_source * s->factor - octets)) {
        return PP_LIMIT;
    }
    l->uploads += octets;
    if (s) {
        s->uploads += octets;
    }
    return PP_OK;
}

void node_upload_release(struct node_limits *l, struct node_source *s, uint64_t octets)
{
    l->uploads -= octets;
    if (s) {
        s->uploads -= octets;
    }
}

static void source_turn_day(struct node_source *s, pp_ns mono)
{
    if (mono - s->day >= PP_DAY) {
        s->day = mono;
        s->day_octets = s->day_objects = 0;
    }
}

bool node_day_has_room(struct node_limits *l, struct node_source *s, uint64_t octets, pp_ns mono)
{
    if (!s) {
        return true;
    }
    source_turn_day(s, mono);
    uint64_t most = l->config->day_octets * s->factor;
    return s->day_objects < l->config->day_objects * s->factor && octets <= most &&
           s->day_octets <= most - octets;
}

void node_day_charge(struct node_source *s, uint64_t octets, pp_ns mono)
{
    if (s) {
        source_turn_day(s, mono);
        s->day_octets += octets;
        s->day_objects++;
    }
}
