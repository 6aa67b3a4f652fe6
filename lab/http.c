/*
 * One blocking GET, for observing a lab: plain to an administrator's port, or TLS 1.3 with proof of
 * the node's id as a user agent demands it. The source is an address of 127.3.0.0/16 of its own, so
 * that a lab's questions never use up what the nodes allow a user's source.
 */
#include <lab/lab.h>

#include <arpa/inet.h>
#include <base/hash.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <unistd.h>

#define PATIENCE_SECONDS 5

struct link {
    int fd;
    SSL_CTX *context;
    SSL *tls; /* NULL: plain */
};

static struct sockaddr_in endpoint(const char *address, unsigned port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    inet_pton(AF_INET, address, &to.sin_addr);
    return to;
}

/* 127.1.x.y asked from 127.3.r.s. */
static struct sockaddr_in observer(void)
{
    uint8_t r[2];
    char text[16];
    pp_random(r, sizeof r);
    snprintf(text, sizeof text, "127.3.%u.%u", r[0], r[1] % 250 + 1);
    return endpoint(text, 0);
}

static int connect_to(const char *address, unsigned port)
{
    struct sockaddr_in to = endpoint(address, port), from = observer();
    struct timeval patience = {.tv_sec = PATIENCE_SECONDS};
    int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (fd < 0) {
        return -1;
    }
    setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &patience, sizeof patience);
    setsockopt(fd, SOL_SOCKET, SO_SNDTIMEO, &patience, sizeof patience);
    if (bind(fd, (struct sockaddr *)&from, sizeof from) != 0 ||
        connect(fd, (struct sockaddr *)&to, sizeof to) != 0) {
        close(fd);
        return -1;
    }
    return fd;
}

/* Is the other side's key the one whose hash is the id? */
static bool proves(SSL *tls, const char *id)
{
    X509 *certificate = SSL_get1_peer_certificate(tls);
    unsigned char *der = NULL;
    int len = certificate ? i2d_X509_PUBKEY(X509_get_X509_PUBKEY(certificate), &der) : -1;
    bool same = false;
    if (len > 0) {
        char text[41];
        struct pp_id found = pp_id_of_key(pp_bytes(der, (size_t)len));
        pp_hex(text, found.b, sizeof found.b);
        same = strcmp(text, id) == 0;
    }
    OPENSSL_free(der);
    X509_free(certificate);
    return same;
}

static int open_tls(struct link *link, const char *id)
{
    char host[64];
    link->context = SSL_CTX_new(TLS_client_method());
    if (!link->context) {
        return PP_CRYPTO;
    }
    SSL_CTX_set_min_proto_version(link->context, TLS1_3_VERSION);
    SSL_CTX_set_verify(link->context, SSL_VERIFY_NONE, NULL); /* the id is the proof: proves() */
    link->tls = SSL_new(link->context);
    snprintf(host, sizeof host, "%s.peerpost.alt", id);
    if (!link->tls || !SSL_set_fd(link->tls, link->fd) ||
        !SSL_set_tlsext_host_name(link->tls, host) || SSL_connect(link->tls) != 1) {
        return PP_UNREACHABLE;
    }
    return proves(link->tls, id) ? PP_OK : PP_IDENTITY;
}

static void close_link(struct link *link)
{
    SSL_free(link->tls);
    SSL_CTX_free(link->context);
    close(link->fd);
}

static bool send_all(struct link *link, const struct pp_buf *text)
{
    for (size_t at = 0; at < text->len;) {
        size_t left = text->len - at;
        ssize_t n = link->tls ? SSL_write(link->tls, text->data + at, (int)left)
                              : send(link->fd, text->data + at, left, MSG_NOSIGNAL);
        if (n <= 0) {
            return false;
        }
        at += (size_t)n;
    }
    return true;
}

static int receive_all(struct link *link, struct pp_buf *answer, size_t max)
{
    char piece[4096];
    for (;;) {
        ssize_t n = link->tls ? SSL_read(link->tls, piece, sizeof piece)
                              : recv(link->fd, piece, sizeof piece, 0);
        if (n <= 0) {
            return answer->len ? PP_OK : PP_UNREACHABLE;
        }
        if (answer->len + (size_t)n > max) {
            return PP_TOO_BIG;
        }
        if (pp_buf_add(answer, piece, (size_t)n)) {
            return PP_NOMEM;
        }
    }
}

/* HTTP/1.0: the body ends with the connection, so no chunks. */
static int exchange(struct link *link, const char *address, const char *tls_id, const char *target,
                    size_t max, struct pp_buf *body, int *status)
{
    struct pp_buf request = {0}, answer = {0};
    pp_buf_printf(&request, "GET %s HTTP/1.0\r\nHost: %s%s\r\n\r\n", target,
                  tls_id ? tls_id : address, tls_id ? ".peerpost.alt" : "");
    int code = send_all(link, &request) ? PP_OK : PP_UNREACHABLE;
    code = code ? code : receive_all(link, &answer, max + 8192);
    if (!code) {
        const char *text = (const char *)answer.data, *end = strstr(text, "\r\n\r\n");
        if (!end || strncmp(text, "HTTP/1.", 7) != 0 || answer.len < 12) {
            code = PP_MALFORMED;
        } else {
            *status = (int)strtol(text + 9, NULL, 10);
            code = pp_buf_add(body, end + 4, answer.len - (size_t)(end + 4 - text));
        }
    }
    pp_buf_free(&request);
    pp_buf_free(&answer);
    return code;
}

int lab_get(const char *address, unsigned port, const char *tls_id, const char *target, size_t max,
            struct pp_buf *body, int *status)
{
    struct link link = {.fd = connect_to(address, port)};
    *status = 0;
    if (link.fd < 0) {
        return PP_UNREACHABLE;
    }
    int code = tls_id ? open_tls(&link, tls_id) : PP_OK;
    code = code ? code : exchange(&link, address, tls_id, target, max, body, status);
    close_link(&link);
    return code;
}
