/* Buckets, day sums, uploads, and a table that strangers cannot grow. */
#include <check.h>
#include <node/limits.h>
#include <node/node.h>
#include <peerpost/error.h>

static struct node_source *v4(struct node_limits *l, uint32_t address, pp_ns mono)
{
    uint8_t a[16] = {0};
    a[10] = a[11] = 0xff;
    pp_put32(a + 12, address);
    return node_source_of_address(l, mono, a);
}

static void test_a_bucket_gives_its_burst_and_then_its_rate(void)
{
    struct pp_node_config c;
    pp_node_config_default(&c);
    struct node_limits *l = node_limits_create(&c);
    struct node_source *s = v4(l, 1, 0);
    pp_ns now = PP_HOUR;
    for (int i = 0; i < 120; i++) {
        CU_ASSERT_EQUAL(node_rate_take(l, s, NODE_APPENDS, now), 0);
    }
    CU_ASSERT_EQUAL(node_rate_take(l, s, NODE_APPENDS, now), PP_SECOND);
    CU_ASSERT_EQUAL(node_rate_take(l, s, NODE_APPENDS, now + PP_SECOND), 0);
    CU_ASSERT_TRUE(node_rate_take(l, s, NODE_APPENDS, now + PP_SECOND) > 0);
    CU_ASSERT_EQUAL(node_rate_take(l, s, NODE_STORES, now), 0); /* another bucket */
    CU_ASSERT_EQUAL(node_rate_take(l, NULL, NODE_APPENDS, now), 0);
    node_source_release(s);
    node_limits_destroy(l);
}

static void test_a_key_may_do_twenty_times_as_much(void)
{
    struct pp_node_config c;
    pp_node_config_default(&c);
    struct node_limits *l = node_limits_create(&c);
    uint8_t key[32] = {1};
    struct node_source *s = node_source_of_key(l, 0, key);
    int n = 0;
    while (node_rate_take(l, s, NODE_STORES, PP_HOUR) == 0) {
        n++;
    }
    CU_ASSERT_EQUAL(n, 20 * 120);
    node_source_release(s);
    node_limits_destroy(l);
}

static void test_ipv6_counts_by_64(void)
{
    struct pp_node_config c;
    pp_node_config_default(&c);
    struct node_limits *l = node_limits_create(&c);
    uint8_t a[16] = {0x20, 1}, b[16] = {0x20, 1}, other[16] = {0x20, 2};
    b[15] = 9;
    struct node_source *s = node_source_of_address(l, 0, a);
    struct node_source *t = node_source_of_address(l, 0, b);
    struct node_source *u = node_source_of_address(l, 0, other);
    CU_ASSERT_PTR_EQUAL(s, t);
    CU_ASSERT_PTR_NOT_EQUAL(s, u);
    node_limits_destroy(l);
}

static void test_the_table_is_bounded_and_falls_back_to_wide_prefixes(void)
{
    struct pp_node_config c;
    pp_node_config_default(&c);
    c.sources = 100;
    struct node_limits *l = node_limits_create(&c);
    for (uint32_t i = 0; i < 10000; i++) {
        struct node_source *s = v4(l, 0x0a000000 + i, PP_HOUR);
        CHECK_FATAL(s != NULL);
        node_source_release(s);
    }
    CU_ASSERT_TRUE(node_limits_sources(l) <= 102);
    struct node_source *s = v4(l, 0x0a00fff0, PP_HOUR), *t = v4(l, 0x0a00fff1, PP_HOUR);
    CU_ASSERT_PTR_EQUAL(s, t);
    node_source_release(s);
    node_source_release(t);
    s = v4(l, 0x0b000001, 2 * PP_HOUR); /* the idle ones make room again */
    t = v4(l, 0x0b000002, 2 * PP_HOUR);
    CU_ASSERT_PTR_NOT_EQUAL(s, t);
    node_limits_destroy(l);
}

static void test_day_sums_turn_with_the_day(void)
{
    struct pp_node_config c;
    pp_node_config_default(&c);
    struct node_limits *l = node_limits_create(&c);
    struct node_source *s = v4(l, 7, 0);
    CU_ASSERT_TRUE(node_day_has_room(l, s, c.day_octets, 1));
    CU_ASSERT_FALSE(node_day_has_room(l, s, c.day_octets + 1, 1));
    CU_ASSERT_FALSE(node_day_has_room(l, s, UINT64_MAX, 1));
    node_day_charge(s, c.day_octets, 1);
    CU_ASSERT_FALSE(node_day_has_room(l, s, 1, 2));
    CU_ASSERT_TRUE(node_day_has_room(l, s, 1, PP_DAY + 2));
    node_limits_destroy(l);
}

static void test_uploads_are_reserved(void)
{
    struct pp_node_config c;
    pp_node_config_default(&c);
    c.uploads_all = 1000;
    c.uploads_source = 600;
    struct node_limits *l = node_limits_create(&c);
    struct node_source *s = v4(l, 1, 0), *t = v4(l, 2, 0);
    CU_ASSERT_EQUAL(node_upload_reserve(l, s, 500), PP_OK);
    CU_ASSERT_EQUAL(node_upload_reserve(l, s, 101), PP_LIMIT);
    CU_ASSERT_EQUAL(node_upload_reserve(l, t, 501), PP_BUSY);
    CU_ASSERT_EQUAL(node_upload_reserve(l, t, UINT64_MAX), PP_BUSY);
    CU_ASSERT_EQUAL(node_upload_reserve(l, t, 500), PP_OK);
    node_upload_release(l, s, 500);
    CU_ASSERT_EQUAL(node_upload_reserve(l, s, 500), PP_OK);
    node_limits_destroy(l);
}

CHECK_MAIN("node limits", CHECK(test_a_bucket_gives_its_burst_and_then_its_rate),
           CHECK(test_a_key_may_do_twenty_times_as_much), CHECK(test_ipv6_counts_by_64),
           CHECK(test_the_table_is_bounded_and_falls_back_to_wide_prefixes),
           CHECK(test_day_sums_turn_with_the_day), CHECK(test_uploads_are_reserved))
