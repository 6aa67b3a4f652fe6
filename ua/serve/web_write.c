/*
 * Writing a message: the form, and what comes of it - a message as MIME into the spool, durably,
 * before the page says that it is on its way. It must not know how it is sent.
 */
#include <serve/web.h>

#include <errno.h>
#include <fcntl.h>
#include <session/input.h>
#include <session/reading.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define FILES_MAX 50
#define FIELD_MAX (1 << 20)

struct form {
    struct pp_buf token, to, cc, bcc, subject, text, parent; /* parent: Message-ID replied to */
    GMimePart *files[FILES_MAX];
    size_t n_files;
};

static void form_finish(struct form *f)
{
    struct pp_buf *all[] = {&f->token, &f->to, &f->cc, &f->bcc, &f->subject, &f->text, &f->parent};
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) {
        pp_buf_free(all[i]);
    }
    for (size_t i = 0; i < f->n_files; i++) {
        g_object_unref(f->files[i]);
    }
}

static const char *text_of(const struct pp_buf *b)
{
    return b->len ? (const char *)b->data : "";
}

/* --- the form ------------------------------------------------------------------------------ */

static void add_input(struct pp_buf *out, const char *label, const char *name,
                      const struct pp_buf *value, const char *more)
{
    pp_buf_printf(out, "<label>%s<input name=\"%s\" value=\"", label, name);
    web_text(out, text_of(value));
    pp_buf_printf(out, "\"%s></label>\n", more);
}

static void show_form(struct web_visit *v, const struct form *f, const char *trouble)
{
    struct pp_buf body = {0};
    pp_buf_add_str(&body, "<h1>Write</h1>\n");
    if (trouble) {
        pp_buf_add_str(&body, "<p class=\"error\">");
        web_text(&body, trouble);
        pp_buf_add_str(&body, "</p>\n");
    }
    pp_buf_add_str(&body, "<form class=\"write\" method=\"post\" action=\"/send\" "
                          "enctype=\"multipart/form-data\" accept-charset=\"utf-8\">\n");
    web_token_field(&body, v->web);
    pp_buf_add_str(&body, "<input type=\"hidden\" name=\"parent\" value=\"");
    web_text(&body, text_of(&f->parent));
    pp_buf_add_str(&body, "\">\n");
    add_input(&body, "To", "to", &f->to, " required autofocus");
    add_input(&body, "Cc", "cc", &f->cc, "");
    add_input(&body, "Bcc", "bcc", &f->bcc, "");
    add_input(&body, "Subject", "subject", &f->subject, "");
    pp_buf_add_str(&body, "<label>Text<textarea name=\"text\">\n");
    web_text(&body, text_of(&f->text));
    pp_buf_add_str(&body, "</textarea></label>\n<label>Attachments"
                          "<input type=\"file\" name=\"file\" multiple></label>\n"
                          "<button>Send</button>\n</form>\n");
    v->status = trouble ? 422 : 200;
    web_page(v, "Write", &body);
    pp_buf_free(&body);
}

static void first_text(GMimeObject *parent, GMimeObject *part, gpointer ctx)
{
    char **text = ctx;
    (void)parent;
    if (!*text && GMIME_IS_TEXT_PART(part) &&
        g_mime_content_type_is_type(g_mime_object_get_content_type(part), "text", "plain")) {
        *text = g_mime_text_part_get_text(GMIME_TEXT_PART(part));
    }
}

static void quote(struct pp_buf *out, const char *text)
{
    while (text && *text) {
        size_t len = strcspn(text, "\n");
        pp_buf_add_str(out, "> ");
        pp_buf_add(out, text, len);
        pp_buf_add_str(out, "\n");
        text += len + (text[len] == '\n');
    }
}

/* To, subject and quoted text of an answer to the message at path. */
static void prepare_reply(struct form *f, const char *path)
{
    GMimeMessage *m = reading_parse(path);
    if (m) {
        InternetAddressList *back = g_mime_message_get_reply_to(m);
        back = back && internet_address_list_length(back) ? back : g_mime_message_get_from(m);
        char *to = back ? internet_address_list_to_string(back, NULL, FALSE) : NULL, *text = NULL;
        const char *subject = g_mime_message_get_subject(m), *id = g_mime_message_get_message_id(m);
        pp_buf_add_str(&f->to, to ? to : "");
        bool has_re = subject && g_ascii_strncasecmp(subject, "Re:", 3) == 0;
        pp_buf_printf(&f->subject, "%s%s", has_re ? "" : "Re: ", subject ? subject : "");
        pp_buf_add_str(&f->parent, id ? id : "");
        g_mime_message_foreach(m, first_text, &text);
        pp_buf_add_str(&f->text, "\n\n");
        quote(&f->text, text);
        g_free(to);
        g_free(text);
        g_object_unref(m);
    }
}

/* --- what was written ---------------------------------------------------------------------- */

static void take_octets(struct pp_buf *out, GMimePart *part)
{
    GMimeStream *memory = g_mime_stream_mem_new();
    GMimeDataWrapper *content = g_mime_part_get_content(part);
    if (content) {
        g_mime_data_wrapper_write_to_stream(content, memory);
    }
    GByteArray *array = g_mime_stream_mem_get_byte_array(GMIME_STREAM_MEM(memory));
    out->len = 0;
    pp_buf_add(out, array->data, array->len < FIELD_MAX ? array->len : FIELD_MAX);
    g_object_unref(memory);
}

static void take_part(GMimeObject *parent, GMimeObject *part, gpointer ctx)
{
    struct form *f = ctx;
    const char *name = g_mime_object_get_content_disposition_parameter(part, "name");
    const struct {
        const char *name;
        struct pp_buf *value;
    } fields[] = {{"token", &f->token},  {"to", &f->to},     {"cc", &f->cc},
                  {"bcc", &f->bcc},      {"text", &f->text}, {"subject", &f->subject},
                  {"parent", &f->parent}};
    (void)parent;
    if (!GMIME_IS_PART(part) || !name) {
        return;
    }
    const char *file = g_mime_object_get_content_disposition_parameter(part, "filename");
    if (strcmp(name, "file") == 0 && file && *file && f->n_files < FILES_MAX) {
        f->files[f->n_files++] = g_object_ref(GMIME_PART(part));
    }
    for (size_t i = 0; i < sizeof fields / sizeof *fields; i++) {
        if (strcmp(name, fields[i].name) == 0) {
            take_octets(fields[i].value, GMIME_PART(part));
        }
    }
}

/* multipart/form-data (RFC 7578) is MIME: its type as the header, its octets as the body. */
static bool read_form(struct web_visit *v, struct form *f)
{
    struct pp_buf header = {0};
    if (v->form < 0 || lseek(v->form, 0, SEEK_SET) != 0) { /* a stream begins where it stands */
        return false;
    }
    pp_buf_printf(&header, "Content-Type: %s\r\n\r\n", text_of(&v->type));
    GMimeStream *whole = g_mime_stream_cat_new();
    GMimeStream *start = g_mime_stream_mem_new_with_buffer((const char *)header.data, header.len);
    GMimeStream *rest = g_mime_stream_fs_new(dup(v->form));
    g_mime_stream_cat_add_source(GMIME_STREAM_CAT(whole), start);
    g_mime_stream_cat_add_source(GMIME_STREAM_CAT(whole), rest);
    GMimeParser *parser = g_mime_parser_new_with_stream(whole);
    GMimeObject *root = g_mime_parser_construct_part(parser, NULL);
    bool ok = root && GMIME_IS_MULTIPART(root);
    if (ok) {
        g_mime_multipart_foreach(GMIME_MULTIPART(root), take_part, f);
    }
    if (root) {
        g_object_unref(root);
    }
    g_object_unref(parser);
    g_object_unref(rest);
    g_object_unref(start);
    g_object_unref(whole);
    pp_buf_free(&header);
    return ok;
}

/* A line for a header: no line ends from a form. */
static char *one_line(const struct pp_buf *b)
{
    char *text = g_utf8_make_valid(text_of(b), -1);
    for (char *p = text; *p; p++) {
        *p = (unsigned char)*p < ' ' ? ' ' : *p;
    }
    return text;
}

static void add_recipients(GMimeMessage *m, GMimeAddressType type, const struct pp_buf *field)
{
    char *line = one_line(field);
    InternetAddressList *list = internet_address_list_parse(NULL, line);
    if (list) {
        internet_address_list_append(g_mime_message_get_addresses(m, type), list);
        g_object_unref(list);
    }
    g_free(line);
}

static GMimeObject *text_part(const struct pp_buf *text)
{
    GMimeTextPart *part = g_mime_text_part_new_with_subtype("plain");
    char *valid = g_utf8_make_valid(text_of(text), -1);
    g_mime_text_part_set_charset(part, "utf-8");
    g_mime_text_part_set_text(part, valid);
    g_mime_part_set_content_encoding(GMIME_PART(part), GMIME_CONTENT_ENCODING_QUOTEDPRINTABLE);
    g_free(valid);
    return GMIME_OBJECT(part);
}

static void attach(GMimeMultipart *all, GMimePart *from)
{
    GMimeObject *source = GMIME_OBJECT(from);
    GMimeContentType *type = g_mime_object_get_content_type(source);
    GMimePart *part = g_mime_part_new_with_type(g_mime_content_type_get_media_type(type),
                                                g_mime_content_type_get_media_subtype(type));
    const char *name = g_mime_object_get_content_disposition_parameter(source, "filename");
    g_mime_part_set_content(part, g_mime_part_get_content(from));
    g_mime_part_set_filename(part, name);
    g_mime_object_set_disposition(GMIME_OBJECT(part), GMIME_DISPOSITION_ATTACHMENT);
    g_mime_part_set_content_encoding(part, GMIME_CONTENT_ENCODING_BASE64);
    g_mime_multipart_add(all, GMIME_OBJECT(part));
    g_object_unref(part);
}

static GMimeMessage *compose(struct web_visit *v, const struct form *f)
{
    GMimeMessage *m = g_mime_message_new(TRUE);
    char *subject = one_line(&f->subject), *parent = one_line(&f->parent);
    g_mime_message_add_mailbox(m, GMIME_ADDRESS_TYPE_FROM, NULL, web_address(v->web));
    add_recipients(m, GMIME_ADDRESS_TYPE_TO, &f->to);
    add_recipients(m, GMIME_ADDRESS_TYPE_CC, &f->cc);
    add_recipients(m, GMIME_ADDRESS_TYPE_BCC, &f->bcc);
    g_mime_message_set_subject(m, subject, "utf-8");
    if (*parent) {
        char *id = g_strdup_printf("<%s>", parent);
        g_mime_object_set_header(GMIME_OBJECT(m), "In-Reply-To", id, NULL);
        g_mime_object_set_header(GMIME_OBJECT(m), "References", id, NULL);
        g_free(id);
    }
    GMimeObject *body = text_part(&f->text);
    if (f->n_files) {
        GMimeMultipart *all = g_mime_multipart_new_with_subtype("mixed");
        g_mime_multipart_add(all, body);
        for (size_t i = 0; i < f->n_files; i++) {
            attach(all, f->files[i]);
        }
        g_object_unref(body);
        body = GMIME_OBJECT(all);
    }
    g_mime_message_set_mime_part(m, body);
    g_object_unref(body);
    g_free(subject);
    g_free(parent);
    return m;
}

/* Through an unnamed file into the spool. */
static int spool(struct web_visit *v, GMimeMessage *m, struct pp_error *error)
{
    int fd = open(web_blobs(v->web), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    if (fd < 0) {
        return pp_fail(error, PP_IO, "cannot write in %s: %s", web_blobs(v->web), strerror(errno));
    }
    GMimeStream *out = g_mime_stream_fs_new(dup(fd));
    bool written = g_mime_object_write_to_stream(GMIME_OBJECT(m), NULL, out) >= 0 &&
                   g_mime_stream_flush(out) == 0;
    g_object_unref(out);
    struct input input = {.from_header = true,
                          .ignore_dots = true,
                          .spool = web_spool(v->web),
                          .own = web_address(v->web),
                          .fd = fd};
    int rc = written && lseek(fd, 0, SEEK_SET) == 0
                 ? input_spool(&input, v->spooled, error)
                 : pp_fail(error, PP_FULL, "no room to write the message");
    close(fd);
    return rc;
}

static bool is_token(const struct web *web, struct pp_bytes given)
{
    return given.len == WEB_TOKEN - 1 &&
           CRYPTO_memcmp(given.data, web_form_token(web), WEB_TOKEN - 1) == 0;
}

static void send_form(struct web_visit *v)
{
    struct form f = {.n_files = 0};
    struct pp_error error = {0};
    g_mime_init();
    if (!read_form(v, &f) || !is_token(v->web, pp_buf_bytes(&f.token))) {
        web_error(v, 403, "This form is not one of this page: reload it and try again.");
        form_finish(&f);
        return;
    }
    GMimeMessage *m = compose(v, &f);
    if (spool(v, m, &error) == PP_OK) {
        web_redirect(v, "/queue");
    } else {
        v->spooled[0] = '\0';
        show_form(v, &f, error.text);
    }
    g_object_unref(m);
    form_finish(&f);
}

void web_write(struct web_visit *v)
{
    struct form f = {.n_files = 0};
    struct pp_buf name = {0}, junk = {0};
    char path[4096];
    if (v->post) {
        send_form(v);
        return;
    }
    g_mime_init();
    web_parameter(v, "to", &f.to);
    bool in_junk = web_parameter(v, "junk", &junk);
    if (web_parameter(v, "reply", &name) && web_find(v, in_junk, (const char *)name.data, path)) {
        prepare_reply(&f, path);
    }
    show_form(v, &f, NULL);
    pp_buf_free(&name);
    pp_buf_free(&junk);
    form_finish(&f);
}
