/*
 * The client when memory fails: every allocation of a request in turn. The request may not start or
 * may fail; nothing faults, leaks or waits for ever, and the next one succeeds.
 */
#include "failing_memory.h"
#include "harness.h"

#include <http/client.h>

struct result {
    bool ended;
    int err;
};

static void on_head(void *ctx, int status, const struct pp_field *fields, size_t n)
{
    (void)ctx;
    (void)status;
    (void)fields;
    (void)n;
}

static size_t on_data(void *ctx, struct pp_bytes bytes)
{
    (void)ctx;
    return bytes.len;
}

static void on_ended(void *ctx, int err, const char *text)
{
    struct result *r = ctx;
    (void)text;
    r->ended = true;
    r->err = err;
}

static int64_t read_body(void *ctx, uint64_t offset, void *out, size_t cap)
{
    size_t left = 100000 - (size_t)offset, n = left < cap ? left : cap;
    (void)ctx;
    memset(out, 'b', n);
    return (int64_t)n;
}

/* One request, from its start to its end; did it succeed? */
static bool request(struct app *app, struct pp_client *client)
{
    static const struct pp_client_events events = {on_head, on_data, on_ended};
    static const char *const fields[] = {"Peerpost-Life: 7", "Pragma: x"};
    struct pp_peer peer = {.id = {{7}}, .http = app->port};
    struct pp_client_request r = {.peer = &peer,
                                  .method = "PUT",
                                  .target = "/put",
                                  .fields = fields,
                                  .n_fields = 2,
                                  .length = 100000,
                                  .read = read_body,
                                  .answer_max = 1000,
                                  .total_time = 200 * PP_MS,
                                  .circuit = "c"};
    struct result result = {0};
    memcpy(peer.address, app_loopback, 16);
    if (!pp_client_start(client, &r, &events, &result)) {
        return false;
    }
    while (!result.ended) {
        pp_loop_turn(app->loop, true);
    }
    return result.err == 0;
}

static void test_each_allocation_may_fail(void)
{
    struct pp_client_options o = {.connections = 2};
    long nth = 0;
    do {
        struct app app;
        struct pp_client *client = NULL;
        app_start(&app, NULL, NULL);
        one_failed = false;
        countdown = nth;
        if (!pp_client_create(&client, app.loop, &o, NULL)) {
            bool whole = request(&app, client);
            CU_ASSERT_TRUE(whole || one_failed);
        }
        countdown = -1;
        if (client) {
            CU_ASSERT_TRUE(request(&app, client));
        } else {
            CU_ASSERT_TRUE(one_failed);
        }
        pp_client_destroy(client);
        app_stop(&app);
        nth++;
    } while (one_failed && nth < 1000);
    CU_ASSERT_TRUE(nth > 10 && nth < 1000);
}

CHECK_MAIN("client_memory", CHECK(test_each_allocation_may_fail))
