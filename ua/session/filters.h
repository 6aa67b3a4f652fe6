/*
 * The lists of senders that the configuration names: known spammers (fetched again when it is
 * time), known senders. They outlive the mail agent that asks them. The note "flist": when the
 * list was last tried to be fetched.
 */
#ifndef PP_SESSION_FILTERS_H
#define PP_SESSION_FILTERS_H

#include <config/config.h>
#include <io/loop.h>
#include <mail/mail.h>
#include <stdatomic.h>

struct filters {
    struct pp_addresses *blocked, *listed;
    struct pp_config *config;
    struct pp_workers *workers; /* while the list of spammers is being fetched */
    bool idle;                  /* it is not */
    atomic_bool stop;
    const char *url, *path, *proxy;
    struct pp_error error; /* of the last fetch .. */
    int code;              /* .. and its answer */
};

/* Fills in what the mail agent is to ask. ! PP_NOMEM, PP_CONFIG */
int filters_open(struct filters *f, struct pp_config *config, struct pp_mail_options *o,
                 struct pp_error *error);
/* Fetches the list of known spammers on a worker when it is older than its period (a try that
 * failed: an hour); the one at hand serves until then. idle is set when it is over, and a failure
 * said. false: there is none at hand yet, and it is being fetched. */
bool filters_refresh(struct filters *f, struct pp_mail *mail, struct pp_loop *loop);
void filters_close(struct filters *f); /* stops a fetch that runs */

#endif
