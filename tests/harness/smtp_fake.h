/* The world of the SMTP machine, in memory: one user, a list of what was taken. */
#ifndef SMTP_FAKE_H
#define SMTP_FAKE_H

#include <serve/smtp.h>

struct smtp_fake {
    struct smtp smtp;
    struct pp_buf out, message, taken; /* taken: "to a b\n" + octets + "\n" of each */
    enum { FAKE_NOTHING, FAKE_WRONG, FAKE_TAKE } pending;
    int begin_code, add_code, take_code;
    unsigned waits;
};

static bool fake_login(void *ctx, struct pp_bytes user, struct pp_bytes password)
{
    (void)ctx;
    return pp_bytes_is(user, "alice") && pp_bytes_is(password, "secret");
}

static bool fake_is_own(void *ctx, struct pp_bytes address)
{
    (void)ctx;
    return pp_bytes_is_nocase(address, "alice@a.example");
}

static void fake_wait(void *ctx)
{
    struct smtp_fake *f = ctx;
    f->pending = FAKE_WRONG;
    f->waits++;
}

static int fake_begin(void *ctx)
{
    struct smtp_fake *f = ctx;
    f->message.len = 0;
    return f->begin_code;
}

static int fake_add(void *ctx, struct pp_bytes octets)
{
    struct smtp_fake *f = ctx;
    return f->add_code ? f->add_code : pp_buf_add(&f->message, octets.data, octets.len);
}

static void fake_take(void *ctx, const struct pp_buf *recipients, size_t n)
{
    struct smtp_fake *f = ctx;
    f->pending = FAKE_TAKE;
    pp_buf_add_str(&f->taken, "to");
    for (size_t i = 0; i < n; i++) {
        pp_buf_printf(&f->taken, " %s", (const char *)recipients[i].data);
    }
    pp_buf_add_str(&f->taken, "\n");
    pp_buf_add(&f->taken, f->message.data, f->message.len);
    pp_buf_add_str(&f->taken, "\n");
}

static const struct smtp_ops smtp_fake_ops = {fake_login, fake_is_own, fake_wait,
                                              fake_begin, fake_add,    fake_take};

static void smtp_fake_open(struct smtp_fake *f, uint64_t size_max)
{
    *f = (struct smtp_fake){0};
    smtp_init(&f->smtp, &smtp_fake_ops, f, &f->out, size_max);
}

static void smtp_fake_answer(struct smtp_fake *f)
{
    int pending = f->pending;
    f->pending = FAKE_NOTHING;
    if (pending == FAKE_WRONG) {
        smtp_go_on(&f->smtp);
    } else if (pending == FAKE_TAKE) {
        smtp_taken(&f->smtp, f->take_code, f->take_code ? "no\r\nroom" : "name");
    }
}

/* All of `in`, as it would come in pieces of `step` octets. */
static void smtp_fake_feed(struct smtp_fake *f, struct pp_bytes in, size_t step)
{
    size_t at = 0, end = 0;
    while (end < in.len && f->smtp.state != SMTP_OVER) {
        end = step < in.len - end ? end + step : in.len;
        for (size_t n = 1; n || f->pending;) {
            smtp_fake_answer(f);
            n = smtp_feed(&f->smtp, pp_bytes(in.data + at, end - at));
            at += n;
        }
    }
}

static void smtp_fake_close(struct smtp_fake *f)
{
    smtp_finish(&f->smtp);
    pp_buf_free(&f->out);
    pp_buf_free(&f->message);
    pp_buf_free(&f->taken);
}

#endif
