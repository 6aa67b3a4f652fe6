/* The envelope without a socket: handshake, tampering, replay, reorder, loss, wrong ids and
 * networks, amplification, floods, restarts, renewal of keys. */
#include "wire.h"

#include <check.h>
#include <overlay/envelope_internal.h>

static struct wire w;

static bool got(const struct end *end, const char *text)
{
    return pp_bytes_is(pp_bytes(end->last, end->last_len), text);
}

static void test_nodes_prove_address_and_id(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "hello");
    wire_settle(&w);
    CHECK_FATAL(b->received == 1 && got(b, "hello"));
    CU_ASSERT_TRUE(pp_id_equal(&b->last_rx.from.id, &a->self.id));
    CU_ASSERT_TRUE(pp_peer_same_endpoint(&b->last_rx.from, &a->self));
    CU_ASSERT_EQUAL(b->last_rx.from.http, 8000);
    CU_ASSERT_TRUE(b->last_rx.facts & PP_ID_PROVED);
    wire_send(b, a, "back");
    wire_settle(&w);
    CU_ASSERT_TRUE(a->received == 1 && got(a, "back"));
    CU_ASSERT_TRUE(a->last_rx.facts & PP_ID_PROVED);
    CU_ASSERT_TRUE(pp_id_equal(&a->last_rx.from.id, &b->self.id));
    CU_ASSERT_EQUAL(a->proofs, 1);
    CU_ASSERT_EQUAL(a->last_flags, PP_PEER_MEMBER | PP_PEER_ACTIVE);
    CU_ASSERT_EQUAL(a->last_proved.http, 8000);
    CU_ASSERT_TRUE(a->observations == 1 && a->observed_port == 4000);
    CU_ASSERT_EQUAL(memcmp(a->observed, a->self.address, 16), 0);
    wire_finish(&w);
}

static void test_a_client_has_no_id(void)
{
    wire_init(&w);
    struct end *c = wire_add(&w, false, 5), *b = wire_add(&w, true, 5);
    wire_send(c, b, "ask");
    wire_settle(&w);
    CU_ASSERT_TRUE(b->received == 1 && got(b, "ask"));
    CU_ASSERT_TRUE(pp_id_is_zero(&b->last_rx.from.id));
    CU_ASSERT_FALSE(b->last_rx.facts & PP_ID_PROVED);
    CU_ASSERT_EQUAL(b->proofs, 0);
    struct pp_peer client = b->last_rx.from;
    pp_envelope_send(b->envelope, w.now, &client, pp_str("answer"));
    wire_settle(&w);
    CU_ASSERT_TRUE(c->received == 1 && got(c, "answer"));
    CU_ASSERT_TRUE(c->last_rx.facts & PP_ID_PROVED);
    struct end *d = wire_add(&w, false, 5); /* clients answer nobody */
    wire_send(d, c, "psst");
    wire_pass(&w, 20 * PP_SECOND);
    CU_ASSERT_EQUAL(c->received, 1);
    wire_finish(&w);
}

static void test_not_yet_member_shows_no_id(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    pp_envelope_say(a->envelope, 0, 8000);
    wire_send(a, b, "1");
    wire_settle(&w);
    CU_ASSERT_TRUE(pp_id_is_zero(&b->last_rx.from.id));
    CU_ASSERT_FALSE(b->last_rx.facts & PP_ID_PROVED);
    CU_ASSERT_TRUE(b->proofs == 1 && b->last_flags == 0); /* core knows, the substrate does not */
    pp_envelope_say(a->envelope, PP_PEER_MEMBER, 8001);
    wire_send(a, b, "2");
    wire_settle(&w);
    CU_ASSERT_TRUE(b->last_rx.facts & PP_ID_PROVED);
    CU_ASSERT_EQUAL(b->last_rx.from.http, 8001);
    CU_ASSERT_TRUE(b->proofs == 2 && b->last_flags == PP_PEER_MEMBER);
    wire_finish(&w);
}

/* Every octet of a sealed datagram, of WELCOME's and FINISH's parts that keys depend on. */
static void test_tampered_datagrams_are_dropped(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    wire_send(a, b, "precious");
    struct datagram good = w.queue[0];
    wire_drop(&w, 0);
    for (size_t i = 0; i < good.len; i++) {
        struct datagram bad = good;
        bad.data[i] ^= 0x10;
        wire_inject(b, a, pp_bytes(bad.data, bad.len));
        w.now.mono += 20 * PP_MS; /* stay under the rate bound */
    }
    for (size_t len = 0; len < good.len; len++) {
        wire_inject(b, a, pp_bytes(good.data, len));
        w.now.mono += 20 * PP_MS;
    }
    CU_ASSERT_EQUAL(b->received, 1);
    w.n = 0; /* resets that the damage caused */
    wire_inject(b, a, pp_bytes(good.data, good.len));
    CU_ASSERT_TRUE(b->received == 2 && got(b, "precious"));
    wire_finish(&w);
}

static void test_tampered_handshakes_give_no_session(void)
{
    static const struct {
        enum pp_envelope_kind kind;
        size_t at;
    } places[] = {{PP_HELLO, 2},    {PP_HELLO, 12},   {PP_HELLO, 40},   {PP_WELCOME, 5},
                  {PP_WELCOME, 20}, {PP_WELCOME, 40}, {PP_WELCOME, 55}, {PP_WELCOME, 200},
                  {PP_FINISH, 5},   {PP_FINISH, 20},  {PP_FINISH, 30},  {PP_FINISH, 60},
                  {PP_FINISH, 120}, {PP_FINISH, 300}};
    for (size_t i = 0; i < sizeof places / sizeof *places; i++) {
        wire_init(&w);
        struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
        wire_send(a, b, "x");
        for (int steps = 0; w.n > 0 && steps < 100; steps++) {
            if (w.queue[0].data[1] == places[i].kind) {
                w.queue[0].data[places[i].at] ^= 1;
            }
            wire_deliver(&w, 0);
        }
        CU_ASSERT_EQUAL(b->received, 0);
        CU_ASSERT_EQUAL(a->proofs + b->proofs, 0);
        wire_finish(&w);
    }
}

static void test_replays_and_reordering(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    struct datagram sent[100];
    for (int i = 0; i < 100; i++) {
        wire_send(a, b, "y");
        sent[i] = w.queue[0];
        wire_drop(&w, 0);
    }
    for (int i = 63; i >= 0; i--) { /* backwards within the window: all are new */
        wire_inject(b, a, pp_bytes(sent[i].data, sent[i].len));
    }
    CU_ASSERT_EQUAL(b->received, 65);
    for (int i = 0; i < 64; i++) {
        wire_inject(b, a, pp_bytes(sent[i].data, sent[i].len));
    }
    CU_ASSERT_EQUAL(b->received, 65);
    wire_inject(b, a, pp_bytes(sent[99].data, sent[99].len));
    wire_inject(b, a, pp_bytes(sent[70].data, sent[70].len)); /* 29 behind */
    CU_ASSERT_EQUAL(b->received, 67);
    struct pp_envelope_counts counts;
    pp_envelope_counts(b->envelope, &counts);
    CU_ASSERT_EQUAL(counts.dropped_bad, 64);
    wire_finish(&w);
}

static void test_too_old_for_the_window(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    wire_send(a, b, "late");
    struct datagram late = w.queue[0];
    wire_drop(&w, 0);
    for (int i = 0; i < 64; i++) {
        wire_send(a, b, "y");
    }
    wire_settle(&w);
    CU_ASSERT_EQUAL(b->received, 65);
    wire_inject(b, a, pp_bytes(late.data, late.len));
    CU_ASSERT_EQUAL(b->received, 65);
    wire_finish(&w);
}

/* Each datagram of the handshake lost once, then twice: it comes about all the same. */
static void test_lost_handshake_datagrams(void)
{
    for (enum pp_envelope_kind kind = PP_HELLO; kind <= PP_ACCEPT; kind++) {
        for (int losses = 1; losses <= 2; losses++) {
            wire_init(&w);
            struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
            int left = losses;
            wire_send(a, b, "x");
            for (int i = 0; i < 100; i++) {
                while (w.n > 0) {
                    if (w.queue[0].data[1] == kind && left > 0) {
                        left--;
                        wire_drop(&w, 0);
                    } else {
                        wire_deliver(&w, 0);
                    }
                }
                w.now.mono += 100 * PP_MS;
                pp_envelope_tick(a->envelope, w.now);
                pp_envelope_tick(b->envelope, w.now);
            }
            wire_send(a, b, "y"); /* what waited may be lost with FINISH; this must come */
            wire_send(b, a, "z");
            wire_settle(&w);
            CU_ASSERT_EQUAL(left, 0);
            CU_ASSERT_TRUE(b->received >= 1 && got(b, "y"));
            CU_ASSERT_TRUE(a->received == 1 && got(a, "z"));
            CU_ASSERT_EQUAL(pp_envelope_next(a->envelope), PP_NEVER);
            wire_finish(&w);
        }
    }
}

static void test_nobody_there_is_given_up(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5);
    struct end *b = wire_add(&w, true, 5);
    b->self.udp = 1; /* nobody listens where a believes it to be */
    struct end ghost = *b;
    ghost.self.udp = 4000;
    wire_send(a, &ghost, "x");
    wire_pass(&w, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(pp_envelope_next(a->envelope), PP_NEVER);
    CU_ASSERT_EQUAL(a->octets_out, 5 * PP_ENVELOPE_DATAGRAM);
    wire_finish(&w);
}

static void test_another_id_than_wanted(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    struct end lie = *b;
    lie.self.id.b[3] ^= 1;
    wire_send(a, &lie, "secret");
    wire_pass(&w, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(b->received, 0);
    CU_ASSERT_EQUAL(a->proofs, 0);
    wire_send(a, b, "hello");
    wire_pass(&w, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(b->received, 1);
    wire_send(a, &lie, "secret"); /* now that keys with b exist */
    wire_pass(&w, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(b->received, 1);
    wire_finish(&w);
}

static void test_untrusted_certificates(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    a->distrust = PP_UNTRUSTED;
    wire_send(a, b, "x");
    wire_pass(&w, 20 * PP_SECOND);
    CU_ASSERT_EQUAL(b->received + a->proofs, 0);
    a->distrust = 0;
    b->distrust = PP_REVOKED;
    wire_send(a, b, "x");
    wire_pass(&w, 20 * PP_SECOND);
    CU_ASSERT_EQUAL(b->received + b->proofs, 0);
    wire_finish(&w);
}

static void test_another_network_is_refused_in_words(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 3);
    wire_send(a, b, "x");
    wire_pass(&w, 10 * PP_SECOND);
    CU_ASSERT_EQUAL(b->received, 0);
    CU_ASSERT_PTR_NOT_NULL(strstr(a->mismatch, "network.k is \"3\", ours is \"5\""));
    CU_ASSERT_PTR_NOT_NULL(strstr(a->mismatch, "127.9.0.2 port 4000"));
    struct pp_envelope_counts counts;
    pp_envelope_counts(b->envelope, &counts);
    CU_ASSERT_TRUE(counts.refused_network >= 1);
    CU_ASSERT_EQUAL(counts.peers, 0);
    wire_finish(&w);
}

static void test_never_more_out_than_in_before_the_cookie(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5), *c = wire_add(&w, true, 3);
    wire_send(a, b, "x");
    struct datagram hello = w.queue[0];
    wire_drop(&w, 0);
    for (size_t len = 0; len <= hello.len; len++) { /* any length, any kind, to both networks */
        for (unsigned kind = 0; kind <= PP_CALLBACK; kind++) {
            struct end *ends[] = {b, c};
            for (int i = 0; i < 2; i++) {
                uint64_t before = ends[i]->octets_out;
                hello.data[1] = (uint8_t)kind;
                wire_inject(ends[i], a, pp_bytes(hello.data, len));
                CU_ASSERT_TRUE(ends[i]->octets_out - before <= len);
                w.n = 0;
                w.now.mono += 20 * PP_MS;
            }
        }
    }
    hello.data[1] = PP_HELLO;
    uint64_t before = b->octets_out;
    wire_inject(b, a, pp_bytes(hello.data, hello.len));
    CU_ASSERT_TRUE(b->octets_out > before); /* the whole HELLO was answered */
    wire_finish(&w);
}

static void test_a_flood_of_hellos_leaves_nothing(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    struct datagram hello = w.queue[0];
    wire_drop(&w, 0);
    struct end stranger = *a;
    for (int i = 0; i < 20000; i++) {
        if (i % 2) { /* half from ever new sources, half from one */
            pp_put32(stranger.self.address + 12, 0x0a000000u + (uint32_t)i);
        }
        wire_inject(b, i % 2 ? &stranger : a, pp_bytes(hello.data, hello.len));
        w.n = 0;
    }
    struct pp_envelope_counts counts;
    pp_envelope_counts(b->envelope, &counts);
    CU_ASSERT_EQUAL(counts.peers, 0);
    CU_ASSERT_TRUE(counts.dropped_rate >= 9000); /* of a's 10,000 only the burst was looked at */
    w.now.mono += 5 * PP_SECOND;
    wire_inject(b, a, pp_bytes(hello.data, hello.len));
    CU_ASSERT_EQUAL(w.n, 1); /* and afterwards it serves again */
    wire_finish(&w);
}

static void test_a_peer_over_its_rate_is_dropped_unless_exempt(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    for (int i = 0; i < 1000; i++) {
        wire_send(a, b, "y");
        wire_settle(&w);
    }
    CU_ASSERT_TRUE(b->received > 300 && b->received <= 402);
    struct pp_cidr all;
    CHECK_FATAL(pp_cidr_parse(&all, "127.9.0.0/16") == PP_OK);
    b->envelope->exempt = &all;
    b->envelope->n_exempt = 1;
    int before = b->received;
    for (int i = 0; i < 1000; i++) {
        wire_send(a, b, "y");
        wire_settle(&w);
    }
    CU_ASSERT_EQUAL(b->received, before + 1000);
    wire_finish(&w);
}

static void restart(struct end *end)
{
    struct pp_envelope_options o = {
        .network = &end->network, .key = end->key, .certificate = pp_buf_bytes(&end->certificate)};
    const struct pp_envelope_host *host = end->envelope->host;
    pp_envelope_destroy(end->envelope);
    CHECK_FATAL(pp_envelope_create(&end->envelope, &o, host, end, NULL) == PP_OK);
    pp_envelope_say(end->envelope, PP_PEER_MEMBER, 8000);
}

static void test_a_restarted_peer_is_met_again(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    restart(b);
    wire_send(a, b, "lost"); /* b answers that it does not know the key, a shakes hands anew */
    wire_settle(&w);
    CU_ASSERT_EQUAL(b->received, 1);
    wire_send(a, b, "found");
    wire_settle(&w);
    CU_ASSERT_TRUE(b->received == 2 && got(b, "found"));
    wire_finish(&w);
}

static void test_a_reset_from_who_saw_nothing_is_ignored(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    uint8_t forged[PP_HEADER] = {PP_ENVELOPE_VERSION, PP_RESET};
    memcpy(forged + 2, a->envelope->peers.newest->sessions[0].tag, 4);
    wire_inject(a, b, pp_bytes(forged, sizeof forged));
    CU_ASSERT_EQUAL(w.n, 0);
    wire_send(a, b, "y");
    wire_settle(&w);
    CU_ASSERT_TRUE(got(b, "y"));
    wire_finish(&w);
}

/* A recorded FINISH must not bring dropped keys back: their sequence numbers would repeat. */
static void test_a_replayed_finish_makes_no_session(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    struct datagram finish = {0}, data = {0};
    wire_send(a, b, "once");
    while (w.n > 0) {
        struct datagram *d = &w.queue[0];
        finish = d->data[1] == PP_FINISH ? *d : finish;
        data = d->data[1] == PP_DATA ? *d : data;
        wire_deliver(&w, 0);
    }
    CHECK_FATAL(finish.len > 0 && data.len > 0 && b->received == 1);
    wire_inject(b, a,
                pp_bytes(finish.data, finish.len)); /* while it lives: ACCEPT again, no more */
    CU_ASSERT_EQUAL(b->envelope->counts.handshakes, 1);
    pp_peers_remove(&b->envelope->peers, pp_peers_find(&b->envelope->peers, a->self.address, 4000));
    w.n = 0;
    wire_inject(b, a, pp_bytes(finish.data, finish.len));
    wire_inject(b, a, pp_bytes(data.data, data.len));
    CU_ASSERT_EQUAL(b->received, 1);
    CU_ASSERT_EQUAL(b->envelope->peers.n, 0);
    w.n = 0;
    w.now.mono += 10 * PP_MS;
    wire_send(a, b, "again"); /* with keys b has not: reset, new handshake */
    wire_settle(&w);
    wire_send(a, b, "new");
    wire_settle(&w);
    CU_ASSERT_TRUE(got(b, "new"));
    wire_finish(&w);
}

static void test_an_old_cookie_is_refused(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_deliver(&w, 0);
    wire_deliver(&w, 0);
    struct datagram finish = w.queue[0];
    CHECK_FATAL(finish.data[1] == PP_FINISH);
    w.n = 0;
    w.now.mono += 11 * PP_MINUTE;
    wire_inject(b, a, pp_bytes(finish.data, finish.len));
    CU_ASSERT_EQUAL(b->envelope->peers.n, 0);
    struct end other = *a; /* nor does it serve from another address */
    other.self.address[15] ^= 1;
    w.now.mono -= 11 * PP_MINUTE;
    wire_inject(b, &other, pp_bytes(finish.data, finish.len));
    CU_ASSERT_EQUAL(b->envelope->peers.n, 0);
    wire_finish(&w);
}

static void test_keys_are_renewed_hourly(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_settle(&w);
    uint8_t first[16];
    memcpy(first, a->envelope->peers.newest->sessions[0].key_out, 16);
    for (int minute = 0; minute < 200; minute++) { /* not one datagram is lost on the way */
        wire_pass(&w, PP_MINUTE);
        wire_send(a, b, "y");
        wire_send(b, a, "z");
        wire_settle(&w);
    }
    CU_ASSERT_EQUAL(b->received, 201);
    CU_ASSERT_EQUAL(a->received, 200);
    CU_ASSERT_TRUE(a->envelope->counts.handshakes >= 4);
    struct pp_session *now = pp_session_to_use(a->envelope->peers.newest, w.now.mono, PP_KEY_LIFE);
    CHECK_FATAL(now != NULL);
    CU_ASSERT_NOT_EQUAL(memcmp(now->key_out, first, 16), 0);
    wire_finish(&w);
}

static void test_both_begin_at_once(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "to b");
    wire_send(b, a, "to a");
    wire_pass(&w, 10 * PP_SECOND);
    CU_ASSERT_TRUE(a->received == 1 && got(a, "to a"));
    CU_ASSERT_TRUE(b->received == 1 && got(b, "to b"));
    wire_finish(&w);
}

static void test_ask_control_callback(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    struct pp_peer contact = b->self;
    memset(&contact.id, 0, sizeof contact.id); /* "address:port" of a configuration */
    pp_envelope_ask(a->envelope, w.now, &contact);
    wire_settle(&w);
    CU_ASSERT_TRUE(a->proofs == 1 && pp_id_equal(&a->last_proved.id, &b->self.id));
    pp_envelope_say(b->envelope, PP_PEER_MEMBER, 8000);
    pp_envelope_ask(a->envelope, w.now, &contact);
    wire_settle(&w);
    CU_ASSERT_TRUE(a->proofs >= 2 && a->last_flags == PP_PEER_MEMBER);
    pp_envelope_control(a->envelope, w.now, &b->self, pp_str("call me"));
    wire_settle(&w);
    CU_ASSERT_TRUE(b->controls == 1 && b->received == 0);
    uint8_t out[PP_ENVELOPE_DATAGRAM], nonce[PP_CALLBACK_NONCE] = {42};
    size_t len = pp_envelope_callback(out, nonce);
    struct end unknown = *b;
    unknown.self.udp = 9;
    wire_inject(a, &unknown, pp_bytes(out, len));
    CU_ASSERT_EQUAL(a->callbacks, 1);
    wire_finish(&w);
}

static void test_the_table_is_bounded(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5);
    uint8_t address[16] = {0};
    for (uint32_t i = 0; i < PP_PEERS_MAX + 500; i++) {
        pp_put32(address, i);
        struct pp_known *k = pp_peers_use(&a->envelope->peers, address, 1);
        CHECK_FATAL(k != NULL);
    }
    CU_ASSERT_EQUAL(a->envelope->peers.n, PP_PEERS_MAX);
    pp_put32(address, 499);
    CU_ASSERT_PTR_NULL(pp_peers_find(&a->envelope->peers, address, 1));
    pp_put32(address, 500);
    CU_ASSERT_PTR_NOT_NULL(pp_peers_find(&a->envelope->peers, address, 1));
    wire_finish(&w);
}

static void test_slow_round_trips_are_marked(void)
{
    wire_init(&w);
    struct end *a = wire_add(&w, true, 5), *b = wire_add(&w, true, 5);
    wire_send(a, b, "x");
    wire_deliver(&w, 0); /* HELLO */
    w.now.mono += 50 * PP_MS;
    wire_settle(&w);
    wire_send(b, a, "answer");
    wire_settle(&w);
    CU_ASSERT_TRUE(a->last_rx.facts & PP_SLOW);
    w.now.mono += PP_SECOND;
    wire_send(b, a, "answer");
    wire_settle(&w);
    CU_ASSERT_FALSE(a->last_rx.facts & PP_SLOW);
    wire_finish(&w);
}

CHECK_MAIN("envelope", CHECK(test_nodes_prove_address_and_id), CHECK(test_a_client_has_no_id),
           CHECK(test_not_yet_member_shows_no_id), CHECK(test_tampered_datagrams_are_dropped),
           CHECK(test_tampered_handshakes_give_no_session), CHECK(test_replays_and_reordering),
           CHECK(test_too_old_for_the_window), CHECK(test_lost_handshake_datagrams),
           CHECK(test_nobody_there_is_given_up), CHECK(test_another_id_than_wanted),
           CHECK(test_untrusted_certificates), CHECK(test_another_network_is_refused_in_words),
           CHECK(test_never_more_out_than_in_before_the_cookie),
           CHECK(test_a_flood_of_hellos_leaves_nothing),
           CHECK(test_a_peer_over_its_rate_is_dropped_unless_exempt),
           CHECK(test_a_restarted_peer_is_met_again),
           CHECK(test_a_reset_from_who_saw_nothing_is_ignored),
           CHECK(test_a_replayed_finish_makes_no_session), CHECK(test_an_old_cookie_is_refused),
           CHECK(test_keys_are_renewed_hourly), CHECK(test_both_begin_at_once),
           CHECK(test_ask_control_callback), CHECK(test_the_table_is_bounded),
           CHECK(test_slow_round_trips_are_marked))
