/*
 * Private to peerpost-ca: its options, its folder (key, root, revocation list, register of what was
 * issued), and its commands. The folder has one writer at a time; its register is one small text
 * file that is replaced as a whole.
 */
#ifndef PP_CA_CA_H
#define PP_CA_CA_H

#include <trust/issue.h>

#define CA_DAY 86400
#define CA_BACKDATE 3600 /* seconds: other clocks may be behind */
#define CA_NODES_OF_PRINCIPAL 4
#define CA_ARGUMENTS 64

/* A point of time as given: absolute, or seconds from now. */
struct ca_time {
    bool given, relative;
    int64_t seconds;
};

struct ca_options {
    const char *dir, *out, *principal, *name, *crl_url;
    const char *passphrase_file, *key_passphrase_file;
    const char *domains[CA_ARGUMENTS];
    size_t n_domains;
    int64_t days; /* 0: the default of the kind */
    struct ca_time not_before, not_after;
    const char *network, *substrate; /* of an invitation */
    int64_t copies;                  /* 0: 5 */
    bool node, allow_chosen_id;
    const char *arguments[CA_ARGUMENTS];
    size_t n_arguments;
};

/* Options and arguments of one command. ! PP_INVALID, with a sentence */
int ca_options_parse(struct ca_options *o, int argc, char **argv, struct pp_error *error);
/* When a certificate of that many days by default is valid. ! PP_INVALID */
int ca_options_validity(const struct ca_options *o, int64_t default_days, struct pp_validity *v,
                        struct pp_error *error);

/* One line of the register. */
struct ca_entry {
    char serial[65]; /* hexadecimal */
    bool is_node;
    int64_t not_after, revoked; /* seconds; revoked 0: is not */
    char *principal;            /* "-": none */
    char *names;                /* addresses, or the node's name */
};

struct ca {
    const char *dir;
    int lock;
    EVP_PKEY *key;
    struct pp_certificate *root;
    char *crl_url;
    uint64_t crl_number; /* of the last list */
    struct ca_entry *entry;
    size_t n_entries;
};

/* Makes a new authority's folder, with its key, root, empty register and first list. */
int ca_create(const struct ca_options *o, struct pp_error *error);
/* Locks the folder and reads it. with_key: the private key too. */
int ca_open(struct ca *ca, const struct ca_options *o, bool with_key, struct pp_error *error);
void ca_close(struct ca *ca);
/* Adds a line for a certificate; ca_save makes it durable. */
int ca_record(struct ca *ca, const struct pp_certificate *c, const char *principal,
              struct pp_error *error);
int ca_save(struct ca *ca, struct pp_error *error);
/* A new list of what is revoked, one number higher, into the folder (and o->out). */
int ca_write_crl(struct ca *ca, const struct ca_options *o, struct pp_error *error);
/* Keys that a principal's nodes hold and that are valid now. */
size_t ca_nodes_of(const struct ca *ca, const char *principal);
struct pp_issuer ca_issuer(const struct ca *ca);
/* The first line of a file, or the environment's NAME, or none (*text NULL). Wipe it. */
int ca_passphrase(struct pp_buf *text, const char *file, const char *variable,
                  struct pp_error *error);

/* The commands: what they print goes to standard output. */
int ca_init(const struct ca_options *o, struct pp_error *error);
int ca_issue(const struct ca_options *o, struct pp_error *error);
int ca_sign(const struct ca_options *o, struct pp_error *error);
int ca_revoke(const struct ca_options *o, struct pp_error *error);
int ca_crl(const struct ca_options *o, struct pp_error *error);
int ca_invite(const struct ca_options *o, struct pp_error *error);
int ca_list(const struct ca_options *o, struct pp_error *error);

#endif
