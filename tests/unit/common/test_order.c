/* Distances, digits and addresses that may be asked. */
#include <check.h>
#include <common/order.h>
#include <peerpost/error.h>

static void test_distances(void)
{
    struct pp_id a = pp_id_power(8), b = pp_id_power(9), d;
    d = pp_distance_clockwise(&a, &b);
    CU_ASSERT_TRUE(pp_id_equal(&d, &a)); /* 512 - 256 */
    d = pp_distance_counter(&b, &a);
    CU_ASSERT_TRUE(pp_id_equal(&d, &a));
    struct pp_id there = pp_distance_ring(&a, &b), back = pp_distance_ring(&b, &a);
    CU_ASSERT_TRUE(pp_id_equal(&there, &back));
    d = pp_distance_xor(&a, &a);
    CU_ASSERT_TRUE(pp_id_is_zero(&d));
}

static void test_bits_and_digits(void)
{
    struct pp_id zero = {{0}}, one = pp_id_power(0), top = pp_id_power(159);
    CU_ASSERT_EQUAL(pp_id_top_bit(&zero), -1);
    CU_ASSERT_EQUAL(pp_id_top_bit(&one), 0);
    CU_ASSERT_EQUAL(pp_id_top_bit(&top), 159);
    struct pp_id id = {{0xab, 0xcd}};
    CU_ASSERT_EQUAL(pp_id_digit(&id, 0, 4), 0xa);
    CU_ASSERT_EQUAL(pp_id_digit(&id, 3, 4), 0xd);
    CU_ASSERT_EQUAL(pp_id_digit(&id, 1, 8), 0xcd);
    CU_ASSERT_EQUAL(pp_id_digit(&id, 0, 1), 1);
    CU_ASSERT_EQUAL(pp_id_digit(&id, 1, 2), 2);
}

static void test_spacing_is_the_mean_gap(void)
{
    struct pp_id key = {{0}};
    struct pp_peer peers[3] = {{.id = {{0x10}}}, {.id = {{0x20}}}, {.id = {{0x40}}}};
    CU_ASSERT_EQUAL(pp_ring_spacing(&key, peers, 0), 0);
    CU_ASSERT_EQUAL(pp_ring_spacing(&key, peers, 1), 0x1000000000000000u);
    CU_ASSERT_EQUAL(pp_ring_spacing(&key, peers, 3), 0x4000000000000000u / 3);
}

static bool may(const char *address, const char *teller)
{
    struct pp_peer peer = {.udp = 1};
    uint8_t from[16];
    CHECK_FATAL(pp_address_parse(peer.address, address) == PP_OK);
    CHECK_FATAL(pp_address_parse(from, teller) == PP_OK);
    return pp_peer_plausible(&peer, from);
}

static void test_addresses_that_may_be_asked(void)
{
    static const char *const never[] = {"0.0.0.0", "224.0.0.1", "255.255.255.255", "::", "ff02::1"};
    static const char *const local[] = {"127.0.0.1",   "10.1.2.3", "192.168.0.1", "172.16.0.1",
                                        "169.254.0.1", "::1",      "fe80::1",     "fd00::1"};
    for (size_t i = 0; i < sizeof never / sizeof *never; i++) {
        CU_ASSERT_FALSE(may(never[i], "127.0.0.1"));
    }
    for (size_t i = 0; i < sizeof local / sizeof *local; i++) {
        CU_ASSERT_TRUE(may(local[i], "10.0.0.1"));
        CU_ASSERT_FALSE(may(local[i], "192.0.2.1"));
    }
    CU_ASSERT_TRUE(may("192.0.2.9", "192.0.2.1"));
    CU_ASSERT_TRUE(may("2001:db8::1", "192.0.2.1"));
    struct pp_peer no_port = {.udp = 0};
    uint8_t from[16];
    pp_address_parse(no_port.address, "192.0.2.1");
    pp_address_parse(from, "192.0.2.1");
    CU_ASSERT_FALSE(pp_peer_plausible(&no_port, from));
}

CHECK_MAIN("order", CHECK(test_distances), CHECK(test_bits_and_digits),
           CHECK(test_spacing_is_the_mean_gap), CHECK(test_addresses_that_may_be_asked))
