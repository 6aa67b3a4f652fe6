/* Somebody of the fake world who chats: waits for mail, hears, says. */
#ifndef TALKER_H
#define TALKER_H

#include "people.h"

#include <mail/chat.h>
#include <mail/vigil.h>

struct talker {
    struct person *p;
    struct pp_ear ear; /* with "" nobody: then what comes is mail */
    struct pp_vigil *vigil;
    struct pp_read *read;
    struct pp_outbox *box;
    char due[4096]; /* hashes that came while a read ended */
    /* what was told */
    char heard[64][64];
    unsigned n_heard, came;
    unsigned taken, sent, waits, complete, failed;
    unsigned copies, wanted; /* of the last line */
    char why[200];
    unsigned nodes, of;
    unsigned bad; /* notifications set aside */
    bool idle;
};

void talker_start(struct talker *t, struct person *p, const char *with);
/* As when the process ends or is killed; the disk stays. */
void talker_stop(struct talker *t);
void talker_say(struct talker *t, const char *to, const char *text);
/* Lets time pass for it. */
void talker_run(struct talker *t, pp_ns time);

#endif
