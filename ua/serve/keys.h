/*
 * The user's keys while serve runs: other processes change them (enrol, import, passphrase), and
 * serve takes the new ones at once. Watches the files; knows not what they are used for.
 */
#ifndef PP_SERVE_KEYS_H
#define PP_SERVE_KEYS_H

#include <config/config.h>
#include <io/loop.h>
#include <session/identity.h>

struct keys;

/* Opens `who`, which stays the caller's to finish after keys_close, and exchanges it for the new
 * one before `changed` is called (from the loop). New keys that do not open are logged, and the old
 * ones stay. ! PP_IO, PP_NOMEM, and as identity_open */
int keys_open(struct keys **keys, struct pp_config *config, struct pp_loop *loop,
              struct identity *who, void (*changed)(void *ctx), void *ctx, struct pp_error *error);
void keys_close(struct keys *keys); /* accepts NULL */

#endif
