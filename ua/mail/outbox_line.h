/*
 * A line on its way, as outbox.c (the order of lines, notes, ends) and outbox_line.c (one line to
 * the nodes of its inbox) share it. Not for others.
 */
#ifndef PP_MAIL_OUTBOX_LINE_H
#define PP_MAIL_OUTBOX_LINE_H

#include <mail/append.h>
#include <mail/chat.h>
#include <mail/directory.h>
#include <mail/job.h>

#define PEERS_KEPT 8

struct pp_line {
    struct pp_act act; /* first */
    struct pp_line *next;
    struct pp_outbox *box;
    char id[64];
    uint64_t moment; /* milliseconds */
    char after[64];  /* the line said to them just before */
    struct pp_buf to, inbox, text;
    struct pp_buf have; /* ids of nodes that acknowledged it */
    uint32_t wanted;
    struct pp_find *find;
    struct pp_certificate *certificate;
    struct pp_spread spread;
    struct pp_append append;
    struct pp_buf sealed;
    bool noted, copied, running, partition;
    bool over;      /* leaves once its copy is in the Chat folder */
    pp_ns next_try; /* mono */
    unsigned attempts, told;
    char why[200];
};

/* Who holds an inbox: for some minutes no look-up is needed for each line. */
struct pp_line_place {
    struct pp_id key;
    struct pp_peer peers[PP_K_MAX];
    size_t n;
    pp_ns until;
};

struct pp_outbox {
    struct pp_act act; /* first: its timer */
    struct pp_mail *mail;
    struct pp_outbox_events events;
    void *ctx;
    struct pp_line *lines; /* in the order of their moments */
    uint64_t last;         /* moment */
    struct pp_buf last_to; /* whom the last line was said to .. */
    char last_id[64];      /* .. its id .. */
    pp_ns last_said;       /* .. and when; mono */
    struct pp_line_place places[PEERS_KEPT];
    unsigned next_place;
};

/* outbox.c */
bool pp_line_is_sent(const struct pp_line *line);
void pp_line_tell(struct pp_line *line, enum pp_line_state state);
/* The attempt is over. hopeless: no other will do better. */
void pp_line_settle(struct pp_line *line, bool hopeless);
void pp_outbox_stir(struct pp_outbox *box);

/* outbox_line.c */
/* Finds the recipient's certificate, seals, appends; ends in pp_line_settle. */
void pp_line_start(struct pp_line *line);

#endif
