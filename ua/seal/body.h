/*
 * Private to seal/: what making and opening a body share.
 */
#ifndef PP_SEAL_BODY_H
#define PP_SEAL_BODY_H

/* The header lines before a message that nobody signed. */
#define PP_BODY_HEAD                                                                               \
    "MIME-Version: 1.0\r\n"                                                                        \
    "Content-Type: message/rfc822\r\n"                                                             \
    "Content-Transfer-Encoding: binary\r\n"                                                        \
    "\r\n"

#endif
