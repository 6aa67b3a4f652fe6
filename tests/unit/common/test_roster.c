/* One list of peers: the nearest to a key with ties, who is learnt and forgotten, when others are
 * asked. A tree with digits of one bit stands for the substrate, and here and there a kind of its
 * own. */
#include <check.h>

#include "wood.h"

#define NOW PP_HOUR

static struct wood wood;
static unsigned lost;
static struct pp_id lost_id;

static void add_all(struct pp_roster *r, pp_ns now, const struct pp_entry *entry)
{
    struct pp_order order = pp_roster_order(r);
    (void)now;
    pp_peerset_insert(&r->table, &order, UINT16_MAX, entry);
}

static bool first_is_near(const struct pp_roster *r, size_t index)
{
    (void)r;
    return index == 0;
}

static bool below_two(const struct pp_roster *r)
{
    return r->table.n < 2;
}

static void count_lost(struct pp_roster *r, pp_ns now, const struct pp_id *id)
{
    (void)r;
    (void)now;
    lost++;
    lost_id = *id;
}

static const struct pp_entry *always_first(const struct pp_roster *r, const struct pp_id *key)
{
    (void)key;
    return &r->table.at[0];
}

static struct pp_roster_kind kind;

/* Node 0x80 on a ring. */
static struct pp_roster *ring(bool suspects)
{
    struct pp_roster *r = &wood_start(&wood, 1, 8, 4)->r;
    kind = (struct pp_roster_kind){.own = pp_distance_clockwise,
                                   .metric = pp_distance_ring,
                                   .add = add_all,
                                   .near = first_is_near,
                                   .whole = below_two,
                                   .lost = count_lost,
                                   .suspects = suspects};
    r->kind = &kind;
    lost = 0;
    return r;
}

static void know(struct pp_roster *r, uint8_t number)
{
    wood_know((struct pp_tree *)r, NOW, number, 0, 0);
}

static struct pp_entry *entry_of(struct pp_roster *r, uint8_t number)
{
    return wood_entry((struct pp_tree *)r, number, 0);
}

static void nearest_are(struct pp_roster *r, uint8_t key, size_t max, const uint8_t *want, size_t n)
{
    struct pp_peer out[PP_PAGE_MAX];
    struct pp_id id = peer_number(key).id;
    CU_ASSERT_EQUAL(pp_roster_nearest(r, &id, max, out), n);
    for (size_t i = 0; i < n; i++) {
        CU_ASSERT_EQUAL(out[i].id.b[0], want[i]);
    }
}

static void test_width(void)
{
    CU_ASSERT_EQUAL(pp_roster_width(1), 12); /* some more than asked for */
    CU_ASSERT_EQUAL(pp_roster_width(8), 12);
    CU_ASSERT_EQUAL(pp_roster_width(9), 13);
    CU_ASSERT_EQUAL(pp_roster_width(25), 37);
    CU_ASSERT_EQUAL(pp_roster_width(32), PP_PAGE_MAX); /* never more than a page */
}

static void test_the_nearest_with_ties_and_round_zero(void)
{
    struct pp_roster *r = ring(true);
    know(r, 0x10);
    know(r, 0xf0);
    know(r, 0x20);
    know(r, 0xe0);
    know(r, 0x90);
    nearest_are(r, 0x00, 4, (const uint8_t[]){0x10, 0xf0, 0x20, 0xe0}, 4);
    nearest_are(r, 0x88, 2, (const uint8_t[]){0x80, 0x90}, 2); /* ourselves, by the tie */
    nearest_are(r, 0x80, 6, (const uint8_t[]){0x80, 0x90, 0x20, 0xe0, 0x10, 0xf0}, 6);
    r->m.a.active = false;
    nearest_are(r, 0x88, 1, (const uint8_t[]){0x90}, 1); /* no member names itself too early */
    CU_ASSERT_TRUE(pp_roster_nearer(r, &(struct pp_id){{0}}, &(struct pp_id){{0x10}},
                                    &(struct pp_id){{0xf0}}));
    CU_ASSERT_FALSE(pp_roster_nearer(r, &(struct pp_id){{0}}, &(struct pp_id){{0xf0}},
                                     &(struct pp_id){{0x10}}));
    wood_end(&wood);
}

static void test_suspects(void)
{
    struct pp_roster *r = ring(false);
    struct pp_id key = peer_number(0x90).id;
    size_t sure;
    know(r, 0x90);
    know(r, 0x91);
    CU_ASSERT_EQUAL(pp_roster_count_nearer(r, &key, &sure), 2);
    CU_ASSERT_EQUAL(sure, 2);
    entry_of(r, 0x91)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_EQUAL(pp_roster_count_nearer(r, &key, &sure), 2);
    CU_ASSERT_EQUAL(sure, 1);
    nearest_are(r, 0x91, 8, (const uint8_t[]){0x90, 0x80}, 2);
    kind.suspects = true;
    nearest_are(r, 0x91, 8, (const uint8_t[]){0x91, 0x90, 0x80}, 3);
    wood_end(&wood);
}

static void test_the_one_to_go_by_is_named_too(void)
{
    struct pp_roster *r = ring(true);
    kind.next = always_first;
    know(r, 0x90); /* the first clockwise */
    for (uint8_t i = 0; i < 6; i++) {
        know(r, (uint8_t)(0x20 + i));
    }
    nearest_are(r, 0x20, 3, (const uint8_t[]){0x20, 0x21, 0x90}, 3); /* in the last one's place */
    nearest_are(r, 0x90, 3, (const uint8_t[]){0x90, 0x80, 0x25}, 3); /* once */
    nearest_are(r, 0x20, 8, (const uint8_t[]){0x20, 0x21, 0x22, 0x23, 0x24, 0x25, 0x80, 0x90}, 8);
    wood_end(&wood);
}

static struct pp_find_reply ask(struct pp_roster *r, uint8_t key, uint8_t k, uint8_t from)
{
    struct pp_find find = {peer_number(key).id, k, from};
    struct pp_rx rx = {peer_number(3), 0};
    struct pp_find_reply reply;
    struct pp_header header;
    struct pp_writer w;
    memset(&reply, 0, sizeof reply);
    wood.f.n = 0;
    pp_writer_begin(&w, PP_WIRE_FIND, 0, 4);
    pp_write_find(&w, &find);
    pp_member_receive((struct pp_substrate_node *)r, NOW, &rx, pp_bytes(w.data, w.len));
    CHECK_FATAL(wood.f.n == 1);
    struct pp_reader in = pp_reader(pp_bytes(wood.f.sent[0].octets, wood.f.sent[0].len));
    CHECK_FATAL(pp_read_header(&in, &header) == PP_OK && header.id == 4);
    CHECK_FATAL(pp_read_find_reply(&in, &reply, 0) == PP_OK);
    return reply;
}

static void test_find(void)
{
    struct pp_roster *r = ring(true);
    for (uint8_t i = 1; i <= 20; i++) {
        know(r, i);
    }
    struct pp_find_reply reply = ask(r, 0x81, 1, 0);
    CU_ASSERT_TRUE(reply.complete && reply.page.n == 12);
    CU_ASSERT_EQUAL(reply.page.peers[0].id.b[0], 0x80);
    reply = ask(r, 0x08, 1, 0);
    CU_ASSERT_FALSE(reply.complete);
    CU_ASSERT_EQUAL(reply.page.peers[0].id.b[0], 0x08);
    reply = ask(r, 0x81, 1, 10); /* from there on */
    CU_ASSERT_TRUE(reply.page.from == 10 && reply.page.n == 2 && !reply.page.more);
    reply = ask(r, 0x81, 1, 200);
    CU_ASSERT_EQUAL(reply.page.n, 0);
    wood_end(&wood);
}

static void test_who_is_learnt(void)
{
    struct pp_roster *r = ring(true);
    struct pp_peer nobody = peer_number(7), self = peer_number(0x80);
    memset(&nobody.id, 0, sizeof nobody.id);
    pp_roster_learn(&r->m, NOW, &nobody, 0);
    pp_roster_learn(&r->m, NOW, &self, 0);
    CU_ASSERT_EQUAL(r->table.n, 0);
    know(r, 5);
    know(r, 5);
    CU_ASSERT_EQUAL(r->table.n, 1);
    CU_ASSERT_EQUAL(r->m.state, PP_ACTIVE);
    r->m.phase = PP_PHASE_SEEK; /* a joiner keeps a memory: the one longest silent gives way */
    for (unsigned i = 0; i < PP_ROSTER_KNOWN + 10; i++) {
        struct pp_peer peer = peer_number((uint8_t)(i + 10));
        pp_roster_learn(&r->m, NOW + i * PP_SECOND, &peer, 0);
    }
    CU_ASSERT_EQUAL(r->table.n, PP_ROSTER_KNOWN);
    CU_ASSERT_PTR_NULL(entry_of(r, 5));
    CU_ASSERT_PTR_NOT_NULL(entry_of(r, PP_ROSTER_KNOWN + 19));
    r->m.phase = PP_PHASE_LEAVING;
    know(r, 200);
    CU_ASSERT_PTR_NULL(entry_of(r, 200));
    wood_end(&wood);
}

static void test_who_is_forgotten(void)
{
    struct pp_roster *r = ring(true);
    know(r, 0x90);
    know(r, 0xa0);
    r->ask_at = PP_NEVER;
    pp_roster_forget(&r->m, NOW, &entry_of(r, 0xa0)->peer.id); /* its own id: gone with it */
    CU_ASSERT_TRUE(lost == 1 && lost_id.b[0] == 0xa0);
    CU_ASSERT_EQUAL(r->ask_at, PP_NEVER);
    pp_roster_forget(&r->m, NOW, &lost_id);
    CU_ASSERT_EQUAL(lost, 1); /* unknown */
    pp_roster_forget(&r->m, NOW, &entry_of(r, 0x90)->peer.id);
    CU_ASSERT_TRUE(lost == 2 && lost_id.b[0] == 0x90);
    CU_ASSERT_TRUE(r->ask_at < NOW + 3 * PP_SECOND);
    CU_ASSERT_EQUAL(r->m.state, PP_ALONE);
    r->m.phase = PP_PHASE_ENTER;
    know(r, 0x90);
    pp_roster_forget(&r->m, NOW, &entry_of(r, 0x90)->peer.id);
    CU_ASSERT_TRUE(lost == 2 && r->table.n == 0); /* a joiner has no cells to mend */
    wood_end(&wood);
}

static void test_rank_goes_by_distance_then_id(void)
{
    struct pp_roster *r = ring(true);
    struct pp_peer low = peer_number(0x10), high = peer_number(0xf0), near = peer_number(0x01);
    struct pp_id zero = {{0}};
    uint8_t a[PP_RANK_LEN], b[PP_RANK_LEN], c[PP_RANK_LEN];
    pp_roster_rank_peer(&r->m.a, &zero, &low, NULL, a);
    pp_roster_rank_peer(&r->m.a, &zero, &high, NULL, b);
    pp_roster_rank_peer(&r->m.a, &zero, &near, NULL, c);
    CU_ASSERT_TRUE(memcmp(c, a, PP_RANK_LEN) < 0 && memcmp(a, b, PP_RANK_LEN) < 0);
    CU_ASSERT_EQUAL(memcmp(a, b, PP_ID_LEN), 0);
    pp_roster_rank(wood.n, &zero, a);
    pp_roster_rank_peer(&r->m.a, &zero, &r->m.a.self, NULL, b);
    CU_ASSERT_EQUAL(memcmp(a, b, PP_RANK_LEN), 0);
    wood_end(&wood);
}

static void test_when_others_are_asked(void)
{
    struct pp_roster *r = ring(true);
    r->ask_at = PP_NEVER;
    CU_ASSERT_FALSE(pp_roster_ask_due(r, NOW, PP_MINUTE));
    pp_roster_ask_soon(r, NOW);
    pp_ns at = r->ask_at;
    CU_ASSERT_TRUE(at > NOW && at < NOW + 3 * PP_SECOND);
    pp_roster_ask_soon(r, NOW + PP_MINUTE); /* what is due stays due */
    CU_ASSERT_EQUAL(r->ask_at, at);
    CU_ASSERT_TRUE(pp_roster_ask_due(r, at, PP_MINUTE));
    CU_ASSERT_EQUAL(r->ask_wait, 4 * PP_SECOND);
    for (int i = 0; i < 10; i++) {
        CU_ASSERT_TRUE(pp_roster_ask_due(r, r->ask_at, PP_MINUTE));
    }
    CU_ASSERT_EQUAL(r->ask_wait, PP_MINUTE);
    know(r, 0x90);
    CU_ASSERT_FALSE(pp_roster_ping_silent(r, NOW + PP_SECOND, entry_of(r, 0x90), 2 * PP_SECOND));
    CU_ASSERT_TRUE(pp_roster_ping_silent(r, NOW + 3 * PP_SECOND, entry_of(r, 0x90), 2 * PP_SECOND));
    CU_ASSERT_FALSE(
        pp_roster_ping_silent(r, NOW + 3 * PP_SECOND, entry_of(r, 0x90), 2 * PP_SECOND));
    wood_end(&wood);
}

/* Then a look-up asks all that are near at once. */
static void test_a_member_that_knows_everybody_says_so(void)
{
    for (int member = 0; member < 2; member++) {
        for (uint8_t known = 1; known <= 2; known++) {
            struct pp_roster *r = ring(true);
            struct pp_lookup l = {.k = 5};
            for (uint8_t i = 0; i < known; i++) {
                know(r, (uint8_t)(0x90 + i));
            }
            r->m.a.active = member;
            pp_roster_seed(&r->m.a, NOW, &l);
            CU_ASSERT_EQUAL(l.n, known + member);
            CU_ASSERT_EQUAL(l.whole, member && known < 2);
            free(l.at);
            wood_end(&wood);
        }
    }
}

CHECK_MAIN("roster", CHECK(test_a_member_that_knows_everybody_says_so), CHECK(test_width),
           CHECK(test_the_nearest_with_ties_and_round_zero), CHECK(test_suspects),
           CHECK(test_the_one_to_go_by_is_named_too), CHECK(test_find), CHECK(test_who_is_learnt),
           CHECK(test_who_is_forgotten), CHECK(test_rank_goes_by_distance_then_id),
           CHECK(test_when_others_are_asked))
