/* See live_world.h. */
#include "live_world.h"

#include <box/maildir.h>
#include <check.h>
#include <ftw.h>
#include <openssl/evp.h>
#include <openssl/ssl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <trust/issue.h>
#include <unistd.h>

extern const struct pp_substrate peerpost_plugin; /* the mesh */
static const union pp_value mesh_options[] = {{.number = 500 * 1000 * 1000}};

/* ---- the server ---- */

static int on_part(void *ctx, struct pp_bytes name)
{
    struct live_world *w = ctx;
    w->part = pp_bytes_is(name, "certificates") ? &w->certificates : &w->object;
    return PP_OK;
}

static size_t on_part_data(void *ctx, struct pp_bytes bytes)
{
    struct live_world *w = ctx;
    pp_buf_add(w->part, bytes.data, bytes.len);
    return bytes.len;
}

static void on_part_end(void *ctx)
{
    (void)ctx;
}

static const struct pp_multipart_events parts = {on_part, on_part_data, on_part_end};

static void copy_text(char *out, size_t cap, struct pp_bytes in)
{
    size_t n = in.len < cap - 1 ? in.len : cap - 1;
    memcpy(out, in.data, n);
    out[n] = '\0';
}

static void h_begin(void *ctx, struct pp_exchange *x, const struct pp_request_head *head)
{
    struct live_world *w = ctx;
    const struct pp_field *type = pp_field_find(head->fields, head->n_fields, "content-type");
    const struct pp_field *mark = pp_field_find(head->fields, head->n_fields, "x-mark");
    pp_exchange_set(x, w);
    w->requests++;
    copy_text(w->method, sizeof w->method, head->method);
    copy_text(w->path, sizeof w->path, head->path);
    copy_text(w->mark, sizeof w->mark, mark ? mark->value : pp_str(""));
    if (strcmp(w->method, "PUT") == 0) {
        w->certificates.len = w->object.len = 0;
        w->part = &w->object;
        if (type) {
            CU_ASSERT_EQUAL(pp_multipart_create(&w->multipart, type->value, &parts, w), PP_OK);
        }
    }
}

static size_t h_body(void *ctx, struct pp_exchange *x, struct pp_bytes bytes)
{
    struct live_world *w = ctx;
    (void)x;
    size_t taken = bytes.len;
    if (w->multipart) {
        CU_ASSERT_EQUAL(pp_multipart_feed(w->multipart, bytes, &taken), PP_OK);
    } else {
        pp_buf_add(&w->object, bytes.data, bytes.len);
    }
    return taken;
}

static void push(struct live_world *w, struct pp_exchange *x)
{
    struct pp_bytes span = pp_bytes(w->object.data + w->sent, w->object.len - w->sent);
    w->sent += span.len > 0 ? pp_exchange_emit(x, &span, 1) : 0;
    if (w->sent == w->object.len) {
        pp_exchange_finish(x);
    }
}

static void h_end(void *ctx, struct pp_exchange *x)
{
    struct live_world *w = ctx;
    if (w->multipart) {
        CU_ASSERT_EQUAL(pp_multipart_end(w->multipart), PP_OK);
        pp_multipart_destroy(w->multipart);
        w->multipart = NULL;
    }
    if (strcmp(w->path, "/silent") == 0) {
        return;
    }
    if (strcmp(w->method, "GET") == 0) {
        struct pp_field field = {pp_str("X-Kept"), pp_str("yes")};
        w->sent = 0;
        pp_exchange_answer(x, 200, &field, 1, (int64_t)w->object.len);
        push(w, x);
        return;
    }
    pp_exchange_answer(x, 201, NULL, 0, 0);
    pp_exchange_finish(x);
}

static void h_pull(void *ctx, struct pp_exchange *x)
{
    push(ctx, x);
}

static void h_gone(void *ctx, struct pp_exchange *x, bool whole)
{
    struct live_world *w = ctx;
    (void)x;
    (void)whole;
    pp_multipart_destroy(w->multipart);
    w->multipart = NULL;
}

static const struct pp_handler handler = {h_begin, h_body, h_end, h_pull, h_gone};

/* ---- the node ---- */

static int check_node(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    struct live_world *w = ctx;
    struct pp_certificate *c = NULL;
    int code = pp_certificate_parse(&c, der);
    if (code == PP_OK) {
        code = pp_authority_check(w->authority, c, PP_CERT_NODE, wall);
        *id = pp_certificate_node_id(c);
    }
    pp_certificate_free(c);
    return code;
}

static void start_node(struct live_world *w)
{
    struct pp_error error = {0};
    struct pp_validity always = {0, 4000000000};
    struct pp_server_options so;
    char address[20];
    snprintf(address, sizeof address, "127.3.%d.1", w->subnet);
    CHECK_FATAL(pp_address_parse(w->node.address, address) == PP_OK);
    CHECK_FATAL(pp_key_generate(&w->key) == PP_OK);
    CHECK_FATAL(pp_issue_node(&w->certificate, NULL, w->key, &always, &error) == PP_OK);
    w->tls = pp_tls_server(w->certificate, w->key, &error);
    CHECK_FATAL(w->tls != NULL);
    pp_server_options_default(&so);
    CHECK_FATAL(pp_server_create(&w->server, w->loop, w->workers, &so, &handler, w) == PP_OK);
    CHECK_FATAL(pp_server_listen(w->server, w->node.address, 0, w->tls, &w->node.http, &error) ==
                PP_OK);
    struct pp_overlay_options o = {
        .plugin = &peerpost_plugin,
        .plugin_options = mesh_options,
        .network_name = "live",
        .k = 3,
        .role = PP_MEMBER,
        .advertise_http = w->node.http,
        .key = w->key,
        .certificate = pp_buf_bytes(&w->certificate->der),
        .check = check_node,
        .check_ctx = w,
    };
    memcpy(o.listen, w->node.address, 16);
    int code = pp_overlay_open(&w->overlay, w->loop, &o, &error);
    CU_ASSERT_EQUAL(code, PP_OK);
    CHECK_FATAL(code == PP_OK);
    w->node = pp_overlay_self(w->overlay);
}

/* ---- the net ---- */

static const char *in(char out[100], const struct live_world *w, const char *name)
{
    snprintf(out, 100, "%s/%s", w->folder, name);
    return out;
}

void live_world_open_net(struct live_world *w, bool with_network)
{
    char journal[100], spool[100], quarantine[100], blobs[100], maildir[100], junk[100];
    char contact[32], bind[20];
    const char *contacts[] = {contact};
    struct pp_error error = {0};
    snprintf(contact, sizeof contact, "127.3.%d.1:%u", w->subnet, w->node.udp);
    snprintf(bind, sizeof bind, "127.3.%d.2", w->subnet);
    struct pp_net_live_options o = {
        .overlay = {.plugin = with_network ? &peerpost_plugin : NULL,
                    .plugin_options = mesh_options,
                    .network_name = "live",
                    .k = 3,
                    .contacts = contacts,
                    .n_contacts = with_network},
        .authority = w->authority,
        .bind = bind,
        .tls = true,
        .journal = in(journal, w, "journal"),
        .spool = in(spool, w, "spool"),
        .quarantine = in(quarantine, w, "quarantine"),
        .blobs = in(blobs, w, "blobs"),
        .maildir = in(maildir, w, "Maildir"),
        .junk = in(junk, w, "Maildir/.Junk"),
    };
    int code = pp_net_live_open(&w->net, w->loop, &o, &error);
    if (code != PP_OK) {
        fprintf(stderr, "%s\n", error.text);
    }
    CHECK_FATAL(code == PP_OK);
    w->mail = pp_net_live_mailnet(w->net);
}

static void on_limit(void *ctx)
{
    ((struct live_world *)ctx)->late = true;
}

static void make_folders(struct live_world *w)
{
    static const char *const names[] = {"spool", "quarantine", "blobs"};
    char path[100];
    snprintf(w->folder, sizeof w->folder, "/tmp/peerpost-live-XXXXXX");
    CHECK_FATAL(mkdtemp(w->folder) != NULL);
    for (size_t i = 0; i < 3; i++) {
        CHECK_FATAL(mkdir(in(path, w, names[i]), 0700) == 0);
    }
    CHECK_FATAL(pp_maildir_make(in(path, w, "Maildir"), NULL) == PP_OK);
    CHECK_FATAL(pp_maildir_make(in(path, w, "Maildir/.Junk"), NULL) == PP_OK);
}

void live_world_start(struct live_world *w, int subnet, bool with_node)
{
    memset(w, 0, sizeof *w);
    w->subnet = subnet;
    w->loop = pp_loop_create();
    w->workers = pp_workers_create(w->loop, 2, 64);
    w->limit = pp_timer_create(w->loop, on_limit, w);
    CHECK_FATAL(w->loop && w->workers && w->limit);
    CHECK_FATAL(pp_authority_load(&w->authority, NULL, NULL, false, NULL) == PP_OK);
    make_folders(w);
    if (with_node) {
        start_node(w);
    }
    live_world_open_net(w, with_node);
}

static int remove_one(const char *path, const struct stat *st, int kind, struct FTW *ftw)
{
    (void)st;
    (void)kind;
    (void)ftw;
    return remove(path);
}

void live_world_stop(struct live_world *w)
{
    pp_net_live_close(w->net);
    pp_overlay_close(w->overlay);
    pp_server_destroy(w->server);
    pp_workers_destroy(w->workers);
    pp_timer_destroy(w->limit);
    pp_loop_destroy(w->loop);
    pp_authority_free(w->authority);
    pp_certificate_free(w->certificate);
    EVP_PKEY_free(w->key);
    SSL_CTX_free(w->tls);
    pp_buf_free(&w->certificates);
    pp_buf_free(&w->object);
    nftw(w->folder, remove_one, 16, FTW_DEPTH | FTW_PHYS);
}

bool live_await(struct live_world *w, const int *counter, int n)
{
    w->late = false;
    pp_loop_turn(w->loop, false);
    pp_timer_set(w->limit, pp_loop_now(w->loop).mono + 15 * PP_SECOND);
    while (*counter < n && !w->late) {
        pp_loop_turn(w->loop, true);
    }
    pp_timer_set(w->limit, PP_NEVER);
    return *counter >= n;
}

/* ---- the act ---- */

static void a_wake(struct pp_act *act)
{
    struct live_act *a = (struct live_act *)act;
    a->woken++;
    if (a->refused) {
        a->world->mail.ops->resume(a->world->net, act, a->token);
    }
}

static void a_found(struct pp_act *act, uint64_t token, int code, const struct pp_peer *peers,
                    size_t n)
{
    struct live_act *a = (struct live_act *)act;
    a->found++;
    a->token = token;
    a->code = code;
    a->n_peers = n;
    if (n > 0) {
        memcpy(a->peers, peers, n * sizeof *peers);
    }
}

static void a_head(struct pp_act *act, uint64_t token, int status,
                   const struct pp_net_field *fields, size_t n)
{
    struct live_act *a = (struct live_act *)act;
    a->heads++;
    a->token = token;
    a->status = status;
    for (size_t i = 0; i < n; i++) {
        if (pp_bytes_is_nocase(fields[i].name, "x-kept")) {
            copy_text(a->text, sizeof a->text, fields[i].value);
        }
    }
}

static size_t a_data(struct pp_act *act, uint64_t token, struct pp_bytes bytes)
{
    struct live_act *a = (struct live_act *)act;
    a->token = token;
    size_t n = a->appetite && a->appetite < bytes.len ? a->appetite : bytes.len;
    a->data_calls++;
    if (n < bytes.len) { /* a slow reader */
        a->refused = true;
        a->world->mail.ops->wake(a->world->net, act, 1);
    }
    pp_buf_add(&a->body, bytes.data, n);
    return n;
}

static void a_ended(struct pp_act *act, uint64_t token, int error, const char *text)
{
    struct live_act *a = (struct live_act *)act;
    a->ended++;
    a->token = token;
    a->error = error;
    if (error) {
        snprintf(a->text, sizeof a->text, "%s", text);
    }
}

static void a_noted(struct pp_act *act, uint64_t token, int error)
{
    struct live_act *a = (struct live_act *)act;
    a->noted++;
    a->token = token;
    a->note_error = error;
}

static void a_kept(struct pp_act *act, uint64_t token, int error)
{
    struct live_act *a = (struct live_act *)act;
    a->kept++;
    a->token = token;
    a->keep_error = error;
}

void live_act_init(struct live_act *a, struct live_world *w)
{
    memset(a, 0, sizeof *a);
    a->act = (struct pp_act){a_wake, a_found, a_head, a_data, a_ended, a_noted, a_kept, NULL};
    a->world = w;
}
