/*
 * The list of the user's mail; see mailbox.h. GMime decodes header words for people; it must not
 * touch what is delivered.
 */
#include <session/mailbox.h>

#include <session/agent.h>

#include <box/journal.h>
#include <dirent.h>
#include <errno.h>
#include <gmime/gmime.h>
#include <mail/message.h>
#include <seal/seal.h>
#include <session/reading.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>

#define HEADER_READ 65536

static struct letter *add(struct mailbox *box)
{
    if (box->n == box->cap) {
        size_t cap = box->cap ? 2 * box->cap : 64;
        struct letter *grown = realloc(box->letters, cap * sizeof *grown);
        if (!grown) {
            return NULL;
        }
        box->letters = grown;
        box->cap = cap;
    }
    struct letter *l = &box->letters[box->n++];
    memset(l, 0, sizeof *l);
    return l;
}

/* Encoded words (RFC 2047) and stray charsets as UTF-8; owned by the caller. */
static char *decode(struct pp_bytes value)
{
    struct pp_buf text = {0};
    pp_header_text(&text, value, 1024);
    char *decoded = g_mime_utils_header_decode_text(NULL, text.len ? (const char *)text.data : "");
    char *copy = strdup(decoded ? decoded : "");
    g_free(decoded);
    pp_buf_free(&text);
    return copy;
}

static int64_t parse_date(struct pp_bytes value)
{
    struct pp_buf text = {0};
    pp_header_text(&text, value, 128);
    GDateTime *t = text.len ? g_mime_utils_header_decode_date((const char *)text.data) : NULL;
    int64_t seconds = t ? g_date_time_to_unix(t) : 0;
    if (t) {
        g_date_time_unref(t);
    }
    pp_buf_free(&text);
    return seconds;
}

/* NULL: a signature that does not hold. */
static void read_signature(struct letter *l, struct pp_bytes header)
{
    struct pp_header_field field;
    struct pp_buf text = {0};
    const char *by, *why;
    if (pp_header_find(header, "Authentication-Results", &field)) {
        pp_header_text(&text, field.value, 512);
    }
    const char *results = text.len ? (const char *)text.data : "";
    reading_signature(results, &by, &why);
    l->signed_by = strstr(results, "smime=fail") ? NULL : strdup(by);
    pp_buf_free(&text);
}

static void fill(struct letter *l, struct pp_bytes header, int64_t otherwise)
{
    struct pp_header_field field;
    struct pp_bytes none = {0};
    l->from = decode(pp_header_find(header, "From", &field) ? field.value : none);
    l->subject = decode(pp_header_find(header, "Subject", &field) ? field.value : none);
    l->date = pp_header_find(header, "Date", &field) ? parse_date(field.value) : 0;
    l->date = l->date ? l->date : otherwise;
    read_signature(l, header);
}

static void read_file(struct mailbox *box, const char *folder, const char *sub, const char *name)
{
    static uint8_t start[HEADER_READ];
    char path[4096];
    struct stat st;
    size_t length = 0;
    if (snprintf(path, sizeof path, "%s/%s/%s", folder, sub, name) >= (int)sizeof path) {
        return;
    }
    FILE *f = fopen(path, "rb");
    if (!f) {
        return; /* a mail program moved it just now */
    }
    size_t n = fread(start, 1, sizeof start, f);
    int64_t when = fstat(fileno(f), &st) == 0 ? st.st_mtime : 0;
    fclose(f);
    struct letter *l = add(box);
    if (l) {
        const char *flags = strstr(name, ":2,");
        memcpy(l->path, path, sizeof path);
        l->seen = flags && strchr(flags + 3, 'S');
        pp_header_length(pp_bytes(start, n), true, &length);
        fill(l, pp_bytes(start, length), when);
    }
}

static int read_folder(struct mailbox *box, const char *folder, const char *sub,
                       struct pp_error *error)
{
    char path[4096];
    snprintf(path, sizeof path, "%s/%s", folder, sub);
    DIR *d = opendir(path);
    if (!d) {
        return errno == ENOENT ? PP_OK
                               : pp_fail(error, PP_IO, "cannot read %s: %s", path, strerror(errno));
    }
    for (struct dirent *e = readdir(d); e; e = readdir(d)) {
        if (e->d_name[0] != '.') {
            read_file(box, folder, sub, e->d_name);
        }
    }
    closedir(d);
    return PP_OK;
}

struct opening {
    struct mailbox *box;
    struct identity who;
};

/* A journaled notification: "i:" + hash = received (8), attempts (4), octets. */
static int read_waiting(void *ctx, struct pp_bytes key, struct pp_bytes value)
{
    struct opening *o = ctx;
    struct pp_notification n = {0};
    if (value.len <= 12 ||
        pp_open_notification(&n, pp_bytes(value.data + 12, value.len - 12), o->who.certificates,
                             o->who.keys, o->who.n_keys, NULL) != PP_OK) {
        return 0;
    }
    struct letter *l = add(o->box);
    if (l) {
        l->waiting = true;
        snprintf(l->hash, sizeof l->hash, "%.*s", (int)key.len - 2, (const char *)key.data + 2);
        l->signed_by = strdup("");
        l->from = decode(pp_buf_bytes(&n.from));
        l->subject = decode(pp_buf_bytes(&n.subject));
        l->date = parse_date(pp_buf_bytes(&n.date));
        l->date = l->date ? l->date : (int64_t)n.created;
    }
    pp_notification_finish(&n);
    return 0;
}

static void read_journal(struct mailbox *box, struct pp_config *config)
{
    char path[4096];
    struct pp_journal *journal = NULL;
    struct agent *serve = NULL;
    struct opening o = {.box = box};
    snprintf(path, sizeof path, "%s/journal", pp_config_path(config, "user.state"));
    if (access(path, F_OK) == 0 && identity_open(&o.who, config, NULL) == PP_OK) {
        if (pp_journal_open(&journal, path, NULL) == PP_OK) {
            pp_journal_each(journal, pp_str("i:"), read_waiting, &o);
            pp_journal_close(journal);
        } else if (agent_open(&serve, config, 0, NULL, NULL) == PP_OK) {
            agent_notes(serve, "i:", read_waiting, &o);
            agent_close(serve);
        }
        identity_finish(&o.who);
    }
}

/* Delivered since the journal was read? Its file has the notification's hash for a name. */
static bool came(const struct mailbox *box, const struct letter *waiting)
{
    for (size_t i = 0; i < box->n; i++) {
        const char *slash = strrchr(box->letters[i].path, '/');
        if (slash && strncmp(slash + 1, waiting->hash, strlen(waiting->hash)) == 0) {
            return true;
        }
    }
    return false;
}

static void free_letter(struct letter *l)
{
    free(l->from);
    free(l->subject);
    free(l->signed_by);
}

static void drop_those_that_came(struct mailbox *box)
{
    size_t n = 0;
    for (size_t i = 0; i < box->n; i++) {
        struct letter *l = &box->letters[i];
        if (l->waiting && l->hash[0] && came(box, l)) {
            free_letter(l);
            continue;
        }
        if (n != i) {
            box->letters[n] = *l;
        }
        n++;
    }
    box->n = n;
}

static int by_date(const void *a, const void *b)
{
    const struct letter *l = a, *m = b;
    int order = (l->date > m->date) - (l->date < m->date);
    return order ? order : strcmp(l->path, m->path);
}

int mailbox_read_junk(struct mailbox *box, struct pp_config *config, struct pp_error *error)
{
    const char *folder = session_junk(config);
    g_mime_init();
    int rc = read_folder(box, folder, "cur", error);
    rc = rc == PP_OK ? read_folder(box, folder, "new", error) : rc;
    if (box->n) {
        qsort(box->letters, box->n, sizeof *box->letters, by_date);
    }
    return rc;
}

int mailbox_read(struct mailbox *box, struct pp_config *config, struct pp_error *error)
{
    const char *folder = session_maildir(config);
    g_mime_init();
    read_journal(box, config); /* first: what is delivered meanwhile shall be in one of them */
    int rc = read_folder(box, folder, "cur", error);
    rc = rc == PP_OK ? read_folder(box, folder, "new", error) : rc;
    drop_those_that_came(box);
    if (rc == PP_OK && box->n) {
        qsort(box->letters, box->n, sizeof *box->letters, by_date);
    }
    return rc;
}

void mailbox_finish(struct mailbox *box)
{
    for (size_t i = 0; i < box->n; i++) {
        free_letter(&box->letters[i]);
    }
    free(box->letters);
    *box = (struct mailbox){0};
}
