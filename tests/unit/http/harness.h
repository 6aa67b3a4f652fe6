/*
 * A server with a small application, and raw clients, all on one loop in one thread: a test says
 * what octets go in and awaits what comes out. No clock but the loop's, no sleep.
 */
#ifndef HTTP_HARNESS_H
#define HTTP_HARNESS_H

#include <check.h>
#include <http/server.h>
#include <openssl/types.h>

struct app {
    struct pp_loop *loop;
    struct pp_workers *workers;
    struct pp_server *server;
    uint16_t port;
    struct pp_buf log;           /* "begin /a;body 3;end;gone 1;" */
    struct pp_exchange *waiting; /* the exchange of /later */
    size_t body_octets, greed;   /* greed: octets of a body taken a call; 0: all */
    bool drained;
    int file;           /* what /file sends */
    uint8_t source[16]; /* of the last exchange */
    size_t certificate_len;
};

extern const uint8_t app_loopback[16]; /* 127.0.0.1 */
#define APP_FILE_OCTETS 300000u
uint8_t app_octet(size_t at); /* of /big and /file */

/* options NULL: the defaults. tls NULL: plain. */
void app_start(struct app *app, const struct pp_server_options *options, SSL_CTX *tls);
void app_stop(struct app *app);

struct peer {
    struct app *app;
    struct pp_watch *watch;
    int fd;
    struct pp_buf in;
    bool eof, reset, reading;
};

void peer_open(struct peer *peer, struct app *app);
void peer_send(struct peer *peer, const void *data, size_t len); /* turns the loop until it went */
void peer_say(struct peer *peer, const char *text);
/* Turns the loop until that text has come n times, or the connection ends. Was it there? */
bool peer_await(struct peer *peer, const char *text, size_t times);
bool peer_await_octets(struct peer *peer, size_t n);
void peer_await_end(struct peer *peer);
void peer_read(struct peer *peer, bool on); /* a client that does not read */
void peer_close(struct peer *peer);
size_t peer_count(const struct peer *peer, const char *text);
bool app_logged(const struct app *app, const char *text);
void app_await(struct app *app, const char *text); /* in the log */

/* A self-signed certificate with a fresh key, and a TLS 1.3 server's context with both, which asks
 * a client for its certificate and takes any. */
struct tls_identity {
    EVP_PKEY *key;
    X509 *certificate;
    SSL_CTX *server;
};
void tls_identity_make(struct tls_identity *identity);
void tls_identity_free(struct tls_identity *identity);

#endif
