/*
 * Users of the fake world: each with a disk and process of his own over the same nodes. Verbs for
 * tests: person, publish, spool, pass, fetch, reboot.
 */
#ifndef PEOPLE_H
#define PEOPLE_H

#include "fake_net.h"

#include <identities.h>
#include <mail/directory.h>
#include <mail/envelope.h>
#include <mail/publish.h>
#include <mail/read.h>
#include <mail/send.h>

struct person {
    struct pp_net_impl *net; /* own disk and events; nodes shared */
    struct pp_mail *mail;
    struct pp_mail_options options;
    struct pp_authority *authority;
    struct pp_certificate *certificate;
    EVP_PKEY *key;
    const char *address;
    /* of the last act */
    bool done, finished;
    int code;
    struct pp_job_progress progress;
    struct pp_read_result read;
    unsigned copies;
    char why[400], letter_why[300], signature[400];
    enum pp_letter_end letter;
};

struct world {
    struct identities ids;
    struct pp_net_impl *nodes; /* owns the nodes */
};

void world_init(struct world *w, size_t nodes);
void world_finish(struct world *w);
void person_init(struct person *p, struct world *w, const char *address);
void person_finish(struct person *p);
/* The process starts: objects anew from the disk. */
void person_boot(struct person *p);
/* It is gone (killed, or ended); the disk stays. */
void person_halt(struct person *p);
void person_publish(struct person *p);
/* Spools a message for these recipients (NULL ends; a leading '*' means Bcc). */
void person_spool(struct person *p, const char *name, const char *message,
                  const char *const *recipients);
/* One pass; false when killed in it. */
bool person_pass(struct person *p, const char *name);
bool person_fetch(struct person *p, const struct pp_read_options *options);
/* Time of all disks moves on together. */
void person_wait(struct person *p, pp_ns time);

#endif
