/*
 * Private to seal/: a notification's content as text (docs/protocol.md, "Message formats").
 */
#ifndef PP_SEAL_NOTIFICATION_TEXT_H
#define PP_SEAL_NOTIFICATION_TEXT_H

#include <seal/seal.h>

/* How it begins; nothing else that is ever signed begins so. */
#define PP_NOTIFICATION_HEAD "Content-Type: application/vnd.peerpost.notification\r\n\r\n"

/* Appends to `text`, which must have room for all of it beforehand (PP_NOTIFICATION_ROOM): the keys
 * in it are then never left behind by a move. ! PP_TOO_BIG */
#define PP_NOTIFICATION_ROOM 65536
int pp_notification_encode(struct pp_buf *text, const struct pp_notification *n);
/* n zeroed before; to be finished after an error too. ! PP_MALFORMED, PP_NOMEM */
int pp_notification_decode(struct pp_notification *n, struct pp_bytes text);

#endif
