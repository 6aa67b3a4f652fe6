/*
 * Computers of one user in the fake world, each with a disk, a Maildir and a process of its own;
 * see people.h and fake_box.h. Verbs for tests: round, sync, settle, same, reboot.
 */
#ifndef COMPUTERS_H
#define COMPUTERS_H

#include "fake_box.h"
#include "people.h"

struct computer {
    struct person p;
    struct fake_box box;
    const char *name;
    bool full, deletions;
    struct pp_sync_result r;
};

extern struct world w;
extern struct computer home, office; /* made by computers_begin, with one key */

void computers_begin(void);
void computers_end(void);
/* Another one; with the key of `as`, or, NULL, with one of its own. */
void computer_begin(struct computer *c, const char *name, const struct computer *as);
void computer_end(struct computer *c);
/* One round of synchronising; false: killed in it. */
bool computer_round(struct computer *c);
/* The `done` of a round that a test starts itself; ctx: the computer. */
void computer_done(void *ctx, const struct pp_sync_result *result);
/* One that succeeds. */
void computer_sync(struct computer *c);
void computer_reboot(struct computer *c);
/* Rounds of home and office until they have the same. */
void computers_settle(void);
void computers_same(const struct computer *a, const struct computer *b);

#endif
