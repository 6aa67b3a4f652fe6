/* A node's word and its zones on the wire: what is written is read again, what is wrong is not. */
#include <check.h>
#include <substrate-can/can.h>

static struct pp_substrate_node node; /* without neighbours */

static struct pp_bytes written(struct pp_writer *w, const struct can_zones *zones)
{
    pp_writer_begin(w, CAN_STATE, 0, 7);
    node.version = 1234;
    node.zones = *zones;
    can_write_word(w, &node, 99, false, NULL);
    CU_ASSERT_FALSE_FATAL(w->failed);
    return pp_bytes(w->data + PP_WIRE_HEADER, w->len - PP_WIRE_HEADER);
}

static bool reads(struct can_zone *at, uint16_t n, struct can_word *word)
{
    struct pp_writer w;
    struct pp_reader r = pp_reader(written(&w, &(struct can_zones){at, n}));
    return can_read_word(&r, word);
}

static void test_word_reads_as_written(void)
{
    struct can_zone at[] = {{0x40000000, 2, CAN_HOME}, {0xc0000000, 3, CAN_WARD}, {0, 2, CAN_OPEN}};
    struct can_word word;
    CU_ASSERT_TRUE_FATAL(reads(at, 3, &word));
    CU_ASSERT_EQUAL(word.have, 99);
    CU_ASSERT_EQUAL(word.version, 1234);
    CU_ASSERT_EQUAL(word.digest, can_digest(&node));
    CU_ASSERT_EQUAL_FATAL(word.n, 3);
    for (size_t i = 0; i < 3; i++) {
        CU_ASSERT_TRUE(can_zone_equal(word.zones[i], at[i]));
        CU_ASSERT_EQUAL(word.zones[i].hold, at[i].hold);
    }
    CU_ASSERT_FALSE(word.listed);
}

static void test_cut_or_longer_is_malformed(void)
{
    struct can_zone at[] = {{0, 1, CAN_HOME}};
    struct can_word word;
    struct pp_writer w;
    struct pp_bytes all = written(&w, &(struct can_zones){at, 1});
    for (size_t len = 0; len < all.len; len++) {
        struct pp_reader r = pp_reader(pp_bytes(all.data, len));
        CU_ASSERT_FALSE(can_read_word(&r, &word));
    }
    w.data[w.len] = 0;
    struct pp_reader r = pp_reader(pp_bytes(all.data, all.len + 1));
    CU_ASSERT_FALSE(can_read_word(&r, &word));
}

static void test_what_no_node_can_hold_is_malformed(void)
{
    struct can_zone overlapping[] = {{0, 1, CAN_HOME}, {0x40000000, 2, CAN_WARD}};
    struct can_zone two_homes[] = {{0, 1, CAN_HOME}, {0x80000000, 1, CAN_HOME}};
    struct can_zone homeless[] = {{0, 1, CAN_WARD}};
    struct can_word word;
    CU_ASSERT_FALSE(reads(overlapping, 2, &word));
    CU_ASSERT_FALSE(reads(two_homes, 2, &word));
    CU_ASSERT_FALSE(reads(homeless, 1, &word));
    CU_ASSERT_TRUE(reads(homeless, 0, &word)); /* it has lost all */
}

static void test_zone_without_depth_is_malformed(void)
{
    static const uint8_t octets[CAN_ZONE_LEN] = {0};
    struct pp_reader r = pp_reader(pp_bytes(octets, sizeof octets)),
                     cut = pp_reader(pp_bytes(octets, 4));
    struct can_zone zone;
    CU_ASSERT_FALSE(can_read_zone(&r, &zone));
    CU_ASSERT_FALSE(can_read_zone(&cut, &zone));
}

CHECK_MAIN("can messages", CHECK(test_word_reads_as_written),
           CHECK(test_cut_or_longer_is_malformed), CHECK(test_what_no_node_can_hold_is_malformed),
           CHECK(test_zone_without_depth_is_malformed))
