/* The world of the POP3 machine, in memory: one user, a few messages. */
#ifndef POP3_FAKE_H
#define POP3_FAKE_H

#include <serve/pop3.h>
#include <stdio.h>

#define FAKE_MESSAGES 3
static const char *const fake_texts[FAKE_MESSAGES] = {
    "Subject: one\n\nHello.\n.dot\n..\nfour\n",
    "Subject: two\r\n\r\nno end of line",
    "Subject: three",
};

struct pop3_fake {
    struct pop3 pop3;
    struct pp_buf out, removed;
    enum { FAKE_NOTHING, FAKE_WRONG, FAKE_OPEN, FAKE_REMOVE } pending;
    struct pop3_message messages[FAKE_MESSAGES];
    int open_code, begin_code, remove_code;
    size_t index, at, piece; /* piece: octets a read gives at most; 0: fails */
    unsigned waits;
};

static bool fake_login(void *ctx, struct pp_bytes user, struct pp_bytes password)
{
    (void)ctx;
    return pp_bytes_is(user, "alice") && pp_bytes_is(password, "se cret");
}

static void fake_wait(void *ctx)
{
    struct pop3_fake *f = ctx;
    f->pending = FAKE_WRONG;
    f->waits++;
}

static void fake_open(void *ctx)
{
    struct pop3_fake *f = ctx;
    f->pending = FAKE_OPEN;
}

static int fake_begin(void *ctx, size_t index)
{
    struct pop3_fake *f = ctx;
    f->index = index;
    f->at = 0;
    return f->begin_code;
}

static int64_t fake_read(void *ctx, void *out, size_t cap)
{
    struct pop3_fake *f = ctx;
    size_t left = strlen(fake_texts[f->index]) - f->at;
    size_t n = left < f->piece ? left : f->piece;
    if (f->piece == 0) {
        return PP_IO;
    }
    n = n < cap ? n : cap;
    memcpy(out, fake_texts[f->index] + f->at, n);
    f->at += n;
    return (int64_t)n;
}

static void fake_remove(void *ctx)
{
    struct pop3_fake *f = ctx;
    f->pending = FAKE_REMOVE;
    for (size_t i = 0; i < FAKE_MESSAGES; i++) {
        if (f->messages[i].deleted) {
            pp_buf_printf(&f->removed, "%s ", f->messages[i].uidl);
        }
    }
}

static const struct pop3_ops pop3_fake_ops = {fake_login, fake_wait, fake_open,
                                              fake_begin, fake_read, fake_remove};

static void pop3_fake_open(struct pop3_fake *f, size_t piece)
{
    *f = (struct pop3_fake){.piece = piece};
    for (size_t i = 0; i < FAKE_MESSAGES; i++) {
        struct pop3_measure m = {0};
        pop3_measure_add(&m, pp_str(fake_texts[i]));
        f->messages[i].size = pop3_measure_end(&m);
        snprintf(f->messages[i].uidl, sizeof f->messages[i].uidl, "u%zu", i + 1);
    }
    pop3_init(&f->pop3, &pop3_fake_ops, f, &f->out);
}

static void pop3_fake_answer(struct pop3_fake *f)
{
    int pending = f->pending;
    f->pending = FAKE_NOTHING;
    if (pending == FAKE_WRONG) {
        pop3_go_on(&f->pop3);
    } else if (pending == FAKE_OPEN) {
        pop3_opened(&f->pop3, f->open_code, f->messages, FAKE_MESSAGES);
    } else if (pending == FAKE_REMOVE) {
        pop3_removed(&f->pop3, f->remove_code);
    }
}

/* All of `in`, as it would come in pieces of `step` octets. */
static void pop3_fake_feed(struct pop3_fake *f, struct pp_bytes in, size_t step)
{
    size_t at = 0, end = 0;
    while (end < in.len && f->pop3.state != POP3_OVER) {
        end = step < in.len - end ? end + step : in.len;
        for (size_t n = 1; n || f->pending || f->pop3.state == POP3_SENDING;) {
            pop3_fake_answer(f);
            pop3_more(&f->pop3);
            n = pop3_feed(&f->pop3, pp_bytes(in.data + at, end - at));
            at += n;
        }
    }
}

static void pop3_fake_close(struct pop3_fake *f)
{
    pop3_finish(&f->pop3);
    pp_buf_free(&f->out);
    pp_buf_free(&f->removed);
}

#endif
