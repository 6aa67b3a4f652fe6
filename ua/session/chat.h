/*
 * A chat with somebody, for a command: in this process's own session, or through a serve that runs
 * already (control.h). The command does not know which. And the chat's history: the Chat folder.
 */
#ifndef PP_SESSION_CHAT_H
#define PP_SESSION_CHAT_H

#include <mail/chat.h>
#include <session/agent.h>

struct chat;
struct pp_loop;

struct chat_events {
    void (*heard)(void *ctx, const struct pp_heard *line);    /* a line of theirs */
    void (*line)(void *ctx, const struct pp_line_info *info); /* of the user's own lines to them */
    void (*listens)(void *ctx, unsigned nodes, unsigned of);
    void (*lost)(void *ctx); /* serve went away: the chat is over */
};

/* with: normal form. ! PP_NOMEM, PP_IO */
int chat_open(struct chat **chat, struct agent *agent, const char *with,
              const struct chat_events *events, void *ctx);
void chat_close(struct chat *chat); /* accepts NULL */
/* Says a line. ! PP_INVALID (empty or too long), PP_NOMEM, PP_IO */
int chat_say(struct chat *chat, struct pp_bytes text);
/* What runs it; for more watches and timers beside it. */
struct pp_loop *chat_loop(struct chat *chat);

/* --- history ------------------------------------------------------------------------------- */

struct chat_line {
    char *from, *id, *text, *file; /* file: its name in new/, NULL: seen before */
    uint64_t moment;
};
struct chat_history {
    struct chat_line *lines; /* by moment */
    size_t n, cap;
};
/* The lines between the user and `with`. ! PP_IO, PP_NOMEM */
int chat_history_read(struct chat_history *h, struct pp_config *config, const char *with,
                      struct pp_error *error);
void chat_history_finish(struct chat_history *h);
/* A line was shown. */
void chat_seen(struct pp_config *config, const char *file);

#endif
