/*
 * The log: one line an event to standard error (or a file), with level and component. Addresses,
 * subjects and object ids never enter it: pp_log_tag gives 8 hexadecimal digits of a hash keyed at
 * each start instead. Thread-safe.
 */
#ifndef PP_BASE_LOG_H
#define PP_BASE_LOG_H

#include <peerpost/bytes.h>

enum pp_log_level { PP_LOG_ERROR, PP_LOG_WARN, PP_LOG_INFO, PP_LOG_DEBUG };

/* Messages above `level` are dropped. path NULL or "-": standard error. Reopen with the same call
 * (SIGHUP). Returns 0 or PP_IO. */
int pp_log_open(const char *path, enum pp_log_level level);
/* "error", "warn", "info", "debug"; negative when none of them. */
int pp_log_level(const char *name);
void pp_log(enum pp_log_level level, const char *component, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
bool pp_log_wants(enum pp_log_level level);
/* A per-boot pseudonym of some octets: the same all through one run, another in the next. */
void pp_log_tag(char out[9], struct pp_bytes secret_thing);

#endif
