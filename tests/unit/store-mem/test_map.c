/* The persistent map: order, versions that stay, accounts. */
#include <check.h>
#include <common/store/map.h>
#include <peerpost/error.h>

#include <stdio.h>

#define N 500

static struct pp_bytes key_of(char *text, unsigned i)
{
    snprintf(text, 8, "k%05u", i);
    return pp_str(text);
}

static void fill(struct map *m)
{
    char text[8];
    for (unsigned i = 0; i < N; i++) {
        struct pp_bytes key = key_of(text, (i * 7) % N);
        CU_ASSERT_EQUAL_FATAL(map_put(m, key, key), PP_OK);
    }
}

static void test_rows_come_in_order(void)
{
    struct map m = {0};
    char text[8];
    fill(&m);
    unsigned i = 0;
    char next[16] = "";
    for (const struct node *n; (n = map_at(&m, pp_str(next))) != NULL; i++) {
        CU_ASSERT_TRUE(pp_bytes_equal(map_key(n), key_of(text, i)));
        CU_ASSERT_TRUE(pp_bytes_equal(map_value(n), map_key(n)));
        snprintf(next, sizeof next, "%s!", text);
    }
    CU_ASSERT_EQUAL(i, N);
    map_release(&m);
}

static void test_a_shared_version_stays(void)
{
    struct map m = {0};
    char text[8];
    fill(&m);
    struct map then = map_share(&m);
    for (unsigned i = 0; i < N; i += 2) {
        CU_ASSERT_EQUAL(map_del(&m, key_of(text, i)), PP_OK);
        CU_ASSERT_EQUAL(map_del(&m, key_of(text, i)), PP_NOT_FOUND);
    }
    CU_ASSERT_EQUAL(map_put(&m, key_of(text, 1), pp_str("other")), PP_OK);
    for (unsigned i = 0; i < N; i++) {
        const struct node *n = map_at(&then, key_of(text, i));
        CU_ASSERT_PTR_NOT_NULL_FATAL(n);
        CU_ASSERT_TRUE(pp_bytes_equal(map_value(n), pp_str(text)));
    }
    CU_ASSERT_TRUE(pp_bytes_equal(map_value(map_at(&m, key_of(text, 1))), pp_str("other")));
    map_release(&then);
    map_release(&m);
}

static void test_accounts_come_back_to_zero(void)
{
    struct map m = {0};
    char text[8];
    fill(&m);
    uint64_t full = m.used;
    fill(&m);
    CU_ASSERT_EQUAL(m.used, full);
    for (unsigned i = 0; i < N; i++) {
        CU_ASSERT_EQUAL(map_del(&m, key_of(text, i)), PP_OK);
    }
    CU_ASSERT_EQUAL(m.used, 0);
    CU_ASSERT_PTR_NULL(map_at(&m, pp_str("")));
    map_release(&m);
}

CHECK_MAIN("map", CHECK(test_rows_come_in_order), CHECK(test_a_shared_version_stays),
           CHECK(test_accounts_come_back_to_zero))
