/*
 * What the parts of `peerpost serve` (SMTP, POP3, web page, control socket) see of it, and what
 * each of them is to it: one row of serve.c's table.
 */
#ifndef PP_SERVE_PARTS_H
#define PP_SERVE_PARTS_H

#include <io/stream.h>
#include <serve/serve.h>
#include <serve/work.h>
#include <session/session.h>

/* All live as long as the serve. */
struct pp_loop *serve_loop(const struct serve *s);
struct pp_workers *serve_workers(const struct serve *s); /* for what blocks */
struct pp_config *serve_config(const struct serve *s);
const char *serve_address(const struct serve *s); /* the user's, normal form */
const char *serve_spool(const struct serve *s);
const char *serve_maildir(const struct serve *s);
const char *serve_blobs(const struct serve *s); /* for temporary files */
struct work *serve_work(const struct serve *s);

/* Is this the user's name (address or what stands before the "@") and password? Takes the same time
 * for every password. */
bool serve_login(const struct serve *s, struct pp_bytes user, struct pp_bytes password);
/* May she send as this address? */
bool serve_is_own(const struct serve *s, struct pp_bytes address);

/* Listens where the option says ("ADDRESS:PORT"; PORT 0 picks one). *listener NULL: it is empty.
 * ! PP_CONFIG (no address of this computer alone), PP_IO */
int serve_listen(struct pp_listener **listener, struct serve *s, const char *option,
                 pp_accepted_fn *fn, void *ctx, struct pp_error *error);
/* The same without a listener: address and port. *on false: it is empty. ! PP_CONFIG */
int serve_endpoint(const struct serve *s, const char *option, bool *on, uint8_t address[16],
                   uint16_t *port, struct pp_error *error);

/* A part's life. *part NULL after success: its option is empty. */
struct serve_part {
    const char *name;
    int (*open)(void **part, struct serve *s, struct pp_error *error);
    uint16_t (*port)(const void *part);
    void (*close)(void *part);
};
extern const struct serve_part serve_smtp, serve_pop3, serve_control, serve_web;

#endif
