/*
 * One message on a page: who wrote it and who signed it, its text, its attachments. HTML of others
 * is shown in a frame of its own without scripts, forms, links to the outside or remote content.
 */
#include <serve/web.h>

#include <base/encode.h>
#include <dirent.h>
#include <session/mailbox.h>
#include <session/reading.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define PARTS_MAX 200

static const char html_policy[] =
    "sandbox; default-src 'none'; style-src 'unsafe-inline'; img-src data:";

/* --- the file ------------------------------------------------------------------------------ */

static bool find_in(const char *folder, const char *sub, const char *name, char path[4096])
{
    char at[4096];
    size_t len = strlen(name);
    snprintf(at, sizeof at, "%s/%s", folder, sub);
    DIR *d = opendir(at);
    bool found = false;
    for (struct dirent *e = d ? readdir(d) : NULL; e && !found; e = readdir(d)) {
        found = strncmp(e->d_name, name, len) == 0 && (!e->d_name[len] || e->d_name[len] == ':') &&
                snprintf(path, 4096, "%s/%s", at, e->d_name) < 4096;
    }
    if (d) {
        closedir(d);
    }
    return found;
}

bool web_find(struct web_visit *v, bool junk, const char *name, char path[4096])
{
    char folder[4096];
    struct pp_config *config = web_config(v->web);
    snprintf(folder, sizeof folder, "%s", junk ? session_junk(config) : session_maildir(config));
    return name[0] && name[0] != '.' && !strchr(name, '/') && !strchr(name, ':') &&
           (find_in(folder, "new", name, path) || find_in(folder, "cur", name, path));
}

/* Read now: from new/ to cur/, with the flag. */
static void mark_seen(const char *path)
{
    char target[4096];
    const char *sub = strstr(path, "/new/");
    if (sub && strlen(path) + 8 < sizeof target) {
        snprintf(target, sizeof target, "%.*s/cur/%s:2,S", (int)(sub - path), path, sub + 5);
        rename(path, target);
    }
}

/* --- parts --------------------------------------------------------------------------------- */

/* Leaves in order. */
struct walk {
    GMimeObject *parts[PARTS_MAX];
    size_t n;
};

static void collect(GMimeObject *parent, GMimeObject *part, gpointer ctx)
{
    struct walk *w = ctx;
    (void)parent;
    if (w->n < PARTS_MAX && (GMIME_IS_PART(part) || GMIME_IS_MESSAGE_PART(part))) {
        w->parts[w->n++] = part;
    }
}

static bool is_type(GMimeObject *part, const char *type, const char *sub)
{
    return g_mime_content_type_is_type(g_mime_object_get_content_type(part), type, sub);
}

static bool is_inline(GMimeObject *part, const char *sub)
{
    return GMIME_IS_TEXT_PART(part) && is_type(part, "text", sub) &&
           !g_mime_part_is_attachment(GMIME_PART(part));
}

/* Decoded octets of a part. */
static void octets_of(struct pp_buf *out, GMimeObject *part)
{
    GMimeStream *memory = g_mime_stream_mem_new();
    if (GMIME_IS_PART(part)) {
        GMimeDataWrapper *content = g_mime_part_get_content(GMIME_PART(part));
        if (content) {
            g_mime_data_wrapper_write_to_stream(content, memory);
        }
    } else {
        g_mime_object_write_to_stream(
            GMIME_OBJECT(g_mime_message_part_get_message(GMIME_MESSAGE_PART(part))), NULL, memory);
    }
    GByteArray *array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
    pp_buf_add(out, array->data, array->len);
    g_object_unref(memory);
}

static void link_to(struct pp_buf *out, const char *page, const char *name, bool junk, size_t part)
{
    pp_buf_printf(out, "/%s?%spart=%zu&amp;file=", page, junk ? "junk=1&amp;" : "", part);
    web_query(out, name);
}

static void add_part(struct pp_buf *out, GMimeObject *part, size_t index, const char *name,
                     bool junk, bool has_text)
{
    if (is_inline(part, "plain")) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        pp_buf_add_str(out, "<pre class=\"text\">");
        web_text(out, text);
        pp_buf_add_str(out, "</pre>\n");
        g_free(text);
        return;
    }
    if (is_inline(part, "html")) {
        pp_buf_add_str(out, has_text ? "<details><summary>As HTML</summary>" : "");
        pp_buf_add_str(out, "<iframe sandbox title=\"message\" src=\"");
        link_to(out, "html", name, junk, index);
        pp_buf_add_str(out, has_text ? "\"></iframe></details>\n" : "\"></iframe>\n");
        return;
    }
    char *type = g_mime_content_type_get_mime_type(g_mime_object_get_content_type(part));
    const char *title = GMIME_IS_PART(part) ? g_mime_part_get_filename(GMIME_PART(part)) : NULL;
    pp_buf_add_str(out, "<p class=\"attachment\"><a href=\"");
    link_to(out, "part", name, junk, index);
    pp_buf_add_str(out, "\">");
    web_text(out, title ? title : "attachment");
    pp_buf_add_str(out, "</a> <span class=\"quiet\">");
    web_text(out, type);
    pp_buf_add_str(out, "</span></p>\n");
    g_free(type);
}

/* --- the page ------------------------------------------------------------------------------ */

static void add_row(struct pp_buf *out, const char *name, const char *value)
{
    if (value && *value) {
        pp_buf_printf(out, "<dt>%s</dt><dd>", name);
        web_text(out, value);
        pp_buf_add_str(out, "</dd>\n");
    }
}

static void add_addresses(struct pp_buf *out, const char *name, InternetAddressList *list)
{
    char *text = list ? internet_address_list_to_string(list, NULL, FALSE) : NULL;
    add_row(out, name, text);
    g_free(text);
}

static void add_signature(struct pp_buf *out, const char *results)
{
    const char *by, *why;
    bool is_signed = reading_signature(results, &by, &why) && *by;
    pp_buf_add_str(out, is_signed ? "<dt>Signed</dt><dd class=\"signed\">by "
                                  : "<dt>Signed</dt><dd class=\"unsigned\">by nobody ");
    web_text(out, is_signed ? by : why);
    pp_buf_add_str(out, "</dd>\n");
}

static void add_actions(struct pp_buf *out, struct web_visit *v, const char *name, bool junk)
{
    pp_buf_add_str(out, "<div class=\"row\"><a href=\"/write?reply=");
    web_query(out, name);
    pp_buf_printf(out, "%s\">Reply</a>", junk ? "&amp;junk=1" : "");
    pp_buf_printf(out, "<form method=\"post\" action=\"/delete?%sfile=", junk ? "junk=1&amp;" : "");
    web_query(out, name);
    pp_buf_add_str(out, "\">");
    web_token_field(out, v->web);
    pp_buf_add_str(out, "<button>Delete</button></form></div>\n");
}

static void show(struct web_visit *v, GMimeMessage *message, const char *name, bool junk)
{
    struct pp_buf body = {0};
    struct walk walk = {.n = 0};
    GMimeObject *root = GMIME_OBJECT(message);
    const char *subject = g_mime_message_get_subject(message);
    bool has_text = false;
    pp_buf_add_str(&body, "<h1>");
    web_text(&body, subject && *subject ? subject : "(no subject)");
    pp_buf_add_str(&body, "</h1>\n<dl>\n");
    add_addresses(&body, "From", g_mime_message_get_from(message));
    add_addresses(&body, "To", g_mime_message_get_to(message));
    add_addresses(&body, "Cc", g_mime_message_get_cc(message));
    add_row(&body, "Date", g_mime_object_get_header(root, "Date"));
    add_signature(&body, g_mime_object_get_header(root, "Authentication-Results"));
    pp_buf_add_str(&body, "</dl>\n");
    add_actions(&body, v, name, junk);
    g_mime_message_foreach(message, collect, &walk);
    for (size_t i = 0; i < walk.n; i++) {
        has_text = has_text || is_inline(walk.parts[i], "plain");
    }
    for (size_t i = 0; i < walk.n; i++) {
        add_part(&body, walk.parts[i], i, name, junk, has_text);
    }
    web_page(v, subject && *subject ? subject : "Message", &body);
    pp_buf_free(&body);
}

/* A part as it is, never as a page of ours: saved, or (HTML) behind its own strict policy. */
static void give_part(struct web_visit *v, GMimeMessage *message, size_t index, bool html)
{
    struct walk walk = {.n = 0};
    g_mime_message_foreach(message, collect, &walk);
    if (index >= walk.n) {
        web_error(v, 404, "The message has no such part.");
        return;
    }
    GMimeObject *part = walk.parts[index];
    v->status = 200;
    v->policy = html_policy;
    if (html && is_inline(part, "html")) {
        char *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
        v->content_type = "text/html; charset=utf-8";
        pp_buf_add_str(&v->out, text ? text : "");
        g_free(text);
        return;
    }
    const char *name = GMIME_IS_PART(part) ? g_mime_part_get_filename(GMIME_PART(part)) : NULL;
    struct pp_buf encoded = {0};
    v->content_type = "application/octet-stream";
    pp_percent(&encoded, pp_str(name ? name : "attachment"));
    snprintf(v->disposition, sizeof v->disposition, "attachment; filename*=UTF-8''%.200s",
             encoded.len ? (const char *)encoded.data : "attachment");
    pp_buf_free(&encoded);
    octets_of(&v->out, part);
}

/* The message that the query names; NULL: answered. */
static GMimeMessage *wanted(struct web_visit *v, struct pp_buf *name, bool *junk, char path[4096])
{
    struct pp_buf value = {0};
    *junk = web_parameter(v, "junk", &value);
    pp_buf_free(&value);
    bool found =
        web_parameter(v, "file", name) && web_find(v, *junk, (const char *)name->data, path);
    g_mime_init();
    GMimeMessage *message = found ? reading_parse(path) : NULL;
    if (!message) {
        web_error(v, 404, "There is no such message (any more).");
    }
    return message;
}

void web_message(struct web_visit *v)
{
    struct pp_buf name = {0}, part = {0};
    char path[4096];
    bool junk;
    GMimeMessage *message = wanted(v, &name, &junk, path);
    if (message && pp_bytes_is(pp_buf_bytes(&v->path), "/message")) {
        show(v, message, (const char *)name.data, junk);
        mark_seen(path);
    } else if (message) {
        bool html = pp_bytes_is(pp_buf_bytes(&v->path), "/html");
        size_t index = web_parameter(v, "part", &part)
                           ? (size_t)g_ascii_strtoull((const char *)part.data, NULL, 10)
                           : 0;
        give_part(v, message, index, html);
    }
    if (message) {
        g_object_unref(message);
    }
    pp_buf_free(&name);
    pp_buf_free(&part);
}

void web_remove(struct web_visit *v)
{
    struct pp_buf name = {0}, junk = {0};
    char path[4096];
    bool in_junk = web_parameter(v, "junk", &junk);
    if (web_parameter(v, "file", &name) && web_find(v, in_junk, (const char *)name.data, path) &&
        unlink(path) == 0) {
        web_redirect(v, in_junk ? "/junk" : "/");
    } else {
        web_error(v, 404, "There is no such message (any more).");
    }
    pp_buf_free(&name);
    pp_buf_free(&junk);
}
