/*
 * A host for the node without a socket, thread or clock: requests are structs, answers are kept,
 * writes and signature checks run when the test says so. And a small authority with certificates.
 */
#ifndef TESTS_NODE_FAKE_H
#define TESTS_NODE_FAKE_H

#include <check.h>
#include <node/batch.h>
#include <node/node.h>
#include <node/problem.h>
#include <trust/certificate.h>

#define FAKE_SECOND 1700000000 /* where the fake's wall clock begins */

struct fake_person {
    EVP_PKEY *key;
    struct pp_certificate *certificate;
    struct pp_buf pem;
};

struct fake {
    struct pp_node *node;
    const struct pp_store_plugin *api;
    struct pp_store *store;
    struct pp_node_config config;
    struct pp_authority *authority;
    char dir[64];
    EVP_PKEY *ca_key;
    struct pp_certificate *ca;
    struct fake_person alice, bob;
    struct pp_now now;
    struct pp_op *ops, **last_op;
    struct fake_request *checks;
    struct fake_request *requests; /* all not yet released */
    enum pp_covers covers;
    bool verify_busy;
    unsigned batches, lookups;
    struct pp_id asked;
    uint64_t token;
    uint8_t nonce;
};

struct fake_request {
    struct pp_node_request r;
    struct fake *fake;
    struct fake_request *next, *next_check;
    struct pp_check *check;
    struct pp_signed signature;
    struct pp_buf certificate;
    int status;
    int64_t length;
    struct pp_buf fields, body;
    size_t room; /* octets emit takes before it says no; SIZE_MAX at first */
    bool finished, cut, released, resumed;
};

/* capacity in octets of the store. */
void fake_start(struct fake *f, int64_t capacity);
/* The same store under a new node with f->config: a restart. */
void fake_restart(struct fake *f);
void fake_stop(struct fake *f);
void fake_later(struct fake *f, pp_ns ns);

/* A request about to be begun; fill in more, then go. */
struct fake_request *fake_request(struct fake *f, enum pp_primitive primitive,
                                  const char *identifier);
void fake_sign(struct fake_request *q, const struct fake_person *by, bool with_certificate);
/* begin .. end with parts (store) or a plain body; then everything runs until nothing moves. */
void fake_go(struct fake_request *q, struct pp_bytes set, struct pp_bytes body);
/* The pieces of it, for races. */
void fake_begin(struct fake_request *q);
void fake_object(struct fake_request *q, struct pp_bytes set);
size_t fake_body(struct fake_request *q, struct pp_bytes bytes);
void fake_end(struct fake_request *q);
void fake_drop(struct fake_request *q);
bool fake_write(struct fake *f); /* one batch; false: there was none */
void fake_verify(struct fake *f);
void fake_run(struct fake *f); /* until nothing moves */
void fake_free(struct fake_request *q);

/* Shorthands: status of the whole request. */
int fake_store(struct fake *f, const char *identifier, const struct fake_person *owner,
               const char *body);
int fake_fetch(struct fake *f, const char *identifier, struct pp_buf *body);
int fake_delete(struct fake *f, const char *identifier, const struct fake_person *by);
int fake_status(struct fake *f, const char *identifier, const struct fake_person *of);
int fake_append(struct fake *f, const char *address, const char *text);
/* confirm: text of Peerpost-Confirm or NULL. The request is the caller's to free. */
struct fake_request *fake_read(struct fake *f, const char *address, const struct fake_person *by,
                               const char *confirm);
/* Value of an answer's field, or "". */
const char *fake_field(const struct fake_request *q, const char *name);
/* Is this the problem's type? */
bool fake_says(const struct fake_request *q, const char *slug);
void fake_issue(struct fake *f, struct fake_person *p, const char *address, int64_t not_before,
                int64_t not_after);
void fake_person_free(struct fake_person *p);

#endif
