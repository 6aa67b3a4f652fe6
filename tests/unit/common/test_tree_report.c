/* The checker finds each breach; trees set up at once have none. */
#include <check.h>
#include <stdio.h>

#include "wood.h"

static struct forest forest;
static char lines[8000];

static void keep(void *ctx, const char *line)
{
    size_t len = strlen(lines);
    (void)ctx;
    snprintf(lines + len, sizeof lines - len, "%s\n", line);
}

static const struct pp_sink sink = {keep, NULL};

static size_t breaches(const char *words)
{
    lines[0] = '\0';
    size_t bad = pp_tree_check(forest.at, forest.n, &sink);
    CU_ASSERT_TRUE(!words || strstr(lines, words) != NULL);
    return bad;
}

static void test_arranged_trees_are_sound(void)
{
    for (unsigned bits = 1; bits <= 8; bits *= 2) {
        for (size_t n = 1; n <= FOREST_MAX; n = 3 * n + 1) {
            forest_start(&forest, bits, 2, 4, n);
            CU_ASSERT_EQUAL(breaches(NULL), 0);
            CU_ASSERT_EQUAL(forest.w.arranged, n);
            CU_ASSERT_EQUAL(forest.w.f.n, 0); /* nothing was sent */
            forest_end(&forest);
        }
    }
}

static void test_each_breach_is_told(void)
{
    forest_start(&forest, 4, 2, 4, 80);
    struct pp_tree *t = &forest.at[7]->t;
    struct pp_order order = pp_roster_order(&t->r);
    struct pp_entry saved = t->r.table.at[1];

    pp_peerset_remove(&t->r.table, 1);
    CU_ASSERT_TRUE(breaches("sibling ") >= 1);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "is missing"));
    pp_peerset_insert(&t->r.table, &order, UINT16_MAX, &saved);
    CU_ASSERT_EQUAL(breaches(NULL), 0);

    size_t from, to;
    struct pp_cell cell = pp_tree_cell_of(t, &t->r.table.at[t->r.table.n - 1u].peer.id);
    struct pp_entry twin = t->r.table.at[t->r.table.n - 1u];
    for (uint8_t i = 1; i <= 2; i++) {
        twin.peer.id.b[15] ^= i;
        pp_peerset_insert(&t->r.table, &order, UINT16_MAX, &twin);
    }
    CU_ASSERT_EQUAL(breaches("holds "), 1);

    for (pp_tree_run(t, cell, &from, &to); from < to; to--) {
        pp_peerset_remove(&t->r.table, from);
    }
    CU_ASSERT_EQUAL(breaches("nodes live there"), 1);

    saved = t->r.table.at[3];
    t->r.table.at[3] = t->r.table.at[2];
    CU_ASSERT_TRUE(breaches("out of order") >= 1);
    t->r.table.at[3] = saved;
    forest_end(&forest);
}

static void test_snapshot(void)
{
    forest_start(&forest, 4, 2, 4, 30);
    lines[0] = '\0';
    pp_tree_snapshot(forest.at[0], &sink);
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "wood "));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "the first 4 are siblings"));
    CU_ASSERT_PTR_NOT_NULL(strstr(lines, "contact 0 "));
    forest_end(&forest);
}

CHECK_MAIN("tree report", CHECK(test_arranged_trees_are_sound), CHECK(test_each_breach_is_told),
           CHECK(test_snapshot))
