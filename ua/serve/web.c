/*
 * The web page of `peerpost serve` on this computer: visits, who may, what is answered by whom.
 * Another web page cannot use it: a login with the password of mail readers gives a cookie that
 * only this origin sends, the Host field must be an address of this computer (no DNS rebinding),
 * forms carry a token, and the policy of every page forbids what does not come from here.
 */
#include <serve/web.h>

#include <base/encode.h>
#include <base/hash.h>
#include <errno.h>
#include <fcntl.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>
#include <unistd.h>

#define LOGINS_MAX 10 /* wrong ones a minute */
#define VISITS_MAX 256

static const char policy[] =
    "default-src 'none'; style-src 'self'; script-src 'self'; connect-src 'self'; img-src 'self' "
    "data:; frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'";

struct web {
    struct serve *serve;
    struct pp_server *server;
    uint16_t port;
    char session[WEB_TOKEN], form[WEB_TOKEN], cookie[40];
    unsigned wrong;
    pp_ns wrong_since;
    struct pp_workers *workers; /* one: pages are made one after another */
    struct web_visit *visits;
    struct work_watch watch;
    struct work_fetch fetch;
    bool fetching;
};

struct pp_config *web_config(const struct web *web)
{
    return serve_config(web->serve);
}

const char *web_address(const struct web *web)
{
    return serve_address(web->serve);
}

struct serve *web_serve(const struct web *web)
{
    return web->serve;
}

const char *web_form_token(const struct web *web)
{
    return web->form;
}

const char *web_spool(const struct web *web)
{
    return serve_spool(web->serve);
}

const char *web_blobs(const struct web *web)
{
    return serve_blobs(web->serve);
}

static void make_token(char out[WEB_TOKEN])
{
    uint8_t random[16];
    pp_random(random, sizeof random);
    pp_hex(out, random, sizeof random);
}

/* --- answers ------------------------------------------------------------------------------- */

static void push(struct web_visit *v)
{
    while (v->x && v->sent < v->out.len) {
        struct pp_bytes rest = pp_bytes(v->out.data + v->sent, v->out.len - v->sent);
        size_t took = pp_exchange_emit(v->x, &rest, 1);
        v->sent += took;
        if (took < rest.len) {
            return; /* `pull` comes */
        }
    }
    if (v->events) {
        v->out.len = v->sent = 0;
    } else if (v->x) {
        pp_exchange_finish(v->x);
    }
}

static void answer(struct web_visit *v)
{
    struct pp_field fields[10];
    size_t n = 0;
    if (!v->x) {
        return;
    }
    fields[n++] = (struct pp_field){pp_str("Content-Type"), pp_str(v->content_type)};
    fields[n++] = (struct pp_field){pp_str("Content-Security-Policy"),
                                    pp_str(v->policy ? v->policy : policy)};
    fields[n++] = (struct pp_field){pp_str("X-Content-Type-Options"), pp_str("nosniff")};
    fields[n++] = (struct pp_field){pp_str("Referrer-Policy"), pp_str("same-origin")};
    fields[n++] = (struct pp_field){pp_str("Cache-Control"), pp_str("no-store")};
    if (v->location[0]) {
        fields[n++] = (struct pp_field){pp_str("Location"), pp_str(v->location)};
    }
    if (v->disposition[0]) {
        fields[n++] = (struct pp_field){pp_str("Content-Disposition"), pp_str(v->disposition)};
    }
    if (v->cookie[0]) {
        fields[n++] = (struct pp_field){pp_str("Set-Cookie"), pp_str(v->cookie)};
    }
    if (v->out.failed) {
        v->status = 500;
        v->out.len = 0;
    }
    pp_exchange_answer(v->x, v->status, fields, n, v->events ? -1 : (int64_t)v->out.len);
    push(v);
}

/* --- who may ------------------------------------------------------------------------------- */

/* The Host that a browser on this computer sends; anything else came by a name of somebody's. */
static bool is_our_host(const struct web *web, struct pp_bytes host)
{
    static const char *const names[] = {"localhost", "[::1]"};
    char text[80], port[8];
    snprintf(text, sizeof text, "%.*s", (int)host.len, (const char *)host.data);
    snprintf(port, sizeof port, ":%u", web->port);
    size_t len = strlen(text), tail = strlen(port);
    if (host.len >= sizeof text || len <= tail || strcmp(text + len - tail, port) != 0) {
        return false;
    }
    text[len - tail] = '\0';
    uint8_t address[16];
    bool v4 =
        pp_address_parse(address, text) == PP_OK && pp_address_is_v4(address) && address[12] == 127;
    return v4 || strcasecmp(text, names[0]) == 0 || strcmp(text, names[1]) == 0;
}

static bool has_session(const struct web *web, const struct pp_request_head *head)
{
    const struct pp_field *f = pp_field_find(head->fields, head->n_fields, "Cookie");
    size_t name = strlen(web->cookie);
    for (size_t at = 0; f && at < f->value.len;) {
        const uint8_t *p = f->value.data + at;
        const uint8_t *end = memchr(p, ';', f->value.len - at);
        size_t n = end ? (size_t)(end - p) : f->value.len - at;
        if (n == name + 1 + WEB_TOKEN - 1 && memcmp(p, web->cookie, name) == 0 && p[name] == '=' &&
            CRYPTO_memcmp(p + name + 1, web->session, WEB_TOKEN - 1) == 0) {
            return true;
        }
        at += n + 1;
        while (at < f->value.len && f->value.data[at] == ' ') {
            at++;
        }
    }
    return false;
}

static void show_login(struct web_visit *v, const char *trouble)
{
    struct pp_buf body = {0};
    pp_buf_add_str(&body, "<h1>Who is there?</h1>\n");
    if (trouble) {
        pp_buf_printf(&body, "<p class=\"error\">%s</p>\n", trouble);
    }
    pp_buf_add_str(&body,
                   "<form class=\"write\" method=\"post\" action=\"/login\">\n<label>Password "
                   "(peerpost serve --password prints it)<input type=\"password\" "
                   "name=\"password\" autofocus required></label>\n<button>Log in</button>\n"
                   "</form>\n");
    v->status = trouble ? 403 : 200;
    web_page(v, "Log in", &body);
    pp_buf_free(&body);
}

/* The form's octets as a query. */
static void read_small_form(struct web_visit *v)
{
    char text[4096];
    ssize_t n = v->form >= 0 ? pread(v->form, text, sizeof text, 0) : 0;
    v->query.len = 0;
    pp_buf_add(&v->query, text, n > 0 ? (size_t)n : 0);
    for (size_t i = 0; i < v->query.len; i++) {
        v->query.data[i] = v->query.data[i] == '+' ? ' ' : v->query.data[i];
    }
}

static void login(struct web_visit *v)
{
    struct web *web = v->web;
    struct pp_buf password = {0};
    pp_ns now = pp_loop_now(serve_loop(web->serve)).mono;
    if (!v->post) {
        show_login(v, NULL);
        return;
    }
    if (now - web->wrong_since > PP_MINUTE) {
        web->wrong_since = now;
        web->wrong = 0;
    }
    read_small_form(v);
    bool given = web_parameter(v, "password", &password);
    if (web->wrong >= LOGINS_MAX) {
        show_login(v, "Too many wrong passwords: wait a minute.");
    } else if (given &&
               serve_login(web->serve, pp_str(web_address(web)), pp_buf_bytes(&password))) {
        snprintf(v->cookie, sizeof v->cookie, "%s=%s; HttpOnly; SameSite=Strict; Path=/",
                 web->cookie, web->session);
        web_redirect(v, "/");
    } else {
        web->wrong++;
        show_login(v, "That is not the password.");
    }
    pp_buf_wipe(&password);
}

/* --- what changed -------------------------------------------------------------------------- */

static void tell(struct web *web)
{
    for (struct web_visit *v = web->visits; v; v = v->next) {
        if (v->events && v->x) {
            pp_buf_add_str(&v->out, "data: changed\n\n");
            push(v);
        }
    }
}

static void on_mail(struct work_watch *w)
{
    tell((struct web *)(void *)((char *)w - offsetof(struct web, watch)));
}

static void on_told(struct work_watch *w, const struct runner_result *result)
{
    (void)result;
    on_mail(w);
}

static void fetched(struct work_fetch *f, const struct pp_read_result *result)
{
    struct web *web = (struct web *)(void *)((char *)f - offsetof(struct web, fetch));
    (void)result;
    web->fetching = false;
    tell(web);
}

static void start_events(struct web_visit *v)
{
    v->status = 200;
    v->content_type = "text/event-stream";
    v->events = true;
    v->out.len = 0;
    pp_buf_add_str(&v->out, ": here\n\n");
    answer(v);
}

/* --- visits -------------------------------------------------------------------------------- */

static void free_visit(struct web_visit *v)
{
    struct web_visit **at = &v->web->visits;
    while (*at != v) {
        at = &(*at)->next;
    }
    *at = v->next;
    if (v->form >= 0) {
        close(v->form);
    }
    pp_buf_free(&v->path);
    pp_buf_free(&v->query);
    pp_buf_free(&v->type);
    pp_buf_free(&v->out);
    free(v);
}

static const struct page {
    const char *path;
    bool post;
    void (*work)(struct web_visit *v);
} pages[] = {
    {"/", false, web_list},        {"/junk", false, web_list},    {"/message", false, web_message},
    {"/part", false, web_message}, {"/html", false, web_message}, {"/write", false, web_write},
    {"/send", true, web_write},    {"/delete", true, web_remove},
};

struct task {
    struct web_visit *v;
    void (*work)(struct web_visit *v);
};

static void run(void *ctx)
{
    struct task *t = ctx;
    t->work(t->v);
}

static void ran(void *ctx, bool dropped)
{
    struct task *t = ctx;
    struct web_visit *v = t->v;
    free(t);
    v->working = false;
    if (v->spooled[0] && !dropped) {
        work_send(serve_work(v->web->serve), v->spooled);
    }
    if (!v->x) {
        free_visit(v);
        return;
    }
    if (dropped) {
        web_error(v, 503, "Peerpost ends just now.");
    }
    answer(v);
}

static void to_worker(struct web_visit *v, void (*work)(struct web_visit *v))
{
    struct task *t = malloc(sizeof *t);
    if (t) {
        *t = (struct task){v, work};
        v->working = true;
    }
    if (!t || pp_workers_submit(v->web->workers, run, ran, t) != PP_OK) {
        free(t);
        v->working = false;
        web_error(v, 503, "Too much at once: try again.");
        answer(v);
    }
}

static bool is_path(const struct web_visit *v, const char *path)
{
    return pp_bytes_is(pp_buf_bytes(&v->path), path);
}

static void give_file(struct web_visit *v, const char *type, const char *text)
{
    v->status = 200;
    v->content_type = type;
    v->out.len = 0;
    pp_buf_add_str(&v->out, text);
}

/* A small form must carry the token; the query stays that of the address. */
static bool brings_token(struct web_visit *v)
{
    struct pp_buf query = v->query, token = {0};
    v->query = (struct pp_buf){0};
    read_small_form(v);
    bool right = web_parameter(v, "token", &token) && token.len == WEB_TOKEN - 1 &&
                 CRYPTO_memcmp(token.data, v->web->form, WEB_TOKEN - 1) == 0;
    pp_buf_free(&token);
    pp_buf_free(&v->query);
    v->query = query;
    return right;
}

static void fetch_now(struct web_visit *v)
{
    struct web *web = v->web;
    if (!web->fetching) {
        web->fetching = true;
        web->fetch = (struct work_fetch){.done = fetched};
        work_fetch(serve_work(web->serve), &web->fetch);
    }
    web_redirect(v, "/");
}

/* True: answered here. */
static bool small_pages(struct web_visit *v)
{
    if (is_path(v, "/style.css")) {
        give_file(v, "text/css; charset=utf-8", web_style_css);
    } else if (is_path(v, "/script.js")) {
        give_file(v, "text/javascript; charset=utf-8", web_script_js);
    } else if (is_path(v, "/login")) {
        login(v);
    } else if (!v->known) {
        web_redirect(v, "/login");
    } else if (is_path(v, "/queue") && !v->post) {
        web_queue(v);
    } else if (v->post && !is_path(v, "/send") && !brings_token(v)) {
        web_error(v, 403, "This form is not one of this page: reload it and try again.");
    } else if (is_path(v, "/fetch") && v->post) {
        fetch_now(v);
    } else {
        return false;
    }
    answer(v);
    return true;
}

static void on_begin(void *ctx, struct pp_exchange *x, const struct pp_request_head *head)
{
    struct web *web = ctx;
    struct web_visit *v = calloc(1, sizeof *v);
    if (!v) {
        pp_exchange_abort(x);
        return;
    }
    *v = (struct web_visit){.web = web, .next = web->visits, .x = x, .form = -1};
    web->visits = v;
    pp_exchange_set(x, v);
    v->post = pp_bytes_is(head->method, "POST");
    const struct pp_field *type = pp_field_find(head->fields, head->n_fields, "Content-Type");
    pp_unpercent(&v->path, head->path);
    pp_buf_add(&v->query, head->query.data, head->query.len);
    pp_buf_add(&v->type, type ? type->value.data : NULL, type ? type->value.len : 0);
    v->known = has_session(web, head);
    if (!is_our_host(web, head->host)) {
        web_error(v, 421, "This page answers only to the address of this computer.");
    } else if (!v->post && !pp_bytes_is(head->method, "GET")) {
        web_error(v, 405, "There are GET and POST.");
    } else if (v->post && !v->known && !is_path(v, "/login")) {
        web_error(v, 403, "Log in first.");
    } else {
        return;
    }
    pp_exchange_refuse_body(x);
    answer(v);
}

static size_t on_body(void *ctx, struct pp_exchange *x, struct pp_bytes bytes)
{
    struct web_visit *v = pp_exchange_get(x);
    (void)ctx;
    if (!v || v->status) {
        return bytes.len;
    }
    if (v->form < 0) {
        v->form = open(web_blobs(v->web), O_TMPFILE | O_RDWR | O_CLOEXEC, 0600);
    }
    ssize_t n = v->form < 0 ? -1 : write(v->form, bytes.data, bytes.len);
    if (n != (ssize_t)bytes.len) {
        web_error(v, 507, "There is no room on this computer's disk for that.");
        answer(v);
        return bytes.len;
    }
    v->form_size += bytes.len;
    return bytes.len;
}

static void on_end(void *ctx, struct pp_exchange *x)
{
    struct web_visit *v = pp_exchange_get(x);
    (void)ctx;
    if (!v || v->status) {
        return;
    }
    if (small_pages(v)) {
        return;
    }
    if (is_path(v, "/events")) {
        start_events(v);
        return;
    }
    for (size_t i = 0; i < sizeof pages / sizeof *pages; i++) {
        if (is_path(v, pages[i].path) && v->post == pages[i].post) {
            to_worker(v, pages[i].work);
            return;
        }
    }
    web_error(v, 404, "There is no such page.");
    answer(v);
}

static void on_pull(void *ctx, struct pp_exchange *x)
{
    struct web_visit *v = pp_exchange_get(x);
    (void)ctx;
    if (v && v->status && !v->working) {
        push(v);
    }
}

static void on_gone(void *ctx, struct pp_exchange *x, bool whole)
{
    struct web_visit *v = pp_exchange_get(x);
    (void)ctx;
    (void)whole;
    if (v) {
        v->x = NULL;
        if (!v->working) {
            free_visit(v);
        }
    }
}

/* --- life ---------------------------------------------------------------------------------- */

static void close_web(void *part)
{
    struct web *web = part;
    work_unwatch(serve_work(web->serve), &web->watch);
    if (web->fetching) {
        work_forget(serve_work(web->serve), &web->fetch);
    }
    if (web->server) {
        pp_server_destroy(web->server);
    }
    if (web->workers) {
        pp_workers_destroy(web->workers);
    }
    OPENSSL_cleanse(web, sizeof *web);
    free(web);
}

static uint16_t port_of(const void *part)
{
    return ((const struct web *)part)->port;
}

static int open_web(void **part, struct serve *s, struct pp_error *error)
{
    static const struct pp_handler handler = {on_begin, on_body, on_end, on_pull, on_gone};
    struct pp_server_options o;
    uint8_t address[16];
    uint16_t port;
    bool on;
    *part = NULL;
    int rc = serve_endpoint(s, "serve.http", &on, address, &port, error);
    struct web *web = rc == PP_OK && on ? calloc(1, sizeof *web) : NULL;
    if (!web) {
        return rc == PP_OK && on ? pp_fail(error, PP_NOMEM, "out of memory") : rc;
    }
    web->serve = s;
    web->workers = pp_workers_create(serve_loop(s), 1, VISITS_MAX);
    make_token(web->session);
    make_token(web->form);
    web->watch = (struct work_watch){.told = on_told, .mail = on_mail};
    work_watch(serve_work(s), &web->watch);
    pp_server_options_default(&o);
    o.body_octets = WEB_BODY_MAX;
    rc = web->workers ? pp_server_create(&web->server, serve_loop(s), NULL, &o, &handler, web)
                      : PP_NOMEM;
    rc = rc == PP_OK ? pp_server_listen(web->server, address, port, NULL, &web->port, error)
                     : pp_fail(error, rc, "cannot make the web page's server");
    if (rc != PP_OK) {
        close_web(web);
        return rc;
    }
    snprintf(web->cookie, sizeof web->cookie, "peerpost%u", web->port); /* cookies know no port */
    *part = web;
    return PP_OK;
}

const struct serve_part serve_web = {"http", open_web, port_of, close_web};
