/* A connection of a line protocol; see talk.h. */
#include <serve/talk.h>

#include <stdlib.h>
#include <unistd.h>

#define INPUT_MAX 65536
#define OUTPUT_ENOUGH 65536 /* then the peer is to read before it is heard again */
#define ROUNDS 16
#define PARTING (5 * PP_SECOND)

struct talk {
    struct pp_loop *loop;
    struct pp_stream *stream;
    const struct talk_ops *ops;
    void *ctx;
    struct pp_timer *timer, *stirred;
    struct pp_buf in, out;
    pp_ns patience;
    bool from_now, held, ending, eof;
};

struct pp_buf *talk_out(struct talk *t)
{
    return &t->out;
}

static void set_timer(struct talk *t)
{
    pp_ns time = t->ending ? PARTING : t->patience;
    pp_timer_set(t->timer, t->held || !time ? PP_NEVER : pp_loop_now(t->loop).mono + time);
}

static void progress(struct talk *t)
{
    if (!t->from_now) {
        set_timer(t);
    }
}

void talk_patience(struct talk *t, pp_ns time, bool from_now)
{
    t->patience = time;
    t->from_now = from_now;
    set_timer(t);
}

void talk_hold(struct talk *t, bool held)
{
    if (t->held != held) {
        t->held = held;
        set_timer(t);
    }
}

void talk_stir(struct talk *t)
{
    pp_timer_set(t->stirred, pp_loop_now(t->loop).mono);
}

void talk_end(struct talk *t)
{
    t->ending = true;
    t->held = false;
    set_timer(t);
    talk_stir(t);
}

void talk_close(struct talk *t)
{
    if (t) {
        pp_stream_close(t->stream);
        pp_timer_destroy(t->timer);
        pp_timer_destroy(t->stirred);
        pp_buf_wipe(&t->in);
        pp_buf_wipe(&t->out);
        free(t);
    }
}

static void finish(struct talk *t)
{
    const struct talk_ops *ops = t->ops;
    void *ctx = t->ctx;
    talk_close(t);
    ops->gone(ctx);
}

/* false: the stream broke. */
static bool flush(struct talk *t)
{
    while (t->out.len) {
        struct pp_bytes span = pp_buf_bytes(&t->out);
        int64_t n = pp_stream_write(t->stream, &span, 1, false);
        if (n < 0) {
            return false;
        }
        if (n == 0) {
            return true;
        }
        pp_buf_consume(&t->out, (size_t)n);
        progress(t);
    }
    return true;
}

/* Fills the input's room. false: the stream broke. */
static bool fill(struct talk *t)
{
    if (t->eof || t->in.len >= INPUT_MAX || pp_buf_reserve(&t->in, INPUT_MAX + 1 - t->in.len)) {
        return true;
    }
    int64_t n = pp_stream_read(t->stream, t->in.data + t->in.len, INPUT_MAX - t->in.len);
    if (n > 0) {
        t->in.len += (size_t)n;
        progress(t);
    }
    t->eof = n == 0;
    return n >= 0 || n == PP_AGAIN;
}

/* Gives what came to the owner, as long as he takes of it and is heard. True: something is to be
 * said. */
static bool hand_over(struct talk *t)
{
    size_t done = 0;
    while (!t->ending && done < t->in.len && t->out.len < OUTPUT_ENOUGH) {
        size_t n = t->ops->take(t->ctx, pp_bytes(t->in.data + done, t->in.len - done));
        if (n == 0) {
            break;
        }
        done += n;
    }
    if (done) {
        pp_buf_consume(&t->in, done);
    }
    if (t->ops->more && !t->ending && t->out.len < OUTPUT_ENOUGH) {
        t->ops->more(t->ctx);
    }
    return t->out.len > 0;
}

static bool is_over(const struct talk *t)
{
    bool stuck = t->in.len >= INPUT_MAX && !t->held && t->out.len < OUTPUT_ENOUGH;
    return t->out.len == 0 && (t->ending || stuck || (t->eof && !t->held));
}

static void work(struct talk *t)
{
    bool alive = fill(t) && flush(t), said = true;
    for (int i = 0; alive && said && !t->out.len && i < ROUNDS; i++) {
        said = hand_over(t);
        alive = flush(t);
    }
    if (said && !t->out.len) {
        talk_stir(t); /* others first, then more */
    }
    alive = alive && flush(t);
    if (!alive || (!said && is_over(t))) {
        finish(t);
        return;
    }
    bool hear = !t->ending && !t->eof && t->in.len < INPUT_MAX && t->out.len < OUTPUT_ENOUGH;
    pp_stream_want(t->stream, (hear ? PP_READABLE : 0) | (t->out.len ? PP_WRITABLE : 0));
}

static void on_stream(void *ctx, unsigned events)
{
    (void)events;
    work(ctx);
}

static void on_stirred(void *ctx)
{
    work(ctx);
}

static void on_late(void *ctx)
{
    struct talk *t = ctx;
    if (t->ending) {
        finish(t);
        return;
    }
    if (t->ops->late) {
        t->ops->late(t->ctx);
    }
    talk_end(t);
}

struct talk *talk_open(struct pp_loop *loop, int fd, const struct talk_ops *ops, void *ctx)
{
    struct talk *t = calloc(1, sizeof *t);
    if (t) {
        *t = (struct talk){.loop = loop, .ops = ops, .ctx = ctx};
        t->timer = pp_timer_create(loop, on_late, t);
        t->stirred = pp_timer_create(loop, on_stirred, t);
        t->stream = pp_stream_create(loop, fd, on_stream, t);
    }
    if (!t || !t->timer || !t->stirred || !t->stream) {
        if (!t || !t->stream) {
            close(fd);
        } else {
            pp_stream_close(t->stream);
        }
        if (t) {
            pp_timer_destroy(t->timer);
            pp_timer_destroy(t->stirred);
            free(t);
        }
        return NULL;
    }
    talk_stir(t);
    return t;
}
