/* Cases of a network that grows and stays: sizes, joins, merging, tables as after long quiet. */
#include "substrate_kit.h"

/* Networks up to k and a little more: where most corners are. */
static void small(const struct substrate_suite *s)
{
    for (unsigned n = 2; n <= 6; n++) {
        char what[32];
        snprintf(what, sizeof what, "%u members", n);
        struct pp_world *w = kit_world(s, 20 + n);
        kit_join(w, n, 10 * PP_SECOND);
        kit_heal(w, RULE_JOIN, what);
        pp_world_run(w, PP_MINUTE);
        kit_exact(w, 40, what);
        pp_world_destroy(w);
    }
}

static void joins(const struct substrate_suite *s)
{
    struct pp_world *w = kit_world(s, 30);
    size_t n = s->lengthy ? 100 : 24;
    kit_join(w, n, 5 * PP_SECOND);
    kit_heal(w, RULE_JOIN, "one after the other");
    kit_exact(w, 60, "after joins one after the other");
    pp_world_destroy(w);
}

static void at_once(const struct substrate_suite *s)
{
    struct pp_world *w = kit_world(s, 31);
    kit_join(w, 4, 5 * PP_SECOND);
    kit_join(w, 24, 0);
    kit_heal(w, RULE_JOIN, "24 members that join at once");
    pp_world_run(w, 2 * PP_MINUTE);
    kit_exact(w, 60, "after 24 joins at once");
    pp_world_destroy(w);
}

/* Two networks that knew nothing of each other; one member is told of one of the other. */
static void merge(const struct substrate_suite *s)
{
    struct pp_world *w = kit_world(s, 32);
    size_t a[2] = {pp_world_add(w, PP_MEMBER), pp_world_add(w, PP_MEMBER)};
    for (int side = 0; side < 2; side++) {
        pp_world_side(w, a[side], side);
        pp_world_found(w, a[side]);
    }
    pp_world_run(w, PP_SECOND);
    for (int i = 0; i < 10; i++) {
        size_t node = pp_world_add(w, PP_MEMBER);
        pp_world_side(w, node, i % 2);
        pp_world_meet(w, node, &a[i % 2], 1);
        pp_world_run(w, 10 * PP_SECOND);
    }
    pp_world_run(w, PP_MINUTE);
    for (size_t i = 0; i < pp_world_count(w); i++) {
        pp_world_side(w, i, 0);
        pp_world_meet(w, i, &a[i % 2 == 0], 1);
    }
    kit_heal(w, RULE_MERGE, "two networks of 6 that met");
    pp_world_run(w, 2 * PP_MINUTE);
    kit_exact(w, 60, "two networks of 6 that met");
    pp_world_destroy(w);
}

struct lines {
    size_t n;
};

static void count_line(void *ctx, const char *text)
{
    struct lines *l = ctx;
    l->n++;
    REQUIRE(text && !strchr(text, '\n') && strlen(text) < 1000, RULE_SNAPSHOT,
            "a line is none, or several, or over 1,000 characters");
}

static void arrange(const struct substrate_suite *s)
{
    size_t n = s->lengthy ? 100 : 32;
    struct pp_world *w = kit_arranged(s, 33, n);
    struct lines lines = {0};
    struct pp_sink sink = {count_line, &lines}, quiet = {NULL, NULL};
    REQUIRE(pp_world_check(w, -1, &quiet) == 0, RULE_ARRANGE,
            "`check` finds %zu breaches at once after `arrange` of %zu nodes",
            pp_world_check(w, -1, &quiet), n);
    kit_exact(w, 60, "at once after `arrange`");
    for (size_t i = 0; i < n; i++) {
        s->face->snapshot(pp_world_instance(w, i), &sink);
    }
    REQUIRE(lines.n > 0, RULE_SNAPSHOT, "%zu nodes of a network tell not one line", n);
    pp_world_run(w, 10 * PP_MINUTE);
    kit_heal(w, RULE_ARRANGE, "ten minutes after `arrange`");
    kit_exact(w, 60, "ten minutes after `arrange`");
    pp_world_destroy(w);
}

/* check must see: the tables of two networks at once are not those of one. */
static void check(const struct substrate_suite *s)
{
    struct pp_world *w = kit_world(s, 34);
    struct pp_sink quiet = {NULL, NULL};
    for (int i = 0; i < 2; i++) {
        pp_world_found(w, pp_world_add(w, PP_MEMBER));
        pp_world_run(w, PP_SECOND);
    }
    REQUIRE(pp_world_check(w, -1, &quiet) > 0, RULE_CHECK,
            "two founders that never met pass as one whole network");
    pp_world_destroy(w);
}

const struct substrate_case substrate_cases_network[] = {
    {"small", "networks of 2 to 6: exact look-ups, no false NO", small},
    {"joins", "members join one after the other", joins},
    {"at-once", "24 members join at once", at_once},
    {"merge", "two networks become one", merge},
    {"arrange", "tables as after long quiet are whole and stay so", arrange},
    {"check", "the invariants notice two networks that are not one", check},
    {NULL, NULL, NULL}};
