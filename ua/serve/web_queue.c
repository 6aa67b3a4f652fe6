/*
 * The page of what was sent and what is still on its way. It runs on the loop's thread: the queue's
 * records are the session's. It must not know how they come about.
 */
#include <serve/web.h>

#include <mail/send.h>

static int add_job(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct web_visit *v = ctx;
    struct pp_job job = {0};
    struct pp_job_progress p;
    (void)key;
    if (pp_job_read(&job, value) == PP_OK) {
        pp_job_progress(&job, (unsigned)pp_config_number(web_config(v->web), "network.k"), &p);
        struct pp_buf *out = &v->out;
        pp_buf_add_str(out, "<tr><td>");
        web_date(out, job.created);
        pp_buf_printf(out, "</td><td>%s</td><td>%u of %u copies</td><td>",
                      job.finished ? "sent"
                      : p.sent     ? "sent, more copies to come"
                                   : "queued",
                      p.copies, p.wanted);
        for (size_t i = 0; i < job.n_recipients; i++) {
            web_text(out, (const char *)job.recipients[i].address.data);
            pp_buf_add_str(out, i + 1 < job.n_recipients ? ", " : "");
            if (job.recipients[i].why[0]) {
                pp_buf_add_str(out, " <span class=\"quiet\">");
                web_text(out, job.recipients[i].why);
                pp_buf_add_str(out, "</span>");
            }
        }
        pp_buf_add_str(out, "</td></tr>\n");
    }
    pp_job_finish(&job);
    return 0;
}

void web_queue(struct web_visit *v)
{
    struct session *session = work_session(serve_work(web_serve(v->web)));
    struct pp_buf body = {0};
    v->out.len = 0;
    if (session) {
        const struct pp_mailnet *net = &pp_mail_is(session_mail(session))->net;
        net->ops->replay(net->impl, pp_str("s:"), add_job, v);
    }
    pp_buf_add_str(&body, "<h1>Sent and queued</h1>\n<div id=\"live\">\n<table><tr><th>When</th>"
                          "<th>State</th><th>Where</th><th>To</th></tr>\n");
    pp_buf_add(&body, v->out.data, v->out.len);
    pp_buf_add_str(&body, "</table>\n");
    pp_buf_add_str(&body, session ? "" : "<p class=\"quiet\">Another command is at work.</p>\n");
    pp_buf_add_str(&body, "</div>\n");
    web_page(v, "Sent and queued", &body);
    pp_buf_free(&body);
}
