/*
 * The page of what was sent and what is still on its way. It runs on the loop's thread: the records
 * are the session's. It must not know how they come about.
 */
#include <serve/web.h>

#include <mail/sent.h>
#include <session/reading.h>

#define SHOWN_MAX 200

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
    char *subject = reading_subject(pp_buf_bytes(&sent->subject));
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
    struct pp_sent_list list = {.n = 0};
    struct pp_buf body = {0};
    g_mime_init();
    if (session) {
        pp_sent_list(session_mail(session), &list);
    }
    pp_buf_add_str(&body, "<h1>Sent and queued</h1>\n<div id=\"live\">\n<table><tr><th>When</th>"
                          "<th>Subject</th><th>To</th></tr>\n");
    for (size_t i = 0; i < list.n && i < SHOWN_MAX; i++) {
        show_row(&body, &list.entries[i].sent);
    }
    pp_sent_list_finish(&list);
    pp_buf_add_str(&body, "</table>\n");
    pp_buf_add_str(&body, session ? "" : "<p class=\"quiet\">Another command is at work.</p>\n");
    pp_buf_add_str(&body, "</div>\n");
    web_page(v, "Sent and queued", &body);
    pp_buf_free(&body);
}
