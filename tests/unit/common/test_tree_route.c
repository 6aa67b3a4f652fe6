/* covers against the nodes themselves: never wrong, for digits of every size and every k. */
#include <check.h>

#include "wood.h"

static struct forest forest;

/* How many nodes are nearer to the key than node i. */
static size_t nearer(const struct forest *f, const struct pp_id *key, size_t i)
{
    uint8_t own[PP_RANK_LEN], other[PP_RANK_LEN];
    size_t count = 0;
    pp_roster_rank(f->at[i], key, own);
    for (size_t j = 0; j < f->n; j++) {
        pp_roster_rank(f->at[j], key, other);
        count += memcmp(other, own, PP_RANK_LEN) < 0;
    }
    return count;
}

static void judge(unsigned cell, unsigned siblings, unsigned bits, size_t said[3])
{
    uint64_t state = 1;
    forest_start(&forest, bits, cell, siblings, 60);
    for (size_t i = 0; i < forest.n; i++) {
        for (int j = 0; j < 20; j++) {
            struct pp_id key = wood_random(&state);
            memcpy(key.b, forest.at[i]->t.r.m.a.self.id.b, (size_t)j % 3);
            size_t before = nearer(&forest, &key, i);
            for (unsigned k = 1; k <= PP_K_MAX; k = 2 * k + 1) {
                enum pp_covers says = pp_tree_covers(forest.at[i], &key, k);
                CU_ASSERT_FALSE(says == PP_COVERS_NO && before < k);
                CU_ASSERT_FALSE(says == PP_COVERS_YES && before >= k);
                said[says]++;
            }
        }
    }
    forest_end(&forest);
}

static void test_covers_is_never_wrong(void)
{
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        size_t said[3] = {0};
        judge(1, 2, bits, said);
        judge(2, 8, bits, said);
        CU_ASSERT_TRUE(said[PP_COVERS_NO] > 100 && said[PP_COVERS_YES] > 100);
        CU_ASSERT_TRUE(said[PP_COVERS_UNKNOWN] > 0);
        size_t whole[3] = {0};
        judge(8, 64, bits, whole); /* the siblings are all there are */
        CU_ASSERT_EQUAL(whole[PP_COVERS_UNKNOWN], 0);
    }
}

static void test_only_the_unsuspected_count(void)
{
    static struct wood wood;
    struct pp_tree *t = wood_start(&wood, 4, 2, 4);
    struct pp_id key = peer_number(0x40).id;
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 1), PP_COVERS_YES);
    wood_know(t, PP_HOUR, 0x40, 7, 0);
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 1), PP_COVERS_NO);
    wood_entry(t, 0x40, 7)->flags |= PP_ENTRY_SUSPECT;
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 1), PP_COVERS_UNKNOWN);
    t->r.m.a.active = false;
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 32), PP_COVERS_UNKNOWN);
    wood_end(&wood);
}

/* The siblings end in the cell of 0x9.: how many more live there nobody has said. */
static void test_the_cell_of_the_last_sibling(void)
{
    static struct wood wood;
    struct pp_tree *t = wood_start(&wood, 4, 4, 2);
    struct pp_id key = {{0x9f}}, own = {{0x80, 1}};
    wood_know(t, PP_HOUR, 0x91, 0, 0);
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 3), PP_COVERS_YES); /* one sibling: all there is */
    wood_know(t, PP_HOUR, 0x92, 0, 0);
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 3), PP_COVERS_UNKNOWN);
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &key, 2), PP_COVERS_NO);
    CU_ASSERT_EQUAL(pp_tree_covers(wood.n, &own, 1), PP_COVERS_YES);
    wood_end(&wood);
}

static void test_spacing(void)
{
    static struct wood wood;
    struct pp_id key = {{0}};
    struct pp_peer peers[2] = {peer_number(0x10), peer_number(0x20)};
    const struct pp_agent *a = &wood_start(&wood, 1, 2, 4)->r.m.a;
    CU_ASSERT_EQUAL(pp_tree_lookup_ops.spacing(a, &key, peers, 0), 0);
    CU_ASSERT_EQUAL(pp_tree_lookup_ops.spacing(a, &key, peers, 2), 0x10ull << 56);
    wood_end(&wood);
    /* by the order of the digits, not by XOR: 2 comes three after f */
    struct pp_id far = {{0xf0}};
    a = &wood_start(&wood, 4, 2, 4)->r.m.a;
    CU_ASSERT_EQUAL(pp_tree_lookup_ops.spacing(a, &far, &peers[1], 1), 0x30ull << 56);
    wood_end(&wood);
}

/* The order of digits: from the key's digit on upwards, round the base (surrogate routing). */
static void test_the_surrogate_comes_next_round_the_digits(void)
{
    static const uint8_t order[] = {0xe0, 0xf0, 0x00, 0x30, 0xd0};
    struct pp_id key = {{0xe5}}, last = {{0}};
    const struct pp_roster_kind *kind = pp_tree_kind(4);
    for (size_t i = 0; i < sizeof order; i++) {
        struct pp_id id = {{order[i]}}, d = kind->metric(&key, &id);
        CU_ASSERT_TRUE(i == 0 || pp_id_compare(&last, &d) < 0);
        last = d;
    }
    struct pp_id a = {{0x25}}, b = {{0x2f}}, origin = {{0x2e}};
    struct pp_id da = kind->metric(&origin, &a), db = kind->metric(&origin, &b);
    CU_ASSERT_TRUE(pp_id_compare(&db, &da) < 0); /* the second digit: f follows e, 5 comes later */
    CU_ASSERT_PTR_EQUAL(pp_tree_kind(1)->metric, pp_distance_xor);
}

CHECK_MAIN("tree route", CHECK(test_covers_is_never_wrong), CHECK(test_only_the_unsuspected_count),
           CHECK(test_the_cell_of_the_last_sibling), CHECK(test_spacing),
           CHECK(test_the_surrogate_comes_next_round_the_digits))
