/* The fake world of a rehoming node; see rehome_fake.h. Linked with --wrap for each name below. */
#include "rehome_fake.h"

#include <stdio.h>
#include <stdlib.h>

struct rehome_fake rehome_fake;

/* ---- time ---- */

#define TIMERS_MAX 32

struct pp_timer {
    void (*fn)(void *ctx);
    void *ctx;
    pp_ns at;
    bool used;
};
static struct pp_timer timers[TIMERS_MAX];
static struct pp_now clock_now, began;

struct pp_now __wrap_pp_loop_now(const struct pp_loop *loop);
struct pp_timer *__wrap_pp_timer_create(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx);
void __wrap_pp_timer_set(struct pp_timer *timer, pp_ns mono);
void __wrap_pp_timer_destroy(struct pp_timer *timer);

struct pp_now __wrap_pp_loop_now(const struct pp_loop *loop)
{
    (void)loop;
    return clock_now;
}

struct pp_timer *__wrap_pp_timer_create(struct pp_loop *loop, void (*fn)(void *ctx), void *ctx)
{
    (void)loop;
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        if (!timers[i].used) {
            timers[i] = (struct pp_timer){fn, ctx, PP_NEVER, true};
            return &timers[i];
        }
    }
    return NULL;
}

void __wrap_pp_timer_set(struct pp_timer *timer, pp_ns mono)
{
    timer->at = mono;
}

void __wrap_pp_timer_destroy(struct pp_timer *timer)
{
    timer->used = false;
}

static struct pp_timer *earliest(void)
{
    struct pp_timer *first = NULL;
    for (size_t i = 0; i < TIMERS_MAX; i++) {
        bool set = timers[i].used && timers[i].at != PP_NEVER;
        if (set && (!first || timers[i].at < first->at)) {
            first = &timers[i];
        }
    }
    return first;
}

/* ---- configuration ---- */

int64_t __wrap_pp_config_number(const struct pp_config *config, const char *name);
const char *__wrap_pp_config_text(const struct pp_config *config, const char *name);
bool __wrap_pp_config_flag(const struct pp_config *config, const char *name);

int64_t __wrap_pp_config_number(const struct pp_config *config, const char *name)
{
    (void)config;
    return (int64_t)(strcmp(name, "rehome.settle") == 0 ? rehome_fake.settle : rehome_fake.again);
}

const char *__wrap_pp_config_text(const struct pp_config *config, const char *name)
{
    (void)config;
    CU_ASSERT_STRING_EQUAL(name, "node.listen");
    return "127.1.0.9";
}

bool __wrap_pp_config_flag(const struct pp_config *config, const char *name)
{
    (void)config, (void)name;
    return true;
}

/* ---- the overlay ---- */

static struct {
    uint64_t token;
    pp_overlay_found_fn *found;
    void *ctx;
    bool open;
} lookups[REHOME_LANES];

int __wrap_pp_overlay_lookup(struct pp_overlay *overlay, const struct pp_id *key, unsigned k,
                             unsigned paths, uint64_t token, pp_overlay_found_fn *found, void *ctx);
void __wrap_pp_overlay_cancel(struct pp_overlay *overlay, uint64_t token, void *ctx);
enum pp_state __wrap_pp_overlay_state(const struct pp_overlay *overlay, const char **text);
enum pp_role __wrap_pp_overlay_role(const struct pp_overlay *overlay);

int __wrap_pp_overlay_lookup(struct pp_overlay *overlay, const struct pp_id *key, unsigned k,
                             unsigned paths, uint64_t token, pp_overlay_found_fn *found, void *ctx)
{
    (void)overlay, (void)key, (void)paths;
    CU_ASSERT_TRUE(token < REHOME_LANES && !lookups[token].open && k >= 3);
    lookups[token].token = token;
    lookups[token].found = found;
    lookups[token].ctx = ctx;
    lookups[token].open = true;
    return PP_OK;
}

void __wrap_pp_overlay_cancel(struct pp_overlay *overlay, uint64_t token, void *ctx)
{
    (void)overlay, (void)ctx;
    lookups[token].open = false;
    rehome_fake.cancelled_lookups++;
}

enum pp_state __wrap_pp_overlay_state(const struct pp_overlay *overlay, const char **text)
{
    (void)overlay, (void)text;
    return rehome_fake.state;
}

enum pp_role __wrap_pp_overlay_role(const struct pp_overlay *overlay)
{
    (void)overlay;
    return rehome_fake.role;
}

static struct pp_peer peer_of(uint8_t number)
{
    struct pp_peer peer = {.http = 4743};
    memset(peer.id.b, number, sizeof peer.id.b);
    return number == 0 ? (struct pp_peer){.id = rehome_fake.d.node.self} : peer;
}

static bool answer_lookups(void)
{
    bool any = false;
    for (size_t i = 0; i < REHOME_LANES; i++) {
        if (lookups[i].open) {
            struct pp_peer peers[PP_K_MAX];
            struct pp_result result = {.code = rehome_fake.lookup_code, .peers = peers};
            for (size_t p = 0; result.code == PP_OK && p < rehome_fake.n_peers; p++) {
                peers[result.n_peers++] = peer_of(rehome_fake.peers[p]);
            }
            lookups[i].open = false;
            any = true;
            lookups[i].found(lookups[i].ctx, lookups[i].token, &result);
        }
    }
    return any;
}

/* ---- the HTTP client ---- */

int __wrap_pp_client_create(struct pp_client **client, struct pp_loop *loop,
                            const struct pp_client_options *options, struct pp_error *error);
void __wrap_pp_client_destroy(struct pp_client *client);
struct pp_call *__wrap_pp_client_start(struct pp_client *client,
                                       const struct pp_client_request *request,
                                       const struct pp_client_events *events, void *ctx);
void __wrap_pp_call_cancel(struct pp_call *call);

int __wrap_pp_client_create(struct pp_client **client, struct pp_loop *loop,
                            const struct pp_client_options *options, struct pp_error *error)
{
    (void)loop, (void)error;
    CU_ASSERT_STRING_EQUAL(options->bind, "127.1.0.9");
    CU_ASSERT_PTR_NOT_NULL(options->certificate); /* it proves itself as a node */
    *client = (struct pp_client *)&rehome_fake;
    return PP_OK;
}

void __wrap_pp_client_destroy(struct pp_client *client)
{
    (void)client;
}

static void read_body(struct rehome_sent *s, const struct pp_client_request *q)
{
    uint8_t piece[1000];
    while (s->body.len < (size_t)q->length) {
        int64_t n = q->read(s->ctx, s->body.len, piece, sizeof piece);
        if (n <= 0) {
            s->error = PP_IO;
            return;
        }
        pp_buf_add(&s->body, piece, (size_t)n);
    }
    CU_ASSERT_EQUAL((int64_t)s->body.len, q->length);
}

struct pp_call *__wrap_pp_client_start(struct pp_client *client,
                                       const struct pp_client_request *request,
                                       const struct pp_client_events *events, void *ctx)
{
    (void)client;
    CHECK_FATAL(rehome_fake.n_sent < REHOME_SENT_MAX);
    CU_ASSERT_STRING_EQUAL(request->method, "PUT");
    struct rehome_sent *s = &rehome_fake.sent[rehome_fake.n_sent++];
    *s = (struct rehome_sent){.peer = request->peer->id.b[0],
                              .at = clock_now.mono - began.mono,
                              .events = events,
                              .ctx = ctx,
                              .open = true};
    snprintf(s->target, sizeof s->target, "%s", request->target);
    for (size_t i = 0; i < request->n_fields; i++) {
        size_t len = strlen(s->fields);
        snprintf(s->fields + len, sizeof s->fields - len, "%s\n", request->fields[i]);
    }
    read_body(s, request);
    return (struct pp_call *)s;
}

void __wrap_pp_call_cancel(struct pp_call *call)
{
    ((struct rehome_sent *)call)->cancelled = true;
    ((struct rehome_sent *)call)->open = false;
}

static bool answer_calls(void)
{
    bool any = false;
    for (size_t i = 0; i < rehome_fake.n_sent; i++) {
        struct rehome_sent *s = &rehome_fake.sent[i];
        const char *retry = NULL;
        if (!s->open) {
            continue;
        }
        int status = rehome_fake.answer ? rehome_fake.answer(s, &retry) : 201;
        struct pp_field field = {pp_str("Retry-After"), pp_str(retry ? retry : "")};
        s->open = false;
        any = true;
        if (status > 0) {
            s->events->head(s->ctx, status, &field, retry ? 1 : 0);
        }
        s->events->ended(s->ctx, status > 0 ? PP_OK : PP_UNREACHABLE, "nobody answers");
    }
    return any;
}

/* ---- life ---- */

void rehome_fake_begin(void)
{
    memset(&rehome_fake, 0, sizeof rehome_fake);
    memset(timers, 0, sizeof timers);
    memset(lookups, 0, sizeof lookups);
    fake_start(&rehome_fake.f, 64 << 20);
    rehome_fake.peers[0] = 1;
    rehome_fake.peers[1] = 2;
    rehome_fake.peers[2] = 3;
    rehome_fake.n_peers = 3;
    rehome_fake.state = PP_ACTIVE;
    rehome_fake.role = PP_MEMBER;
    rehome_fake.settle = PP_SECOND;
    rehome_fake.again = 10 * PP_SECOND;
    rehome_fake.d.api = rehome_fake.f.api;
    rehome_fake.d.store = rehome_fake.f.store;
    rehome_fake.d.certificate = rehome_fake.f.alice.certificate;
    rehome_fake.d.node.k = 3;
    rehome_fake.d.node.self.b[0] = 0x77;
}

void rehome_fake_start(void)
{
    struct pp_error error;
    fake_later(&rehome_fake.f, PP_SECOND);
    clock_now = began = rehome_fake.f.now;
    CHECK_FATAL(rehome_start(&rehome_fake.r, &rehome_fake.d, &error) == PP_OK);
}

static void pass_time(pp_ns mono)
{
    pp_ns step = mono > clock_now.mono ? mono - clock_now.mono : 0;
    clock_now.mono += step;
    clock_now.wall += step;
    fake_later(&rehome_fake.f, step);
}

bool rehome_fake_run(pp_ns bound)
{
    pp_ns end = clock_now.mono + bound;
    for (struct pp_timer *t; !rehome_fake.r.over;) {
        if (answer_lookups() || answer_calls()) {
            continue;
        }
        t = earliest();
        if (!t || t->at > end) {
            break;
        }
        pass_time(t->at);
        t->at = PP_NEVER;
        t->fn(t->ctx);
    }
    return rehome_fake.r.over;
}

void rehome_fake_end(void)
{
    rehome_stop(&rehome_fake.r);
    for (size_t i = 0; i < rehome_fake.n_sent; i++) {
        pp_buf_free(&rehome_fake.sent[i].body);
    }
    fake_stop(&rehome_fake.f);
}

size_t rehome_fake_count(uint8_t peer, const char *target)
{
    size_t n = 0;
    for (size_t i = 0; i < rehome_fake.n_sent; i++) {
        const struct rehome_sent *s = &rehome_fake.sent[i];
        n += (peer == 0 || s->peer == peer) && (!*target || strcmp(s->target, target) == 0);
    }
    return n;
}
