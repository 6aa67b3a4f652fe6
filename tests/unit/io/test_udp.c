/* Datagrams between two sockets on loopback addresses of their own; bounds and errors. */
#include <check.h>
#include <io/udp.h>
#include <peerpost/id.h>

struct inbox {
    struct pp_loop *loop;
    int n, wanted;
    size_t last_len;
    uint8_t from[16];
    uint16_t port;
    uint8_t first;
};

static void on_datagram(void *ctx, const uint8_t address[16], uint16_t port, struct pp_bytes bytes)
{
    struct inbox *in = ctx;
    in->n++;
    in->last_len = bytes.len;
    in->first = bytes.len ? bytes.data[0] : 0;
    memcpy(in->from, address, 16);
    in->port = port;
    if (in->n == in->wanted) {
        pp_loop_stop(in->loop);
    }
}

static struct pp_udp *open_at(struct pp_loop *loop, uint8_t address[16], const char *text,
                              struct inbox *in)
{
    struct pp_udp *udp = NULL;
    struct pp_error error;
    in->loop = loop;
    CHECK_FATAL(pp_address_parse(address, text) == 0);
    CHECK_FATAL(pp_udp_open(&udp, loop, address, 0, on_datagram, in, &error) == 0);
    CU_ASSERT_TRUE(pp_udp_port(udp) != 0);
    return udp;
}

static void exchange(const char *at_a, const char *at_b)
{
    struct pp_loop *loop = pp_loop_create();
    struct inbox ia = {0}, ib = {.wanted = 50};
    uint8_t a[16], b[16], big[PP_DATAGRAM_MAX + 1] = {7};
    struct pp_udp *ua = open_at(loop, a, at_a, &ia), *ub = open_at(loop, b, at_b, &ib);
    pp_udp_send(ua, b, pp_udp_port(ub), pp_bytes(big, sizeof big)); /* too long: not sent */
    pp_udp_send(ua, b, 0, pp_bytes(big, 5));
    for (int i = 0; i < 50; i++) {
        pp_udp_send(ua, b, pp_udp_port(ub), pp_bytes(big, PP_DATAGRAM_MAX));
    }
    pp_loop_run(loop);
    CU_ASSERT_EQUAL(ib.n, 50);
    CU_ASSERT_EQUAL(ib.last_len, PP_DATAGRAM_MAX);
    CU_ASSERT_EQUAL(ib.first, 7);
    CU_ASSERT_EQUAL(ib.port, pp_udp_port(ua));
    CU_ASSERT_EQUAL(memcmp(ib.from, a, 16), 0);
    pp_udp_close(ua);
    pp_udp_close(ub);
    pp_loop_destroy(loop);
}

static void test_exchange_v4(void)
{
    exchange("127.3.9.1", "127.3.9.2");
}

static void test_exchange_v6(void)
{
    exchange("::1", "::1");
}

static void test_dual_stack_any(void)
{
    struct pp_loop *loop = pp_loop_create();
    struct inbox ia = {0}, ib = {.wanted = 1};
    uint8_t a[16], any[16], b[16];
    struct pp_udp *ua = open_at(loop, a, "127.3.9.3", &ia), *ub = open_at(loop, any, "::", &ib);
    CHECK_FATAL(pp_address_parse(b, "127.3.9.4") == 0);
    pp_udp_send(ua, b, pp_udp_port(ub), pp_str("x"));
    pp_loop_run(loop);
    CU_ASSERT_EQUAL(memcmp(ib.from, a, 16), 0);
    pp_udp_close(ua);
    pp_udp_close(ub);
    pp_loop_destroy(loop);
}

static void test_a_taken_port_is_named(void)
{
    struct pp_loop *loop = pp_loop_create();
    struct inbox in = {0};
    uint8_t a[16];
    struct pp_udp *first = open_at(loop, a, "127.3.9.5", &in), *second = NULL;
    struct pp_error error;
    CU_ASSERT_EQUAL(pp_udp_open(&second, loop, a, pp_udp_port(first), on_datagram, &in, &error),
                    PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "127.3.9.5"));
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "choose another port"));
    CU_ASSERT_EQUAL(pp_address_parse(a, "192.0.2.1"), 0);
    CU_ASSERT_EQUAL(pp_udp_open(&second, loop, a, 0, on_datagram, &in, &error), PP_IO);
    CU_ASSERT_PTR_NOT_NULL(strstr(error.text, "no interface"));
    pp_udp_close(first);
    pp_loop_destroy(loop);
}

CHECK_MAIN("udp", CHECK(test_exchange_v4), CHECK(test_exchange_v6), CHECK(test_dual_stack_any),
           CHECK(test_a_taken_port_is_named))
