/*
 * Pieces of web pages: escaped text, the frame around a page, errors, redirects, parameters. It
 * must not know what is shown.
 */
#include <serve/web.h>

#include <base/encode.h>
#include <glib.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

void web_text(struct pp_buf *out, const char *text)
{
    char *valid = g_utf8_make_valid(text ? text : "", -1);
    for (const char *p = valid; *p; p++) {
        switch (*p) {
        case '&':
            pp_buf_add_str(out, "&amp;");
            break;
        case '<':
            pp_buf_add_str(out, "&lt;");
            break;
        case '>':
            pp_buf_add_str(out, "&gt;");
            break;
        case '"':
            pp_buf_add_str(out, "&quot;");
            break;
        case '\'':
            pp_buf_add_str(out, "&#39;");
            break;
        default:
            if ((unsigned char)*p >= ' ' || *p == '\n' || *p == '\t') {
                pp_buf_add(out, p, 1);
            }
        }
    }
    g_free(valid);
}

void web_query(struct pp_buf *out, const char *text)
{
    pp_percent(out, pp_str(text));
}

/* The shell's parts between {marks}. */
static void fill(struct pp_buf *out, const char *title, const char *address,
                 const struct pp_buf *body)
{
    const char *at = web_page_html;
    for (const char *mark; (mark = strchr(at, '{')); at = strchr(mark, '}') + 1) {
        pp_buf_add(out, at, (size_t)(mark - at));
        if (strncmp(mark, "{title}", 7) == 0) {
            web_text(out, title);
        } else if (strncmp(mark, "{address}", 9) == 0) {
            web_text(out, address);
        } else {
            pp_buf_add(out, body->data, body->len);
        }
    }
    pp_buf_add_str(out, at);
}

void web_page(struct web_visit *v, const char *title, const struct pp_buf *body)
{
    v->status = v->status ? v->status : 200;
    v->content_type = "text/html; charset=utf-8";
    v->out.len = 0;
    fill(&v->out, title, web_address(v->web), body);
}

void web_error(struct web_visit *v, int status, const char *sentence)
{
    struct pp_buf body = {0};
    v->status = status;
    pp_buf_add_str(&body, "<p class=\"error\">");
    web_text(&body, sentence);
    pp_buf_add_str(&body, "</p>\n");
    web_page(v, pp_status_text(status), &body);
    pp_buf_free(&body);
}

void web_redirect(struct web_visit *v, const char *to)
{
    v->status = 303;
    v->content_type = "text/plain";
    v->out.len = 0;
    snprintf(v->location, sizeof v->location, "%s", to);
}

bool web_parameter(const struct web_visit *v, const char *name, struct pp_buf *value)
{
    struct pp_bytes query = pp_buf_bytes(&v->query);
    size_t len = strlen(name);
    for (size_t at = 0; at < query.len;) {
        const uint8_t *start = query.data + at;
        const uint8_t *amp = memchr(start, '&', query.len - at);
        size_t n = amp ? (size_t)(amp - start) : query.len - at;
        if (n > len && memcmp(start, name, len) == 0 && start[len] == '=') {
            value->len = 0;
            return pp_unpercent(value, pp_bytes(start + len + 1, n - len - 1)) == PP_OK &&
                   value->len && !memchr(value->data, 0, value->len);
        }
        at += n + 1;
    }
    return false;
}

void web_date(struct pp_buf *out, int64_t seconds)
{
    time_t t = (time_t)seconds;
    struct tm tm;
    char text[40];
    localtime_r(&t, &tm);
    strftime(text, sizeof text, "%Y-%m-%d %H:%M", &tm);
    pp_buf_printf(out, "<time>%s</time>", text);
}

void web_token_field(struct pp_buf *out, const struct web *web)
{
    pp_buf_printf(out, "<input type=\"hidden\" name=\"token\" value=\"%s\">", web_form_token(web));
}
