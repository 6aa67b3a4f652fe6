/*
 * The lists of senders that the configuration names: known spammers (fetched again when it is
 * time), known senders. They outlive the mail agent that asks them.
 */
#ifndef PP_SESSION_FILTERS_H
#define PP_SESSION_FILTERS_H

#include <config/config.h>
#include <mail/mail.h>

struct filters {
    struct pp_addresses *blocked, *listed;
};

/* Fills in what the mail agent is to ask. ! PP_NOMEM, PP_CONFIG */
int filters_open(struct filters *f, struct pp_config *config, struct pp_mail_options *o,
                 struct pp_error *error);
void filters_close(struct filters *f);

#endif
