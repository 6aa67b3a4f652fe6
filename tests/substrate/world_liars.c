/*
 * Members that lie in replies: a share of them collude, keep their places and do their upkeep like
 * all others, but answer every FIND with colluders alone, the nearest to the key, as the whole
 * answer, and name nobody in a PING's reply. Measured as
 * core asks: one look-up; if its peers lie too far apart (the routing failure test of Castro et al.
 * 2002), another over four disjoint first hops, whose union counts. A colluder is a member, so the
 * oracle's k hold some. In CAN they tell their true zones with themselves, as last told by anybody.
 */
#include "ring.h"

#include <common/find.h>
#include <overlay/density.h>
#include <stdio.h>

#define NOTED 65536  /* requests on their way */
#define CAN_PLACE 10 /* octets that CAN sends with each peer */

static struct liars {
    struct pp_world *world;
    bool *lies;
    struct noted {
        uint64_t id;
        struct pp_find find;
    } * noted;
    size_t told;
    size_t extra_len; /* octets that go with each peer, noted for each member */
    uint8_t (*extra)[PP_EXTRA_MAX];
} liars;

static void note_extras(struct liars *l, struct pp_reader body)
{
    struct pp_find_reply reply;
    if (l->extra_len == 0 || pp_read_find_reply(&body, &reply, l->extra_len) != PP_OK) {
        return;
    }
    for (size_t i = 0; i < reply.page.n; i++) {
        size_t who = pp_world_at(l->world, &reply.page.peers[i]);
        if (who != SIZE_MAX) {
            memcpy(l->extra[who], reply.page.extra[i], l->extra_len);
        }
    }
}

/* The colluders nearest to a key, best first. */
static size_t accomplices(const struct pp_id *key, size_t k, struct pp_peer *out)
{
    struct pp_world *w = liars.world;
    const struct pp_substrate *plugin = ring_plugin();
    uint8_t ranks[PP_K_MAX][PP_RANK_LEN], rank[PP_RANK_LEN];
    size_t n = 0;
    for (size_t i = 0; i < pp_world_count(w); i++) {
        if (!liars.lies[i] || !pp_world_active(w, i)) {
            continue;
        }
        plugin->rank(pp_world_instance(w, i), key, rank);
        size_t at = n < k ? n++ : n;
        for (; at > 0 && memcmp(rank, ranks[at - 1], PP_RANK_LEN) < 0; at--) {
            if (at < k) {
                memcpy(ranks[at], ranks[at - 1], PP_RANK_LEN);
                out[at] = out[at - 1];
            }
        }
        if (at < k) {
            memcpy(ranks[at], rank, PP_RANK_LEN);
            out[at] = *pp_world_peer(w, i);
        }
    }
    return n;
}

static size_t lie(void *ctx, size_t from, struct pp_bytes payload, uint8_t out[PP_PAYLOAD_MAX])
{
    struct liars *l = ctx;
    struct pp_reader body = pp_reader(payload);
    struct pp_header header;
    struct pp_writer w;
    if (pp_read_header(&body, &header) != PP_OK) {
        return 0;
    }
    struct noted *noted = &l->noted[header.id % NOTED];
    if (header.kind == PP_WIRE_FIND) {
        noted->id = header.id;
        pp_read_find(&body, &noted->find);
        return 0;
    }
    bool ping = header.kind == (PP_WIRE_PING | PP_WIRE_REPLY);
    bool find = header.kind == (PP_WIRE_FIND | PP_WIRE_REPLY) && noted->id == header.id;
    if (find) {
        note_extras(l, body);
    }
    if (!l->lies || !l->lies[from] || (!ping && !find)) {
        return 0;
    }
    pp_writer_begin(&w, header.kind, header.flags, header.id);
    if (ping) {
        pp_write_page(&w, NULL, 0, 0, NULL, 0);
    } else {
        struct pp_peer peers[PP_K_MAX];
        uint8_t extra[PP_K_MAX * PP_EXTRA_MAX];
        size_t n = accomplices(&noted->find.key, noted->find.k, peers);
        for (size_t i = 0; i < n; i++) {
            size_t who = pp_world_at(l->world, &peers[i]);
            memcpy(extra + i * l->extra_len, l->extra[who], l->extra_len);
        }
        pp_write8(&w, 1);
        pp_write_page(&w, peers, n, noted->find.from, extra, l->extra_len);
    }
    l->told++;
    memcpy(out, w.data, w.len);
    return w.len;
}

/* ---- asking as core does ---- */

struct tally {
    size_t asked, right, lies, passed, alarms, final;
    struct pp_density density;
    unsigned k;
};

struct question {
    struct tally *tally;
    struct pp_id key;
    size_t node;
    bool again;
};

static void answered(void *ctx, const struct pp_result *r)
{
    struct question *q = ctx;
    struct tally *t = q->tally;
    unsigned k = t->k;
    bool right = pp_world_right(liars.world, &q->key, k, PP_NEVER, r->peers, r->n_peers) == k;
    bool doubt = !q->again && pp_density_doubts(&t->density, k, r->spacing);
    if (!q->again) {
        t->asked++;
        t->right += right;
        t->lies += !right;
        t->passed += !right && !doubt;
        t->alarms += right && doubt;
    }
    if (doubt) {
        q->again = true;
        CU_ASSERT_EQUAL(pp_world_lookup(liars.world, q->node, &q->key, k, 4, answered, q), PP_OK);
        return;
    }
    pp_density_note(&t->density, k, r->spacing);
    t->final += right;
}

static size_t an_honest_one(void)
{
    for (;;) {
        size_t i = pp_prng_below(pp_world_prng(liars.world), pp_world_count(liars.world));
        if (!liars.lies[i]) {
            return i;
        }
    }
}

static void ask(struct tally *t, size_t n, unsigned paths)
{
    struct question *questions = calloc(n, sizeof *questions);
    for (size_t i = 0; i < n; i++) {
        struct question *q = &questions[i];
        *q = (struct question){.tally = t, .node = an_honest_one(), .again = paths > 1};
        pp_prng_fill(pp_world_prng(liars.world), q->key.b, sizeof q->key.b);
        CU_ASSERT_EQUAL(pp_world_lookup(liars.world, q->node, &q->key, t->k, paths, answered, q),
                        PP_OK);
        pp_world_run(liars.world, 100 * PP_MS);
    }
    pp_world_run(liars.world, PP_MINUTE);
    free(questions);
}

static void populate(size_t nodes, unsigned percent)
{
    struct pp_world_options options = {
        .plugin = ring_plugin(), .seed = 91, .forge = lie, .forge_ctx = &liars};
    liars.told = 0;
    liars.lies = calloc(nodes, sizeof *liars.lies);
    liars.noted = calloc(NOTED, sizeof *liars.noted);
    liars.extra = calloc(nodes, sizeof *liars.extra);
    liars.extra_len = strcmp(options.plugin->plugin.name, "can") == 0 ? CAN_PLACE : 0;
    liars.world = pp_world_create(&options);
    for (size_t i = 0; i < nodes; i++) {
        pp_world_add(liars.world, PP_MEMBER);
        liars.lies[i] = pp_prng_below(pp_world_prng(liars.world), 100) < percent;
    }
    pp_world_arrange(liars.world);
    pp_world_run(liars.world, 10 * PP_MINUTE); /* upkeep is lied to as well */
}

static void finish(void)
{
    pp_world_destroy(liars.world);
    free(liars.lies);
    free(liars.noted);
    free(liars.extra);
    liars = (struct liars){0};
}

/* Of a hundred answers so many must be right: asked over four paths from the start, and tested. */
static void among(unsigned percent, unsigned k, size_t n, size_t four, size_t tested)
{
    struct tally t = {.k = k}, over = {.k = k};
    ask(&over, n / 2, 4);
    t.density = over.density;
    ask(&t, n, 1);
    printf(
        "  %u %% liars, k %2u: right over one path %zu of %zu, over four %zu of %zu, when tested "
        "%zu; %zu lies, %zu not noticed; %zu false alarms\n",
        percent, k, t.right, t.asked, over.final, n / 2, t.final, t.lies, t.passed, t.alarms);
    CU_ASSERT_TRUE(over.final * 100 >= n / 2 * four);
    CU_ASSERT_TRUE(t.final * 100 >= n * tested);
    CU_ASSERT_TRUE(t.alarms * 100 <= 3 * t.right + 100); /* one in a hundred, by chance more */
    CU_ASSERT_TRUE((liars.told > 0) == (percent > 0));
}

static void test_liars(void)
{
    static const unsigned ks[] = {3, 5, 10, 20};
    static const struct {
        unsigned percent;
        size_t four, tested[4]; /* for each k: a few ids show little */
    } rows[] = {{0, 100, {100, 100, 100, 100}},
                {10, 99, {96, 98, 98, 98}},
                {20, 92, {86, 90, 94, 94}},
                {30, 88, {75, 83, 87, 87}}};
    bool deep = getenv("PEERPOST_DEEP") != NULL;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        if (!deep && rows[i].percent != 20) {
            continue;
        }
        populate(deep ? 1000 : 300, rows[i].percent);
        for (size_t j = deep ? 0 : 1; j < (deep ? 4 : 3); j++) {
            among(rows[i].percent, ks[j], deep ? 500 : 200, rows[i].four, rows[i].tested[j]);
        }
        finish();
    }
}

CHECK_MAIN("liars", CHECK(test_liars))
