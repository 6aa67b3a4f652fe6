/*
 * The page of what was sent and what is still on its way. It runs on the loop's thread: the records
 * are the session's. It must not know how they come about.
 */
#include <serve/web.h>

#include <gmime/gmime.h>
#include <mail/sent.h>
#include <stdlib.h>

#define SHOWN_MAX 200

struct rows {
    struct pp_sent *all;
    size_t n, cap;
};

static int add_row(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct rows *rows = ctx;
    (void)key;
    if (rows->n == rows->cap) {
        size_t cap = rows->cap ? 2 * rows->cap : 64;
        struct pp_sent *grown = realloc(rows->all, cap * sizeof *grown);
        if (!grown) {
            return 1;
        }
        rows->all = grown;
        rows->cap = cap;
    }
    struct pp_sent *sent = &rows->all[rows->n];
    *sent = (struct pp_sent){0};
    if (pp_sent_read(sent, value) == PP_OK) {
        rows->n++;
    } else {
        pp_sent_finish(sent);
    }
    return 0;
}

static int newest_first(const void *a, const void *b)
{
    const struct pp_sent *x = a, *y = b;
    return (x->created < y->created) - (x->created > y->created);
}

static void show_recipient(struct pp_buf *out, const struct pp_sent_recipient *to)
{
    pp_buf_add_str(out, "<div>");
    web_text(out, (const char *)to->address.data);
    pp_buf_printf(out, " <span class=\"quiet\">%s", pp_sent_state_name(to->state));
    if (to->state <= PP_SENT_STORED) {
        pp_buf_printf(out, " %u of %u", to->copies, to->wanted);
    }
    if (to->why[0]) {
        pp_buf_add_str(out, ": ");
        web_text(out, to->why);
    }
    pp_buf_add_str(out, "</span></div>");
}

static void show_row(struct pp_buf *out, const struct pp_sent *sent)
{
    pp_buf_add_str(out, "<tr><td>");
    web_date(out, sent->created);
    pp_buf_add_str(out, "</td><td>");
    char *subject = g_mime_utils_header_decode_text(
        NULL, sent->subject.len ? (const char *)sent->subject.data : "(no subject)");
    web_text(out, subject);
    g_free(subject);
    pp_buf_add_str(out, "</td><td>");
    for (size_t i = 0; i < sent->n; i++) {
        show_recipient(out, &sent->recipients[i]);
    }
    pp_buf_add_str(out, "</td></tr>\n");
}

void web_queue(struct web_visit *v)
{
    struct session *session = work_session(serve_work(web_serve(v->web)));
    struct rows rows = {0};
    g_mime_init();
    struct pp_buf body = {0};
    if (session) {
        const struct pp_mailnet *net = &pp_mail_is(session_mail(session))->net;
        net->ops->replay(net->impl, pp_str("t:"), add_row, &rows);
    }
    if (rows.n) {
        qsort(rows.all, rows.n, sizeof *rows.all, newest_first);
    }
    pp_buf_add_str(&body, "<h1>Sent and queued</h1>\n<div id=\"live\">\n<table><tr><th>When</th>"
                          "<th>Subject</th><th>To</th></tr>\n");
    for (size_t i = 0; i < rows.n; i++) {
        if (i < SHOWN_MAX) {
            show_row(&body, &rows.all[i]);
        }
        pp_sent_finish(&rows.all[i]);
    }
    free(rows.all);
    pp_buf_add_str(&body, "</table>\n");
    pp_buf_add_str(&body, session ? "" : "<p class=\"quiet\">Another command is at work.</p>\n");
    pp_buf_add_str(&body, "</div>\n");
    web_page(v, "Sent and queued", &body);
    pp_buf_free(&body);
}
