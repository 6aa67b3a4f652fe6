/* The saved peers: round trip, replacement, hostile files, atomic writing. */
#include <check.h>
#include <overlay/peer_cache.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

static struct pp_peer make(unsigned id, const char *address, uint16_t udp)
{
    struct pp_peer p = {.udp = udp, .http = 80};
    pp_put32(p.id.b, id);
    CHECK_FATAL(pp_address_parse(p.address, address) == PP_OK);
    return p;
}

static void with_file(const char *text, void (*test)(const char *path))
{
    char folder[] = "/tmp/peerpost-cache-XXXXXX", path[64];
    CHECK_FATAL(mkdtemp(folder) != NULL);
    snprintf(path, sizeof path, "%s/peers", folder);
    CHECK_FATAL(!text || pp_peer_cache_write(path, pp_str(text)) == PP_OK);
    test(path);
    unlink(path);
    CU_ASSERT_EQUAL(rmdir(folder), 0); /* nothing is left aside */
}

static void round_trip(const char *path)
{
    struct pp_peer_cache a = {.member = true, .self = make(9, "127.0.0.9", 9)}, b = {0};
    struct pp_peer one = make(1, "127.0.0.1", 1), two = make(2, "2001:db8::2", 65535);
    struct pp_buf text = {0};
    size_t bad = 7;
    CU_ASSERT_EQUAL(pp_peer_cache_load(&b, path, &bad, NULL), PP_OK); /* missing: empty */
    CU_ASSERT_TRUE(b.n == 0 && bad == 0 && !b.member);
    pp_peer_cache_add(&a, &one, 0);
    pp_peer_cache_add(&a, &two, 0);
    CU_ASSERT_TRUE(a.changed);
    CHECK_FATAL(pp_peer_cache_text(&a, &text) == PP_OK);
    CU_ASSERT_FALSE(a.changed);
    CHECK_FATAL(pp_peer_cache_write(path, pp_buf_bytes(&text)) == PP_OK);
    CU_ASSERT_EQUAL(pp_peer_cache_load(&b, path, &bad, NULL), PP_OK);
    CU_ASSERT_TRUE(b.n == 2 && bad == 0 && b.member && !b.changed);
    CU_ASSERT_EQUAL(memcmp(&b.self, &a.self, sizeof b.self), 0);
    CU_ASSERT_EQUAL(memcmp(&b.entries[1].peer, &two, sizeof two), 0);
    struct stat st;
    CU_ASSERT_TRUE(stat(path, &st) == 0 && (st.st_mode & 0777) == 0600);
    pp_buf_free(&text);
}

static void test_round_trip(void)
{
    with_file(NULL, round_trip);
}

static void hostile(const char *path)
{
    struct pp_peer_cache c = {0};
    size_t bad = 0;
    CU_ASSERT_EQUAL(pp_peer_cache_load(&c, path, &bad, NULL), PP_OK);
    CU_ASSERT_EQUAL(c.n, 1);
    CU_ASSERT_EQUAL(bad, 7);
}

static void test_what_is_not_understood_is_left_out(void)
{
    with_file("peerpost peers 1\n"
              "peer 0000000100000000000000000000000000000000 127.0.0.1 1 80\n"
              "peer 0000000200000000000000000000000000000000 127.0.0.1 70000 80\n"
              "peer 00000002000000000000000000000000000000zz 127.0.0.1 1 80\n"
              "peer 0000000000000000000000000000000000000000 127.0.0.1 1 80\n"
              "peer 0000000300000000000000000000000000000000 127.0.0 1 80\n"
              "peer 0000000300000000000000000000000000000000 127.0.0.1\n"
              "friend 0000000300000000000000000000000000000000 127.0.0.1 1 80\n"
              "peer 0000000300000000000000000000000000000000 127.0.0.1 1 80 a b c\n",
              hostile);
}

static void test_one_entry_an_id_and_an_endpoint(void)
{
    struct pp_peer_cache c = {0};
    struct pp_peer a = make(1, "127.0.0.1", 1), moved = make(1, "127.0.0.2", 1);
    struct pp_peer other = make(2, "127.0.0.2", 1);
    pp_peer_cache_add(&c, &a, 0);
    pp_peer_cache_add(&c, &moved, 0);
    CU_ASSERT_TRUE(c.n == 1 && c.entries[0].peer.address[15] == 2);
    pp_peer_cache_add(&c, &other, 0); /* another node has that endpoint now */
    CU_ASSERT_EQUAL(c.n, 1);
    CU_ASSERT_PTR_NULL(pp_peer_cache_find(&c, &a.id));
    CU_ASSERT_PTR_NOT_NULL(pp_peer_cache_find(&c, &other.id));
}

static void test_a_full_cache_keeps_most(void)
{
    struct pp_peer_cache c = {0};
    for (unsigned i = 1; i <= PP_CACHE_MAX; i++) {
        struct pp_peer p = make(i, "127.0.0.1", (uint16_t)i);
        CU_ASSERT_PTR_NOT_NULL(pp_peer_cache_add(&c, &p, i));
    }
    struct pp_peer late = make(100, "127.0.0.1", 100);
    CU_ASSERT_PTR_NULL(pp_peer_cache_add(&c, &late, PP_CACHE_MAX * 3 + 5));
    CU_ASSERT_PTR_EQUAL(pp_peer_cache_add(&c, &late, PP_CACHE_MAX * 8 + 5), &c.entries[5]);
    CU_ASSERT_EQUAL(c.n, PP_CACHE_MAX);
}

CHECK_MAIN("peer cache", CHECK(test_round_trip), CHECK(test_what_is_not_understood_is_left_out),
           CHECK(test_one_entry_an_id_and_an_endpoint), CHECK(test_a_full_cache_keeps_most))
