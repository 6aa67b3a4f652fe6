/* What the cases of the store suite share: judging a rule, stores at fresh paths, small acts. */
#ifndef STORE_KIT_H
#define STORE_KIT_H

#include "store_suite.h"

/* A rule: its sentence is what a plugin's author reads. On a breach the case ends. */
#define RULE(s, holds, ...)                                                                        \
    do {                                                                                           \
        if (!(holds)) {                                                                            \
            kit_breach(s, __FILE__, __LINE__, #holds, __VA_ARGS__);                                \
            return;                                                                                \
        }                                                                                          \
    } while (0)
void kit_breach(struct store_suite *s, const char *file, int line, const char *check,
                const char *format, ...) __attribute__((format(printf, 5, 6)));
/* A case that cannot run here says why. */
void kit_skip(struct store_suite *s, const char *format, ...) __attribute__((format(printf, 2, 3)));

/* A fresh path under the scratch folder. */
void kit_path(struct store_suite *s, char path[256]);
/* Creates (or opens) a store; a failure is a breach and NULL. */
struct pp_store *kit_open(struct store_suite *s, const char *path, const union pp_value *values);
struct pp_store *kit_fresh(struct store_suite *s);
void kit_remove(const char *path);
uint64_t kit_disk(const char *path); /* octets of disk that all below it take */

struct pp_name kit_name(unsigned n);
void kit_keyid(uint8_t keyid[32], unsigned n);
/* Octets `offset`.. of the endless text number `text`. */
void kit_fill(uint8_t *out, size_t len, uint64_t text, uint64_t offset);
struct pp_head kit_head(unsigned n, uint64_t serial, uint64_t size);
struct pp_entry kit_entry(unsigned n,
                          size_t len); /* bytes: static memory, valid to the next call */

/* One act in a batch of its own, committed when it succeeds. */
int kit_put(struct store_suite *s, struct pp_store *store, unsigned n, uint64_t size);
int kit_append(struct store_suite *s, struct pp_store *store, unsigned inbox, unsigned n,
               size_t len, uint64_t *seq);
int kit_remove_one(struct store_suite *s, struct pp_store *store, enum pp_kind kind, unsigned n,
                   bool tombstone);
/* Writes a body in pieces of up to `step` octets into a batch. */
int kit_pieces(struct store_suite *s, struct pp_batch *b, uint64_t *serial, uint64_t text,
               uint64_t from, uint64_t size, size_t step);
/* Does `read` give exactly text[offset, size) in whatever spans? */
bool kit_reads(struct store_suite *s, struct pp_view *v, const struct pp_name *name,
               uint64_t serial, uint64_t text, uint64_t offset, uint64_t size);
int kit_head_of(struct store_suite *s, struct pp_store *store, enum pp_kind kind, unsigned n,
                struct pp_head *head); /* in a view of its own: identifier is not to be read */
struct pp_usage kit_usage(struct store_suite *s, struct pp_store *store);

/* A random generator of the suite's own (splitmix64). */
uint64_t kit_random(uint64_t *state);

/* The cases, by file. */
struct store_case {
    const char *name;
    void (*run)(struct store_suite *s);
};
extern const struct store_case store_cases_open[], store_cases_object[], store_cases_body[],
    store_cases_inbox[], store_cases_batch[], store_cases_model[], store_cases_full[],
    store_cases_thread[], store_cases_crash[], store_cases_fault[];
int store_worker_crash(struct store_suite *s, int argc, char **argv);
int store_worker_fault(struct store_suite *s, int argc, char **argv);

#endif
