/* The live pp_net against a real node: look-ups, stores from a blob, slow readers, liars, silence,
 * cancelling, no network. */
#include "live_world.h"

#include <check.h>

static struct live_world w;
static struct live_act a;

static struct pp_net_request request(const struct pp_peer *peer, const char *method,
                                     const char *identifier)
{
    return (struct pp_net_request){
        .peer = peer,
        .method = method,
        .identifier = pp_str(identifier),
        .answer_max = 1 << 20,
        .times = {5 * PP_SECOND, 5 * PP_SECOND, 10 * PP_SECOND},
    };
}

static struct pp_blob *make_blob(size_t len)
{
    struct pp_blob *b = w.mail.ops->blob_new(w.net);
    for (size_t at = 0; at < len; at += 1000) {
        uint8_t piece[1000];
        size_t n = len - at < sizeof piece ? len - at : sizeof piece;
        for (size_t i = 0; i < n; i++) {
            piece[i] = (uint8_t)((at + i) * 31 >> 3);
        }
        CU_ASSERT_EQUAL(w.mail.ops->blob_write(w.net, b, pp_bytes(piece, n)), PP_OK);
    }
    return b;
}

static bool is_pattern(struct pp_bytes in, size_t len)
{
    bool same = in.len == len;
    for (size_t i = 0; same && i < len; i++) {
        same = in.data[i] == (uint8_t)(i * 31 >> 3);
    }
    return same;
}

static void test_look_up_then_store_then_fetch(void)
{
    live_world_start(&w, 20, true);
    live_act_init(&a, &w);
    struct pp_id key = pp_id_power(9);
    w.mail.ops->lookup(w.net, &a.act, &key, 3, 1, 77);
    CU_ASSERT_EQUAL(a.found, 0); /* never from inside */
    CU_ASSERT_TRUE(live_await(&w, &a.found, 1));
    CU_ASSERT_TRUE(a.code == PP_OK && a.n_peers == 1 && a.token == 77);
    CU_ASSERT_EQUAL(memcmp(&a.peers[0], &w.node, sizeof w.node), 0);

    struct pp_blob *blob = make_blob(200000);
    const char *const fields[] = {"X-Mark: here"};
    struct pp_net_request put = request(&a.peers[0], "PUT", "a b/c@x");
    put.certificates = pp_str("-----BEGIN CERTIFICATE-----\n");
    put.blob = blob;
    put.fields = fields;
    put.n_fields = 1;
    w.mail.ops->request(w.net, &a.act, &put, 1);
    w.mail.ops->blob_free(w.net, blob); /* the request has its own reference */
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 1));
    CU_ASSERT_TRUE(a.error == 0 && a.status == 201);
    CU_ASSERT_STRING_EQUAL(w.path, "/a%20b%2Fc@x");
    CU_ASSERT_STRING_EQUAL(w.mark, "here");
    CU_ASSERT_TRUE(pp_bytes_is(pp_buf_bytes(&w.certificates), "-----BEGIN CERTIFICATE-----\n"));
    CU_ASSERT_TRUE(is_pattern(pp_buf_bytes(&w.object), 200000));

    a.appetite = 5000; /* a slow reader: resume brings the rest */
    struct pp_net_request get = request(&a.peers[0], "GET", "a");
    w.mail.ops->request(w.net, &a.act, &get, 2);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 2));
    CU_ASSERT_TRUE(a.error == 0 && a.refused && a.token == 2);
    CU_ASSERT_TRUE(is_pattern(pp_buf_bytes(&a.body), 200000));
    CU_ASSERT_STRING_EQUAL(a.text, "yes");
    pp_buf_free(&a.body);
    live_world_stop(&w);
}

static void test_plain_bodies_and_bounds(void)
{
    live_world_start(&w, 21, true);
    live_act_init(&a, &w);
    struct pp_net_request put = request(&w.node, "PUT", "x");
    put.body = pp_str("notification");
    w.mail.ops->request(w.net, &a.act, &put, 1);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 1));
    CU_ASSERT_TRUE(a.error == 0 && pp_bytes_is(pp_buf_bytes(&w.object), "notification"));
    struct pp_net_request get = request(&w.node, "GET", "x");
    get.answer_max = 5;
    w.mail.ops->request(w.net, &a.act, &get, 2);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 2));
    CU_ASSERT_EQUAL(a.error, PP_TOO_BIG);
    struct pp_net_request del = request(&w.node, "DELETE", "x");
    w.mail.ops->request(w.net, &a.act, &del, 3);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 3));
    CU_ASSERT_TRUE(a.error == 0 && a.status == 201);
    CU_ASSERT_STRING_EQUAL(w.method, "DELETE");
    pp_buf_free(&a.body);
    live_world_stop(&w);
}

static void test_liars_the_dead_and_the_silent(void)
{
    live_world_start(&w, 22, true);
    live_act_init(&a, &w);
    struct pp_peer liar = w.node, dead = w.node, mute = w.node;
    liar.id.b[0] ^= 1;
    dead.address[15] = 77;
    mute.http = 0;
    struct pp_net_request get = request(&liar, "GET", "x");
    w.mail.ops->request(w.net, &a.act, &get, 1);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 1));
    CU_ASSERT_EQUAL(a.error, PP_IDENTITY);
    get = request(&dead, "GET", "x");
    w.mail.ops->request(w.net, &a.act, &get, 2);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 2));
    CU_ASSERT_EQUAL(a.error, PP_UNREACHABLE);
    get = request(&mute, "GET", "x");
    w.mail.ops->request(w.net, &a.act, &get, 3);
    CU_ASSERT_EQUAL(a.ended, 2);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 3));
    CU_ASSERT_EQUAL(a.error, PP_UNREACHABLE);
    get = request(&w.node, "PUT", "silent");
    get.times.total = 300 * PP_MS;
    w.mail.ops->request(w.net, &a.act, &get, 4);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 4));
    CU_ASSERT_EQUAL(a.error, PP_TIMEOUT);
    live_world_stop(&w);
}

static void test_nothing_comes_after_cancel_or_forget(void)
{
    live_world_start(&w, 23, true);
    live_act_init(&a, &w);
    struct live_act other;
    live_act_init(&other, &w);
    struct pp_id key = pp_id_power(9);
    struct pp_net_request get = request(&w.node, "GET", "x");
    w.mail.ops->lookup(w.net, &a.act, &key, 3, 1, 1);
    w.mail.ops->request(w.net, &a.act, &get, 2);
    w.mail.ops->note(w.net, &a.act, pp_str("k"), pp_str("v"), 3);
    w.mail.ops->wake(w.net, &a.act, w.mail.ops->now(w.net).mono);
    w.mail.ops->cancel(w.net, &a.act, 2);
    w.mail.ops->forget(w.net, &a.act);
    w.mail.ops->request(w.net, &other.act, &get, 2);
    w.mail.ops->lookup(w.net, &other.act, &key, 3, 1, 1);
    w.mail.ops->note(w.net, &other.act, pp_str("k2"), pp_str("v"), 3);
    w.mail.ops->wake(w.net, &other.act, w.mail.ops->now(w.net).mono);
    CU_ASSERT_TRUE(live_await(&w, &other.ended, 1));
    CU_ASSERT_TRUE(live_await(&w, &other.found, 1));
    CU_ASSERT_TRUE(live_await(&w, &other.noted, 1));
    CU_ASSERT_TRUE(live_await(&w, &other.woken, 1));
    CU_ASSERT_EQUAL(a.found + a.heads + a.ended + a.noted + a.woken, 0);
    CU_ASSERT_EQUAL(w.requests, 1);
    live_world_stop(&w);
}

static void test_many_requests_share_one_connection(void)
{
    live_world_start(&w, 24, true);
    live_act_init(&a, &w);
    struct pp_net_request get = request(&w.node, "GET", "x");
    for (uint64_t i = 0; i < 300; i++) {
        w.mail.ops->request(w.net, &a.act, &get, i);
    }
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 300));
    struct pp_server_counts counts;
    pp_server_counts(w.server, &counts);
    CU_ASSERT_EQUAL(counts.requests, 300);
    CU_ASSERT_EQUAL(counts.accepted, 1);
    live_world_stop(&w);
}

static void test_more_look_ups_than_the_overlay_takes(void)
{
    live_world_start(&w, 25, true);
    live_act_init(&a, &w);
    for (uint64_t i = 0; i < 600; i++) {
        struct pp_id key = pp_id_power((unsigned)(i % 160));
        w.mail.ops->lookup(w.net, &a.act, &key, 3, 1, i);
    }
    CU_ASSERT_TRUE(live_await(&w, &a.found, 600));
    CU_ASSERT_EQUAL(a.code, PP_OK);
    live_world_stop(&w);
}

static void test_without_a_network_it_is_local(void)
{
    live_world_start(&w, 26, false);
    live_act_init(&a, &w);
    struct pp_id key = pp_id_power(9);
    struct pp_net_request get = request(&w.node, "GET", "x");
    w.mail.ops->lookup(w.net, &a.act, &key, 3, 1, 1);
    w.mail.ops->request(w.net, &a.act, &get, 2);
    CU_ASSERT_EQUAL(a.found + a.ended, 0);
    CU_ASSERT_TRUE(live_await(&w, &a.ended, 1));
    CU_ASSERT_TRUE(a.found == 1 && a.code == PP_LOCAL && a.error == PP_LOCAL);
    live_world_stop(&w);
}

CHECK_MAIN("net live", CHECK(test_look_up_then_store_then_fetch),
           CHECK(test_plain_bodies_and_bounds), CHECK(test_liars_the_dead_and_the_silent),
           CHECK(test_nothing_comes_after_cancel_or_forget),
           CHECK(test_many_requests_share_one_connection),
           CHECK(test_more_look_ups_than_the_overlay_takes),
           CHECK(test_without_a_network_it_is_local))
