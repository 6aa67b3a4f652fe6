/*
 * The HTTP client's libcurl side: the one file (but client_download.c) that knows it. Everything
 * libcurl wants (sockets, timer) it gets from the loop; what it says goes to client_call.c. See
 * client.h.
 */
#include <http/client_private.h>

#include <curl/curl.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <openssl/ssl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#define HEAD_MAX 32768
#define KEPT_SECONDS 25L /* less than a node keeps an idle connection */

_Static_assert(PP_CALL_TEXT >= CURL_ERROR_SIZE, "libcurl writes that much");

/* ---- what libcurl calls ---- */

static void show_head(struct pp_call *call)
{
    struct pp_field fields[PP_FIELDS_MAX];
    const char *line = (const char *)call->head.data;
    size_t n = 0;
    call->head_shown = true;
    for (size_t i = 0; i < call->n_fields; i++, line += strlen(line) + 1) {
        const char *colon = strchr(line, ':');
        if (colon) {
            const char *value = colon + 1 + strspn(colon + 1, " \t");
            fields[n++] = (struct pp_field){pp_bytes(line, (size_t)(colon - line)), pp_str(value)};
        }
    }
    call->events.head(call->ctx, call->status, fields, n);
}

static size_t on_head(char *data, size_t size, size_t n, void *ctx)
{
    struct pp_call *call = ctx;
    size_t len = size * n;
    if (call->cancelled) {
        return 0;
    }
    pp_call_touch(call);
    if (call->head_shown) {
        return len; /* trailers */
    }
    while (len > 0 && (data[len - 1] == '\r' || data[len - 1] == '\n' || data[len - 1] == ' ')) {
        len--;
    }
    if (len >= 12 && memcmp(data, "HTTP/", 5) == 0) {
        call->head.len = call->n_fields = 0;
        call->status = atoi(data + 9);
    } else if (len > 0) {
        if (call->n_fields == PP_FIELDS_MAX || call->head.len + len > HEAD_MAX ||
            memchr(data, '\0', len) || pp_buf_add(&call->head, data, len) ||
            pp_buf_add(&call->head, "", 1)) {
            pp_call_fail(call, PP_MALFORMED, "The answer's header is too large or malformed.");
            return 0;
        }
        call->n_fields++;
    } else if (call->status >= 200) {
        show_head(call);
    }
    return size * n;
}

static size_t on_data(char *data, size_t size, size_t n, void *ctx)
{
    struct pp_call *call = ctx;
    size_t len = size * n;
    if (call->cancelled) {
        return 0;
    }
    if (call->held.len > 0) {
        call->paused = true;
        return CURL_WRITEFUNC_PAUSE;
    }
    pp_call_touch(call);
    if (len > call->answer_max - call->received) {
        pp_call_fail(call, PP_TOO_BIG, "The answer is larger than was asked for.");
        return 0;
    }
    call->received += len;
    size_t took = call->events.data(call->ctx, pp_bytes(data, len));
    if (call->cancelled || (took < len && pp_buf_add(&call->held, data + took, len - took))) {
        return 0;
    }
    return len;
}

static size_t on_read(char *out, size_t size, size_t n, void *ctx)
{
    struct pp_call *call = ctx;
    if (call->cancelled) {
        return CURL_READFUNC_ABORT;
    }
    pp_call_touch(call);
    int64_t got = call->read(call->ctx, call->offset, out, size * n);
    if (got < 0 || (uint64_t)got > size * n) {
        pp_call_fail(call, PP_LOCAL, "The body to send could not be read.");
        return CURL_READFUNC_ABORT;
    }
    call->offset += (uint64_t)got;
    return (size_t)got;
}

static int on_seek(void *ctx, curl_off_t offset, int origin)
{
    struct pp_call *call = ctx;
    if (origin != SEEK_SET || offset < 0) {
        return CURL_SEEKFUNC_CANTSEEK;
    }
    call->offset = (uint64_t)offset;
    return CURL_SEEKFUNC_OK;
}

static int on_certificate(X509_STORE_CTX *store, void *ctx)
{
    struct pp_call *call = ctx;
    const struct pp_client_options *o = &call->client->options;
    X509 *leaf = X509_STORE_CTX_get0_cert(store);
    int err =
        leaf ? o->verify(o->verify_ctx, leaf, X509_STORE_CTX_get0_untrusted(store), &call->peer.id)
             : PP_IDENTITY;
    if (err) {
        pp_call_fail(call, err,
                     err == PP_IDENTITY ? "Another node than the one looked up answers there."
                                        : pp_error_text(err));
        X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
    }
    return err == 0;
}

/* "<40 hex>.peerpost.alt" of the connection: it may serve others than the call that opened it. */
static bool node_of(const SSL *ssl, struct pp_id *id)
{
    const char *host = SSL_get_servername(ssl, TLSEXT_NAMETYPE_host_name);
    return host && strlen(host) > 2 * PP_ID_LEN &&
           pp_unhex(id->b, PP_ID_LEN, pp_bytes(host, 2 * PP_ID_LEN)) == 0;
}

static int on_ticket(SSL *ssl, SSL_SESSION *session)
{
    struct pp_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct pp_id id;
    if (node_of(ssl, &id)) {
        pp_tickets_put(client->tickets, &id, session);
    }
    return 0; /* the session stays OpenSSL's */
}

/* libcurl makes the connection's SSL itself; this is the moment before its first message. */
static void on_handshake(const SSL *ssl, int where, int unused)
{
    struct pp_client *client = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
    struct pp_id id;
    (void)unused;
    if (where != SSL_CB_HANDSHAKE_START || SSL_get_session(ssl) || !node_of(ssl, &id)) {
        return;
    }
    SSL_SESSION *session = pp_tickets_take(client->tickets, &id, pp_loop_now(client->loop).wall);
    if (session) {
        SSL_set_session((SSL *)(uintptr_t)ssl, session);
        SSL_SESSION_free(session);
    }
}

static void use_tickets(SSL_CTX *ctx, struct pp_client *client)
{
    SSL_CTX_set_app_data(ctx, client);
    SSL_CTX_clear_options(ctx, SSL_OP_NO_TICKET);
    SSL_CTX_set_session_cache_mode(ctx, SSL_SESS_CACHE_CLIENT | SSL_SESS_CACHE_NO_INTERNAL);
    SSL_CTX_sess_set_new_cb(ctx, on_ticket);
    SSL_CTX_set_info_callback(ctx, on_handshake);
}

static CURLcode on_tls(CURL *easy, void *ssl_ctx, void *ctx)
{
    struct pp_call *call = ctx;
    const struct pp_client_options *o = &call->client->options;
    (void)easy;
    SSL_CTX_set_verify(ssl_ctx, SSL_VERIFY_PEER, NULL);
    SSL_CTX_set_cert_verify_callback(ssl_ctx, on_certificate, call);
    if (!call->client->proxy) {
        use_tickets(ssl_ctx, call->client);
    }
    if (o->certificate && o->key &&
        (SSL_CTX_use_certificate(ssl_ctx, o->certificate) != 1 ||
         SSL_CTX_use_PrivateKey(ssl_ctx, o->key) != 1)) {
        pp_call_fail(call, PP_LOCAL, "The client's certificate does not fit its key.");
        return CURLE_SSL_CERTPROBLEM;
    }
    return CURLE_OK;
}

/* ---- outcome ---- */

static int connect_error(struct pp_call *call)
{
    long os = 0;
    curl_easy_getinfo(call->easy, CURLINFO_OS_ERRNO, &os);
    bool here = os == ENETUNREACH || os == ENETDOWN || os == EADDRNOTAVAIL || os == EMFILE ||
                os == EACCES || os == EPERM;
    return here || call->client->proxy ? PP_LOCAL : PP_UNREACHABLE;
}

/* A proxy that works and says that the node does not. */
static int proxy_error(struct pp_call *call)
{
    long why = CURLPX_OK;
    curl_easy_getinfo(call->easy, CURLINFO_PROXY_ERROR, &why);
    bool node = why == CURLPX_REPLY_CONNECTION_REFUSED || why == CURLPX_REPLY_HOST_UNREACHABLE ||
                why == CURLPX_REPLY_NETWORK_UNREACHABLE || why == CURLPX_REPLY_TTL_EXPIRED ||
                why == CURLPX_REPLY_GENERAL_SERVER_FAILURE;
    return node ? PP_UNREACHABLE : PP_LOCAL;
}

static int outcome(struct pp_call *call, CURLcode code)
{
    switch ((int)code) {
    case CURLE_OK:
        return call->head_shown ? 0 : PP_MALFORMED;
    case CURLE_COULDNT_CONNECT:
        return connect_error(call);
    case CURLE_PROXY:
        return proxy_error(call);
    case CURLE_COULDNT_RESOLVE_PROXY:
    case CURLE_INTERFACE_FAILED:
    case CURLE_OUT_OF_MEMORY:
    case CURLE_FAILED_INIT:
        return PP_LOCAL;
    case CURLE_OPERATION_TIMEDOUT:
        return PP_TIMEOUT;
    case CURLE_WEIRD_SERVER_REPLY:
    case CURLE_UNSUPPORTED_PROTOCOL:
    case CURLE_BAD_CONTENT_ENCODING:
        return PP_MALFORMED;
    default:
        return PP_UNREACHABLE;
    }
}

static void reap(struct pp_client *client)
{
    int left;
    for (CURLMsg *m = curl_multi_info_read(client->multi, &left); m;
         m = curl_multi_info_read(client->multi, &left)) {
        if (m->msg != CURLMSG_DONE) {
            continue;
        }
        char *private = NULL;
        CURLcode code = m->data.result;
        curl_easy_getinfo(m->easy_handle, CURLINFO_PRIVATE, &private);
        struct pp_call *call = (struct pp_call *)(void *)private;
        int err = call->err ? call->err : outcome(call, code);
        if (err && !call->text[0]) {
            pp_call_fail(call, err, curl_easy_strerror(code));
        }
        pp_call_done(call, err);
    }
    pp_client_start_ready(client);
}

/* ---- libcurl on the loop ---- */

struct socket_watch {
    struct pp_client *client;
    struct pp_watch *watch;
    curl_socket_t fd;
};

static void act(struct pp_client *client, curl_socket_t fd, int mask)
{
    int running;
    client->inside = true;
    curl_multi_socket_action(client->multi, fd, mask, &running);
    client->inside = false;
    reap(client);
}

static void on_socket_ready(void *ctx, unsigned events)
{
    struct socket_watch *w = ctx;
    act(w->client, w->fd,
        (events & PP_READABLE ? CURL_CSELECT_IN : 0) |
            (events & PP_WRITABLE ? CURL_CSELECT_OUT : 0));
}

static int on_socket(CURL *easy, curl_socket_t fd, int what, void *ctx, void *watch)
{
    struct pp_client *client = ctx;
    struct socket_watch *w = watch;
    (void)easy;
    if (what == CURL_POLL_REMOVE) {
        if (w) {
            pp_watch_destroy(w->watch);
            free(w);
            curl_multi_assign(client->multi, fd, NULL);
        }
        return 0;
    }
    if (!w) {
        w = calloc(1, sizeof *w);
        if (!w || !(w->watch = pp_watch_create(client->loop, fd, on_socket_ready, w))) {
            free(w);
            return 0; /* an error would end the whole multi; this call's times end it */
        }
        w->client = client;
        w->fd = fd;
        curl_multi_assign(client->multi, fd, w);
    }
    pp_watch_set(w->watch, (what & CURL_POLL_IN ? PP_READABLE : 0u) |
                               (what & CURL_POLL_OUT ? PP_WRITABLE : 0u));
    return 0;
}

static int on_timer_wanted(CURLM *multi, long ms, void *ctx)
{
    struct pp_client *client = ctx;
    (void)multi;
    pp_timer_set(client->timer,
                 ms < 0 ? PP_NEVER : pp_loop_now(client->loop).mono + (pp_ns)ms * PP_MS);
    return 0;
}

static void on_timer(void *ctx)
{
    act(ctx, CURL_SOCKET_TIMEOUT, 0);
}

/* ---- a request ---- */

static void set_body(struct pp_call *call)
{
    CURL *e = call->easy;
    if (call->length >= 0) {
        curl_easy_setopt(e, CURLOPT_UPLOAD, 1L);
        curl_easy_setopt(e, CURLOPT_INFILESIZE_LARGE, (curl_off_t)call->length);
        curl_easy_setopt(e, CURLOPT_READFUNCTION, on_read);
        curl_easy_setopt(e, CURLOPT_READDATA, call);
        curl_easy_setopt(e, CURLOPT_SEEKFUNCTION, on_seek);
        curl_easy_setopt(e, CURLOPT_SEEKDATA, call);
        curl_easy_setopt(e, CURLOPT_UPLOAD_BUFFERSIZE, 65536L);
    }
    if (strcmp(call->method, "HEAD") == 0) {
        curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
    } else {
        curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, call->method);
    }
}

static void set_route(struct pp_call *call)
{
    const struct pp_client *client = call->client;
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_CONNECT_TO, call->connect_to);
    curl_easy_setopt(e, CURLOPT_PROXY, client->proxy ? client->proxy : "");
    curl_easy_setopt(e, CURLOPT_NOPROXY, "");
    if (client->proxy) {
        curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
    }
    if (client->proxy && call->circuit) {
        curl_easy_setopt(e, CURLOPT_PROXYUSERNAME, call->circuit);
        curl_easy_setopt(e, CURLOPT_PROXYPASSWORD, "peerpost");
    }
    if (client->bind) {
        curl_easy_setopt(e, CURLOPT_INTERFACE, client->bind);
    }
    if (client->options.tls) {
        /* libcurl's own checks are of host names and CAs; ours is of the node's key. */
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYPEER, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_VERIFYHOST, 0L);
        curl_easy_setopt(e, CURLOPT_SSLVERSION, (long)CURL_SSLVERSION_TLSv1_3);
        curl_easy_setopt(e, CURLOPT_SSL_SESSIONID_CACHE, 0L);
        curl_easy_setopt(e, CURLOPT_SSL_CTX_FUNCTION, on_tls);
        curl_easy_setopt(e, CURLOPT_SSL_CTX_DATA, call);
    }
}

static void set_manners(struct pp_call *call)
{
    CURL *e = call->easy;
    curl_easy_setopt(e, CURLOPT_PRIVATE, call);
    curl_easy_setopt(e, CURLOPT_URL, call->url);
    curl_easy_setopt(e, CURLOPT_PATH_AS_IS, 1L);
    curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http,https");
    curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
    curl_easy_setopt(e, CURLOPT_HTTPHEADER, call->fields);
    curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_head);
    curl_easy_setopt(e, CURLOPT_HEADERDATA, call);
    curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_data);
    curl_easy_setopt(e, CURLOPT_WRITEDATA, call);
    curl_easy_setopt(e, CURLOPT_ERRORBUFFER, call->text);
    curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
    curl_easy_setopt(e, CURLOPT_BUFFERSIZE, 65536L);
    curl_easy_setopt(e, CURLOPT_MAXAGE_CONN, KEPT_SECONDS);
    curl_easy_setopt(e, CURLOPT_CONNECTTIMEOUT_MS, (long)(call->connect_time / PP_MS));
}

bool pp_curl_begin(struct pp_call *call)
{
    call->easy = curl_easy_init();
    if (!call->easy) {
        return false;
    }
    set_manners(call);
    set_route(call);
    set_body(call);
    return curl_multi_add_handle(call->client->multi, call->easy) == CURLM_OK;
}

void pp_curl_stop(struct pp_call *call)
{
    if (call->easy) {
        curl_multi_remove_handle(call->client->multi, call->easy);
        curl_easy_cleanup(call->easy);
        call->easy = NULL;
    }
}

/* It may call back at once with what it kept; what has ended then is seen in its next turn. */
void pp_curl_unpause(struct pp_call *call)
{
    struct pp_client *client = call->client;
    client->inside = true;
    curl_easy_pause(call->easy, CURLPAUSE_CONT);
    client->inside = false;
}

bool pp_curl_fields(struct pp_call *call, const char *const *fields, size_t n)
{
    struct curl_slist *list = curl_slist_append(NULL, "Accept:"); /* libcurl adds one else */
    for (size_t i = 0; list && i < n; i++) {
        struct curl_slist *longer = curl_slist_append(list, fields[i]);
        if (!longer) {
            curl_slist_free_all(list);
        }
        list = longer;
    }
    call->fields = list;
    return list != NULL;
}

bool pp_curl_route(struct pp_call *call, const char *route)
{
    call->connect_to = curl_slist_append(NULL, route);
    return call->connect_to != NULL;
}

void pp_curl_free_lists(struct pp_call *call)
{
    curl_slist_free_all(call->fields);
    curl_slist_free_all(call->connect_to);
}

/* ---- the whole ---- */

static void global_init(void)
{
    curl_global_init(CURL_GLOBAL_DEFAULT);
}

int pp_curl_open(struct pp_client *c)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, global_init);
    c->multi = curl_multi_init();
    c->timer = pp_timer_create(c->loop, on_timer, c);
    if (!c->multi || !c->timer) {
        return PP_NOMEM;
    }
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, on_socket);
    curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, on_timer_wanted);
    curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
    curl_multi_setopt(c->multi, CURLMOPT_PIPELINING, (long)CURLPIPE_NOTHING);
    curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->options.connections);
    curl_multi_setopt(c->multi, CURLMOPT_MAX_TOTAL_CONNECTIONS, (long)c->options.connections);
    return 0;
}

void pp_curl_close(struct pp_client *c)
{
    curl_multi_cleanup(c->multi);
    pp_timer_destroy(c->timer);
}
