/* The lists of messages, inbox and Junk. It must not know how one is shown. */
#include <serve/web.h>

#include <session/mailbox.h>
#include <stdio.h>
#include <string.h>

#define SHOWN_MAX 500

/* The file's name without its flags. */
static void name_of(char out[256], const char *path)
{
    const char *slash = strrchr(path, '/');
    snprintf(out, 256, "%.255s", slash ? slash + 1 : path);
    out[strcspn(out, ":")] = '\0';
}

static void add_letter(struct pp_buf *out, const struct letter *l, bool junk)
{
    char name[256];
    name_of(name, l->path);
    pp_buf_printf(out, "<li%s>", l->seen ? "" : " class=\"new\"");
    if (l->waiting) {
        pp_buf_add_str(out, "<a><span class=\"from\">");
    } else {
        pp_buf_printf(out, "<a href=\"/message?%sfile=", junk ? "junk=1&amp;" : "");
        web_query(out, name);
        pp_buf_add_str(out, "\"><span class=\"from\">");
    }
    web_text(out, l->from);
    pp_buf_add_str(out, "</span><span class=\"subject\">");
    web_text(out, l->subject && *l->subject ? l->subject : "(no subject)");
    pp_buf_add_str(out, l->waiting ? " (its body still waits)</span>" : "</span>");
    web_date(out, l->date);
    pp_buf_add_str(out, "</a></li>\n");
}

void web_list(struct web_visit *v)
{
    struct mailbox box = {0};
    struct pp_error error = {0};
    struct pp_buf body = {0};
    bool junk = pp_bytes_is(pp_buf_bytes(&v->path), "/junk");
    struct pp_config *config = web_config(v->web);
    int rc = (junk ? mailbox_read_junk : mailbox_read)(&box, config, &error);
    if (rc != PP_OK) {
        web_error(v, 500, error.text);
        mailbox_finish(&box);
        return;
    }
    pp_buf_printf(&body, "<h1>%s</h1>\n", junk ? "Junk" : "Inbox");
    if (!junk) {
        pp_buf_add_str(&body, "<div class=\"row\"><form method=\"post\" action=\"/fetch\">");
        web_token_field(&body, v->web);
        pp_buf_add_str(&body, "<button>Fetch now</button></form></div>\n");
    }
    pp_buf_add_str(&body, "<ul class=\"list\" id=\"live\">\n");
    for (size_t i = box.n; i-- > 0 && box.n - i <= SHOWN_MAX;) {
        add_letter(&body, &box.letters[i], junk);
    }
    pp_buf_add_str(&body, "</ul>\n");
    if (!box.n) {
        pp_buf_add_str(&body, "<p class=\"quiet\">Nothing here yet.</p>\n");
    }
    web_page(v, junk ? "Junk" : "Inbox", &body);
    pp_buf_free(&body);
    mailbox_finish(&box);
}
