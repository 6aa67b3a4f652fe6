/*
 * peerpost serve: the user's mail agent in the background. It fetches by itself, works on the
 * queue as soon as anybody spools, and answers mail readers on this computer (SMTP submission,
 * POP3, web page) and the other commands (control socket). It holds the user's journal; a command
 * that has no request of its own may borrow it.
 */
#ifndef PP_SERVE_SERVE_H
#define PP_SERVE_SERVE_H

#include <config/config.h>
#include <peerpost/bytes.h>

struct serve;

/* Everything listens when it returns. The configuration is borrowed.
 * ! PP_BUSY (another process of the user), PP_CONFIG, PP_IO, and as session_open */
int serve_open(struct serve **serve, struct pp_config *config, struct pp_error *error);
/* Until SIGTERM or SIGINT. */
void serve_run(struct serve *serve);
void serve_close(struct serve *serve); /* accepts NULL */
/* The port that a part ("smtp", "pop3", "http") listens at; 0: it is off. */
uint16_t serve_port(const struct serve *serve, const char *part);

/* What mail readers log in with: made at its first use, in user.state/serve.password (0600).
 * ! PP_IO, PP_DENIED (others may read the file), PP_FORMAT */
int serve_password(struct pp_buf *out, struct pp_config *config, struct pp_error *error);

#endif
