/*
 * The control socket of `peerpost serve` (user.state/control): how other processes of the user ask
 * it for what only the holder of the journal can do. A request is one line of JSON, each answer is
 * one; the last answer of a request is the one that holds "done", "told", "lent" or "error".
 *
 *   {"command":"fetch","headers_only":B,"keep":B}   {"letter":{..}} ..       {"done":{..}}
 *   {"command":"send","name":N}                     {"progress":{..}} ..     {"told":{..}}
 *   {"command":"run"} (the whole queue)             {"pass":{..}} ..         {"done":{}}
 *   {"command":"drop","name":N}                                              {"told":{..}}
 *   {"command":"notes","prefix":P}                  {"key":K,"value":V} ..   {"done":{}}
 *   {"command":"lend"}                                                       {"lent":true}
 *   {"command":"chat","with":A}      {"heard":{..}}, {"line":{..}}, {"listens":{..}} from now on
 *   {"command":"say","text":T} (then)                              answered by "line"s alone
 *
 * "lend" gives the journal away until the connection ends: so every command works beside serve.
 * Octets from others are base64. Knows no command's meaning.
 */
#ifndef PP_SESSION_CONTROL_H
#define PP_SESSION_CONTROL_H

#include <jansson.h>
#include <mail/chat.h>
#include <mail/read.h>
#include <session/runner.h>

#define CONTROL_LINE_MAX 65536

/* --- a client ------------------------------------------------------------------------------ */

struct control;

/* ! PP_NOT_FOUND (nobody serves), PP_IO, PP_NOMEM */
int control_open(struct control **control, struct pp_config *config);
void control_close(struct control *control);   /* accepts NULL */
int control_fd(const struct control *control); /* readable: answers came */
/* Takes over `request`. ! PP_IO, PP_NOMEM */
int control_ask(struct control *control, json_t *request);
/* The next answer, owned by the caller; waits so long (PP_NEVER: on). ! PP_TIMEOUT, PP_IO (it went
 * away), PP_MALFORMED */
int control_answer(struct control *control, json_t **answer, pp_ns patience);
/* Has the journal given away until the connection ends. ! PP_BUSY, PP_IO */
int control_borrow(struct control *control);

/* --- what goes over it --------------------------------------------------------------------- */

void control_path(char *out, size_t cap, struct pp_config *config);
json_t *control_octets(struct pp_bytes octets);
/* Appends the octets of a member; a missing one adds none. ! PP_MALFORMED */
int control_to_octets(struct pp_buf *out, const json_t *object, const char *member);

json_t *control_letter(const struct pp_letter_info *info);
json_t *control_read_result(const struct pp_read_result *result);
json_t *control_progress(const struct pp_job_progress *p);
/* A line of a chat, the user's own or (file not NULL) one of theirs. */
json_t *control_line(const struct pp_line_info *info, const char *file);
json_t *control_runner_result(const struct runner_result *result);

/* A letter as it came over the socket; `info` points into it. */
struct control_letter {
    struct pp_letter_info info;
    struct pp_notification notification;
    struct pp_buf text[3]; /* file, signature, why */
};
int control_to_letter(struct control_letter *letter, const json_t *object); /* ! PP_MALFORMED */
void control_letter_finish(struct control_letter *letter);
/* A line as it came over the socket; `info` and file point into it; info.to is not there. */
struct control_line {
    struct pp_line_info info;
    const char *file;
    struct pp_buf text[4]; /* id, text, why, file */
};
int control_to_line(struct control_line *line, const json_t *object); /* ! PP_MALFORMED */
void control_line_finish(struct control_line *line);
void control_to_read_result(struct pp_read_result *result, const json_t *object);
void control_to_progress(struct pp_job_progress *p, const json_t *object);
void control_to_runner_result(struct runner_result *result, const json_t *object);

#endif
