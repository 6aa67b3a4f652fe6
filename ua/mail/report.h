/*
 * A delivery report (RFC 3464) to the user herself: a message that could not be delivered in time.
 */
#ifndef PP_MAIL_REPORT_H
#define PP_MAIL_REPORT_H

#include <mail/job.h>
#include <mail/mail.h>
#include <mail/sent.h>

/* Puts the report into the user's own Maildir; act->kept comes with the token, PP_EXISTS when an
 * earlier try had put it there. */
void pp_report_keep(struct pp_mail *mail, struct pp_act *act, const char *name,
                    const struct pp_job *job, uint64_t token);
/* The same for a message whose life ended before all had read it. */
void pp_report_expired(struct pp_mail *mail, struct pp_act *act, const char *name,
                       const struct pp_sent *sent, uint64_t token);

/* The report is noted: its link in tmp/, by which a second try would know it, goes. */
void pp_report_settle(struct pp_mail *mail, const char *name);
void pp_report_expired_settle(struct pp_mail *mail, const char *name);

#endif
