/*
 * A delivered message for people, by GMime: parsed from its file, its decoded subject, who signed
 * it by the word of the agent that delivered it. What shows messages (a terminal, a page) shares
 * this; it knows neither.
 */
#ifndef PP_SESSION_READING_H
#define PP_SESSION_READING_H

#include <gmime/gmime.h>
#include <peerpost/bytes.h>
#include <stdbool.h>

/* NULL: no such file (errno), or no message. The caller's (g_object_unref). After g_mime_init. */
GMimeMessage *reading_parse(const char *path);
/* A header's raw text with its encoded words (RFC 2047) decoded; "(no subject)" for an empty one.
 * The caller's (g_free). */
char *reading_subject(struct pp_bytes raw);
/* The value of Authentication-Results as delivery wrote it: true: signed, *by whom ("": it does not
 * say). false: *why not ("": nothing more is known). Both point into it; results may be NULL. */
bool reading_signature(const char *results, const char **by, const char **why);

#endif
