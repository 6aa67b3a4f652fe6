/*
 * One pass over a message, as send.c (the order of steps), send_body.c (objects) and send_notice.c
 * (notifications) share it. Not for others.
 */
#ifndef PP_MAIL_SEND_PASS_H
#define PP_MAIL_SEND_PASS_H

#include <mail/append.h>
#include <mail/directory.h>
#include <mail/send.h>
#include <mail/spread.h>
#include <seal/seal.h>

#define PP_SEND_PARALLEL 32

struct pp_send_group {
    struct pp_send *send;
    uint32_t index;
    struct pp_spread spread;
    struct pp_blob *blob; /* the sealed object */
    struct pp_buf set;    /* PEM */
    bool running, ended, reached, squatted;
    unsigned restarts;
};

struct pp_send_recipient {
    struct pp_send *send;
    uint32_t index;
    struct pp_find *find;
    struct pp_certificate *certificate;
    struct pp_spread spread;
    struct pp_buf sealed;
    struct pp_append append;
    bool resolved, running, ended;
};

enum pp_send_token {
    PP_SEND_KEPT,
    PP_SEND_PLANNED,
    PP_SEND_PASSED,
    PP_SEND_CLEARED,
    PP_SEND_COPIED,
    PP_SEND_NOTICE
};

struct pp_send {
    struct pp_act act; /* first */
    struct pp_mail *mail;
    char name[80];
    struct pp_job job;
    struct pp_blob *spool;
    uint64_t message_at, message_size;         /* in the spool blob */
    struct pp_buf from, to, cc, subject, date; /* for notifications */
    struct pp_send_group **groups;
    struct pp_send_recipient **recipients;
    size_t n_groups;
    size_t sealing;  /* the group being kept */
    unsigned active; /* spreads and finds under way */
    bool storing, ending, partition, drop, cancelled;
    bool automatic;   /* a program wrote it */
    bool was_planned; /* its own copy, too, was kept */
    char copy[65];    /* the name of that */
    int failed;
    char why[300];
    struct pp_send_events events;
    void *ctx;
};

/* send.c */
void pp_send_changed(struct pp_send *send);
void pp_send_fail(struct pp_send *send, int code, const char *what);
void pp_send_next(struct pp_send *send); /* starts what may start; ends the pass */
void pp_send_note_key(struct pp_buf *out, const struct pp_send *send, uint32_t recipient);
void pp_send_blob_name(char out[112], const struct pp_send *send, uint32_t group);

/* send_record.c */
void pp_send_job_key(struct pp_buf *out, const char *name);

/* send_body.c */
int pp_send_make_groups(struct pp_send *send);
/* Seals the next group that is not, and keeps it; false: none is left. */
bool pp_send_seal_next(struct pp_send *send);
void pp_send_kept(struct pp_send *send, int error);
void pp_send_start_store(struct pp_send_group *g);
void pp_send_group_finish(struct pp_send_group *g);

/* send_notice.c */
void pp_send_start_notice(struct pp_send_recipient *r);
void pp_send_noticed(struct pp_send *send, uint32_t recipient); /* its note is durable */

/* send_copy.c: the sender's own. True: it is being kept, pp_send_next goes on after. */
bool pp_send_copy(struct pp_send *send);
void pp_send_copied(struct pp_send *send, int error);

#endif
