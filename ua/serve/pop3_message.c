/*
 * A message on its way to a POP3 client: line ends made CRLF, dots doubled (RFC 1939 section 3),
 * TOP's count of lines; and how long it is so. See pop3.h.
 */
#include <serve/pop3_private.h>

#define PIECE 16384

void pop3_begin_message(struct pop3 *p, uint64_t lines)
{
    p->state = POP3_SENDING;
    p->lines = lines;
    p->column = 0;
    p->header = true;
    p->cr = false;
    pop3_say(p, "+OK");
}

/* A line ended. True: no more of the message is wanted. */
static bool end_line(struct pop3 *p)
{
    bool empty = p->column == 0 || (p->column == 1 && p->cr);
    if (!p->cr) {
        pp_buf_add(p->out, "\r", 1);
    }
    pp_buf_add(p->out, "\n", 1);
    p->column = 0;
    p->cr = false;
    if (p->header) {
        p->header = !empty;
        return empty && p->lines == 0;
    }
    return p->lines != UINT64_MAX && --p->lines == 0;
}

/* A stretch without line end. */
static void add_text(struct pop3 *p, struct pp_bytes text)
{
    if (p->column == 0 && text.data[0] == '.') {
        pp_buf_add(p->out, ".", 1);
    }
    pp_buf_add(p->out, text.data, text.len);
    p->column += text.len;
    p->cr = text.data[text.len - 1] == '\r';
}

/* True: no more of the message is wanted. */
static bool stuff(struct pop3 *p, struct pp_bytes in)
{
    while (in.len) {
        const uint8_t *lf = memchr(in.data, '\n', in.len);
        size_t text = lf ? (size_t)(lf - in.data) : in.len;
        if (text) {
            add_text(p, pp_bytes(in.data, text));
        }
        if (lf && end_line(p)) {
            return true;
        }
        text += lf != NULL;
        in = pp_bytes(in.data + text, in.len - text);
    }
    return false;
}

void pop3_more(struct pop3 *p)
{
    uint8_t piece[PIECE];
    if (p->state != POP3_SENDING) {
        return;
    }
    int64_t n = p->ops->read(p->ctx, piece, sizeof piece);
    if (n < 0) {
        p->state = POP3_OVER; /* without the dot: the client sees that it is not whole */
        return;
    }
    bool over = n == 0 || stuff(p, pp_bytes(piece, (size_t)n));
    if (over) {
        if (p->column) {
            pp_buf_add_str(p->out, p->cr ? "\n" : "\r\n");
        }
        pop3_say(p, ".");
        p->state = POP3_TRANSACTION;
    }
}

void pop3_measure_add(struct pop3_measure *m, struct pp_bytes piece)
{
    size_t at = 0;
    while (at < piece.len) {
        const uint8_t *lf = memchr(piece.data + at, '\n', piece.len - at);
        size_t end = lf ? (size_t)(lf - piece.data) : piece.len;
        if (end > at) {
            m->cr = piece.data[end - 1] == '\r';
            m->open = true;
        }
        m->size += end - at;
        if (lf) {
            m->size += m->cr ? 1 : 2;
            m->cr = m->open = false;
            end++;
        }
        at = end;
    }
}

uint64_t pop3_measure_end(const struct pop3_measure *m)
{
    return m->size + (m->open ? (m->cr ? 1 : 2) : 0);
}
