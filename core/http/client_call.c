/*
 * Calls of the HTTP client: lanes, turns, times, what the caller has not taken yet; see client.h.
 * Calls to one node (and circuit) form a lane: one runs at a time over the lane's kept connection,
 * the others wait; lanes wait while all sockets are taken. Knows nothing of libcurl.
 */
#include <http/client_private.h>

#include <stdio.h>
#include <stdlib.h>

/* ---- lanes ---- */

static void lane_ready(struct pp_client *client, struct pp_lane *lane)
{
    if (!lane->ready && !lane->running && lane->first) {
        lane->ready = true;
        lane->next_ready = NULL;
        *client->ready_last = lane;
        client->ready_last = &lane->next_ready;
    }
}

static struct pp_lane *lane_of(struct pp_client *client, const char *key)
{
    struct pp_lane *lane = NULL;
    HASH_FIND_STR(client->lanes, key, lane);
    if (lane) {
        return lane;
    }
    lane = calloc(1, sizeof *lane);
    if (!lane || !(lane->key = strdup(key))) {
        free(lane);
        return NULL;
    }
    lane->last = &lane->first;
    HASH_ADD_KEYPTR(hh, client->lanes, lane->key, strlen(lane->key), lane);
    if (!lane->hh.tbl) {
        free(lane->key);
        free(lane);
        return NULL;
    }
    return lane;
}

/* A lane that nobody uses goes; one in the ready list goes when it is taken from there. */
static void lane_tidy(struct pp_client *client, struct pp_lane *lane)
{
    if (!lane->running && !lane->first && !lane->ready) {
        HASH_DEL(client->lanes, lane);
        free(lane->key);
        free(lane);
    }
}

static void lane_leave(struct pp_call *call)
{
    struct pp_lane *lane = call->lane;
    if (lane && lane->running == call) {
        lane->running = NULL;
        call->client->running--;
        lane_ready(call->client, lane);
        lane_tidy(call->client, lane);
    }
    call->lane = NULL;
}

/* ---- a call's memory ---- */

static void call_free(struct pp_call *call)
{
    struct pp_client *client = call->client;
    if (call->stage != PP_WAITING) {
        *(call->prev ? &call->prev->next : &client->live) = call->next;
        if (call->next) {
            call->next->prev = call->prev;
        }
    }
    pp_curl_stop(call);
    pp_curl_free_lists(call);
    pp_timer_destroy(call->timer);
    lane_leave(call);
    pp_buf_free(&call->head);
    pp_buf_free(&call->held);
    free(call->method);
    free(call->url);
    free(call->circuit);
    free(call);
}

static void kick(struct pp_client *client)
{
    pp_timer_set(client->kick, pp_loop_now(client->loop).mono);
}

void pp_call_touch(struct pp_call *call)
{
    call->progress = pp_loop_now(call->client->loop).mono;
}

int pp_call_fail(struct pp_call *call, int err, const char *text)
{
    if (!call->err) {
        call->err = err;
        snprintf(call->text, sizeof call->text, "%s", text);
    }
    return err;
}

/* ---- the end ---- */

static void make_live(struct pp_call *call, enum pp_stage stage)
{
    struct pp_client *client = call->client;
    call->stage = stage;
    call->prev = NULL;
    call->next = client->live;
    if (client->live) {
        client->live->prev = call;
    }
    client->live = call;
}

/* A node that let one call wait until its time was over would do so to each in turn. */
static void doom_waiting(struct pp_lane *lane)
{
    while (lane->first) {
        struct pp_call *call = lane->first;
        lane->first = call->next;
        call->lane = NULL;
        make_live(call, PP_DOOMED);
        pp_call_fail(call, PP_TIMEOUT, "Another request to it got no answer in time.");
        pp_timer_set(call->timer, pp_loop_now(call->client->loop).mono);
    }
    lane->last = &lane->first;
}

/* The last word to the caller, who may start and cancel others meanwhile. */
static void end_call(struct pp_call *call, int err)
{
    void (*ended)(void *, int, const char *) = call->cancelled ? NULL : call->events.ended;
    void *ctx = call->ctx;
    char address[46], why[PP_CALL_TEXT + 100];
    pp_address_text(address, call->peer.address);
    snprintf(why, sizeof why, "%s port %u: %s", address, call->peer.http,
             call->text[0] ? call->text : pp_error_text(err));
    if (err == PP_TIMEOUT && call->lane) {
        doom_waiting(call->lane);
    }
    call_free(call);
    if (ended) {
        ended(ctx, err, err ? why : "");
    }
}

/* Gives the caller what is held. False: some is left. */
static bool deliver_held(struct pp_call *call)
{
    if (call->held.len > 0 && !call->cancelled) {
        size_t took = call->events.data(call->ctx, pp_buf_bytes(&call->held));
        pp_buf_consume(&call->held, took);
    }
    return call->held.len == 0;
}

void pp_call_done(struct pp_call *call, int err)
{
    if (err == 0 && call->held.len > 0 && !call->cancelled) {
        pp_curl_stop(call);
        call->stage = PP_DRAINING;
        pp_timer_set(call->timer, PP_NEVER);
        lane_leave(call);
        return;
    }
    end_call(call, err);
}

/* Calls that were cancelled or resumed. */
static void on_kick(void *ctx)
{
    struct pp_client *client = ctx;
    for (struct pp_call *call = client->live, *next; call; call = next) {
        next = call->next;
        if (call->cancelled) {
            call_free(call);
        } else if (call->resumed) {
            call->resumed = false;
            if (!deliver_held(call) || call->cancelled) {
                continue;
            }
            pp_call_touch(call);
            if (call->stage == PP_DRAINING) {
                end_call(call, 0);
                next = client->live; /* the caller may have changed the list: begin again */
            } else if (call->paused) {
                call->paused = false;
                pp_curl_unpause(call);
            }
        }
    }
    pp_client_start_ready(client);
}

/* ---- a call's times ---- */

static pp_ns least(pp_ns a, pp_ns b)
{
    return a < b ? a : b;
}

static void on_call_timer(void *ctx)
{
    struct pp_call *call = ctx;
    pp_ns now = pp_loop_now(call->client->loop).mono;
    if (call->stage == PP_DOOMED) {
        end_call(call, PP_TIMEOUT);
        return;
    }
    pp_ns total = call->total_time ? call->began + call->total_time : PP_NEVER;
    bool ours = call->held.len > 0; /* the caller is slow, not the node */
    pp_ns stall = !call->stall_time ? PP_NEVER : (ours ? now : call->progress) + call->stall_time;
    if (least(total, stall) > now) {
        pp_timer_set(call->timer, least(total, stall));
        return;
    }
    pp_call_fail(call, PP_TIMEOUT,
                 total <= now ? "It took longer than it may."
                              : "Nothing moved for longer than it may.");
    struct pp_client *client = call->client;
    end_call(call, PP_TIMEOUT);
    pp_client_start_ready(client);
}

/* ---- starting ---- */

/* Its turn has come. A failure here is told in the loop's next turn, by libcurl or by the timer. */
static void run_call(struct pp_call *call)
{
    struct pp_client *client = call->client;
    make_live(call, PP_RUNNING);
    client->running++;
    call->lane->running = call;
    call->began = call->progress = pp_loop_now(client->loop).mono;
    pp_ns first = least(call->total_time ? call->total_time : PP_DAY,
                        call->stall_time ? call->stall_time : PP_DAY);
    if (!pp_curl_begin(call)) {
        pp_call_fail(call, PP_LOCAL, "There is no memory for a request.");
        call->total_time = 1; /* ends by its timer */
        first = 0;
    }
    pp_timer_set(call->timer, call->began + first);
}

void pp_client_start_ready(struct pp_client *client)
{
    while (client->ready && client->running < client->options.connections && !client->inside) {
        struct pp_lane *lane = client->ready;
        client->ready = lane->next_ready;
        if (!client->ready) {
            client->ready_last = &client->ready;
        }
        lane->ready = false;
        struct pp_call *call = lane->first;
        if (!call || lane->running) {
            lane_tidy(client, lane);
            continue;
        }
        lane->first = call->next;
        if (!lane->first) {
            lane->last = &lane->first;
        }
        run_call(call);
    }
}

/* URL, endpoint and the lane they make. */
static bool copy_target(struct pp_call *call, const struct pp_client_request *r)
{
    char id[2 * PP_ID_LEN + 1], address[46], route[160];
    struct pp_buf url = {0}, key = {0};
    pp_hex(id, r->peer->id.b, PP_ID_LEN);
    pp_address_text(address, r->peer->address);
    bool v4 = pp_address_is_v4(r->peer->address);
    snprintf(route, sizeof route, "::%s%s%s:%u", v4 ? "" : "[", address, v4 ? "" : "]",
             r->peer->http);
    pp_buf_printf(&url, "%s://%s.peerpost.alt%s", call->client->options.tls ? "https" : "http", id,
                  r->target);
    pp_buf_printf(&key, "%s %s %s", id, route, r->circuit ? r->circuit : "");
    call->url = (char *)url.data;
    call->lane = key.failed ? NULL : lane_of(call->client, (const char *)key.data);
    pp_buf_free(&key);
    return !url.failed && pp_curl_route(call, route) && call->lane;
}

static bool copy_request(struct pp_call *call, const struct pp_client_request *r)
{
    call->peer = *r->peer;
    call->read = r->read;
    call->length = r->length;
    call->answer_max = r->answer_max;
    call->connect_time = r->connect_time;
    call->stall_time = r->stall_time;
    call->total_time = r->total_time;
    call->method = strdup(r->method);
    call->circuit = r->circuit ? strdup(r->circuit) : NULL;
    call->timer = pp_timer_create(call->client->loop, on_call_timer, call);
    return call->method && (!r->circuit || call->circuit) && call->timer &&
           pp_curl_fields(call, r->fields, r->n_fields) && copy_target(call, r);
}

struct pp_call *pp_client_start(struct pp_client *client, const struct pp_client_request *request,
                                const struct pp_client_events *events, void *ctx)
{
    struct pp_call *call = calloc(1, sizeof *call);
    if (!call) {
        return NULL;
    }
    call->client = client;
    call->events = *events;
    call->ctx = ctx;
    if (!copy_request(call, request)) {
        struct pp_lane *lane = call->lane;
        call->lane = NULL;
        call_free(call);
        if (lane) {
            lane_tidy(client, lane);
        }
        return NULL;
    }
    *call->lane->last = call;
    call->lane->last = &call->next;
    lane_ready(client, call->lane);
    pp_client_start_ready(client);
    return call;
}

void pp_call_resume(struct pp_call *call)
{
    call->resumed = true;
    kick(call->client);
}

static void leave_queue(struct pp_call *call)
{
    struct pp_lane *lane = call->lane;
    struct pp_call **at = &lane->first;
    while (*at != call) {
        at = &(*at)->next;
    }
    *at = call->next;
    if (!*at) {
        lane->last = at;
    }
    call->lane = NULL;
    lane_tidy(call->client, lane);
}

void pp_call_cancel(struct pp_call *call)
{
    call->cancelled = true;
    if (call->stage == PP_WAITING) {
        leave_queue(call);
        call_free(call);
    } else {
        kick(call->client); /* libcurl may be the caller: it is told in the next turn */
    }
}

/* ---- the client ---- */

static bool set_up(struct pp_client *c, const struct pp_client_options *o)
{
    char bind[80];
    snprintf(bind, sizeof bind, "host!%s", o->bind ? o->bind : "");
    c->bind = o->bind ? strdup(bind) : NULL;
    c->proxy = o->proxy ? strdup(o->proxy) : NULL;
    c->kick = pp_timer_create(c->loop, on_kick, c);
    c->tickets = pp_tickets_open(o->proxy ? NULL : o->ticket_file, pp_loop_now(c->loop).wall);
    return c->kick && c->tickets && (!o->bind || c->bind) && (!o->proxy || c->proxy) &&
           !pp_curl_open(c);
}

int pp_client_create(struct pp_client **client, struct pp_loop *loop,
                     const struct pp_client_options *options, struct pp_error *error)
{
    struct pp_client *c = calloc(1, sizeof *c);
    if (options->connections == 0 || (options->tls && !options->verify)) {
        free(c);
        return pp_fail(error, PP_INVALID,
                       "The HTTP client needs at least one connection, and TLS a verification.");
    }
    if (c) {
        c->loop = loop;
        c->options = *options;
        c->ready_last = &c->ready;
    }
    if (!c || !set_up(c, options)) {
        pp_client_destroy(c);
        return pp_fail(error, PP_NOMEM, "Out of memory while setting up the HTTP client.");
    }
    *client = c;
    return 0;
}

void pp_client_destroy(struct pp_client *c)
{
    if (!c) {
        return;
    }
    while (c->live) {
        call_free(c->live);
    }
    struct pp_lane *lane, *next;
    HASH_ITER(hh, c->lanes, lane, next)
    {
        while (lane->first) {
            struct pp_call *call = lane->first;
            lane->first = call->next;
            call->lane = NULL;
            call_free(call);
        }
        HASH_DEL(c->lanes, lane);
        free(lane->key);
        free(lane);
    }
    pp_curl_close(c);
    pp_tickets_close(c->tickets, pp_loop_now(c->loop).wall);
    pp_timer_destroy(c->kick);
    free(c->bind);
    free(c->proxy);
    free(c);
}
