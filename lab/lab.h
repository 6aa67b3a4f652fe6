/*
 * A real network on one machine: what the files of lab/ share. Node i of a lab is bound to
 * 127.1.x.y and user j to 127.2.x.y, so that every rule about sources is real; x is this lab's own
 * block of third octets, so that labs run side by side. All state is in the lab's folder:
 *   lab.json  ca/  nodes/<i>/{config.yaml,node.*.pem,state/,node.log,pid}
 *   users/<address>/{config.yaml,user.*.pem,state/,Maildir/}
 */
#ifndef LAB_LAB_H
#define LAB_LAB_H

#include <peerpost/error.h>
#include <peerpost/id.h>
#include <stdio.h>
#include <sys/types.h>

#define LAB_NODES_MAX 1000
#define LAB_USERS_MAX 1000
#define LAB_UDP_PORT 4700
#define LAB_HTTP_PORT 4743
#define LAB_ADMIN_PORT 4780
#define LAB_PATH 512 /* longest path used */
#define LAB_CONTACTS 16

struct lab_node {
    char id[41];   /* hexadecimal; empty until the certificate is made */
    pid_t pid;     /* 0: not running */
    bool child;    /* this process started it: waitpid tells of its end */
    bool awaited;  /* it shall answer before the command returns */
    bool reported; /* its child status was collected: it ended */
    int status;    /* then: of waitpid */
};

struct lab {
    char dir[LAB_PATH]; /* absolute */
    char bin[LAB_PATH]; /* where the programs are */
    unsigned block;     /* third octet of the first node's address */
    unsigned k;
    char substrate[LAB_PATH], store[LAB_PATH]; /* plugin names */
    size_t n_nodes, n_users;
    struct lab_node *nodes;
    char **users; /* addresses, normal form expected */
    /* NAME=VALUE lines of the command line for every node's or user's configuration */
    char **node_options, **user_options;
    size_t n_node_options, n_user_options;
    bool plain;  /* the nodes' options say http.tls=false */
    bool rehome; /* nodes that this command starts store what they hold on its new places */
};

/* state.c */
int lab_init(struct lab *lab, const char *dir, struct pp_error *error);
int lab_load(struct lab *lab, struct pp_error *error); /* also finds who is running */
int lab_save(const struct lab *lab, struct pp_error *error);
void lab_finish(struct lab *lab);
int lab_add_nodes(struct lab *lab, size_t n, struct pp_error *error);
int lab_add_text(char ***list, size_t *n, const char *text, struct pp_error *error);
/* "DIR/format..."; too long is an error. */
int lab_path(const struct lab *lab, char out[LAB_PATH], struct pp_error *error, const char *format,
             ...) __attribute__((format(printf, 4, 5)));
int lab_make_dir(const char *path, struct pp_error *error); /* 0700; there already: fine */
int lab_write_file(const char *path, const struct pp_buf *text, struct pp_error *error);
int lab_read_file(const char *path, size_t max, struct pp_buf *out);
void lab_node_address(const struct lab *lab, size_t node, char out[16]);
void lab_user_address(const struct lab *lab, size_t user, char out[16]);

/* block.c: takes and gives back the block of addresses. */
int lab_block_take(struct lab *lab, struct pp_error *error);
void lab_block_give(const struct lab *lab);

/* process.c */
bool lab_is_running(const struct lab *lab, size_t node, pid_t pid);
int lab_start_node(struct lab *lab, size_t node, struct pp_error *error);
/* To nobody else, were the process gone and its number another's. */
void lab_signal_node(const struct lab *lab, size_t node, int signo);
/* Sends the signal and waits until the process is gone. */
int lab_end_node(struct lab *lab, size_t node, int signo, struct pp_error *error);
/* Collects children that ended. */
void lab_collect(struct lab *lab);
/* A running program whose output is kept. */
struct lab_run {
    pid_t pid;
    int out; /* its standard output and error */
    struct pp_buf text;
    char what[80];
};
int lab_run_start(struct lab_run *run, const struct lab *lab, const char *const *argv,
                  struct pp_error *error);
/* Waits for it; a status other than 0 is an error that holds the end of its output. */
int lab_run_end(struct lab_run *run, struct pp_error *error);
int lab_run(const struct lab *lab, const char *const *argv, struct pp_buf *output,
            struct pp_error *error);
/* Prints the last lines of a node's log. */
void lab_tail(const struct lab *lab, size_t node, FILE *to);

/* configure.c: the YAML files. */
int lab_configure_node(const struct lab *lab, size_t node, struct pp_error *error);
int lab_configure_user(const struct lab *lab, size_t user, struct pp_error *error);

/* people.c: authority, certificates, enrolment. */
int lab_make_authority(const struct lab *lab, struct pp_error *error);
int lab_certify_node(struct lab *lab, size_t node, struct pp_error *error);
int lab_enrol_users(const struct lab *lab, struct pp_error *error);
int lab_publish_users(const struct lab *lab, struct pp_error *error);

/* http.c: one GET, blocking, at most `max` octets of body. tls_id: the node's id in hex, for
 * HTTPS with proof of it; NULL: plain HTTP. *status out. ! PP_UNREACHABLE, PP_IDENTITY,
 * PP_MALFORMED, PP_TOO_BIG */
int lab_get(const char *address, unsigned port, const char *tls_id, const char *target, size_t max,
            struct pp_buf *body, int *status);

/* observe.c: what the network says of itself. */
enum lab_health { LAB_DEAD, LAB_SILENT, LAB_ANSWERS };
/* state: the overlay's state as the node tells it ("active", "joining", ...). */
enum lab_health lab_ask(const struct lab *lab, size_t node, char state[32]);
/* Until all awaited nodes answer and are active. seconds: patience. Fails at once when one ends. */
int lab_await_nodes(struct lab *lab, unsigned seconds, struct pp_error *error);
/* Until all running nodes give the same answers to look-ups of several keys. */
int lab_await_agreement(struct lab *lab, unsigned seconds, struct pp_error *error);

/* commands.c, up.c */
struct lab_arguments {
    const char *dir, *substrate, *store, *users;
    unsigned nodes, k, seconds;
    bool json, rehome, unpublished;
    char **node_options, **user_options;
    size_t n_node_options, n_user_options;
    char **rest; /* node numbers */
    size_t n_rest;
};
int lab_up(const struct lab_arguments *a, struct pp_error *error);
int lab_add(const struct lab_arguments *a, struct pp_error *error);
int lab_status(const struct lab_arguments *a, struct pp_error *error);
int lab_kill(const struct lab_arguments *a, struct pp_error *error);
int lab_stop(const struct lab_arguments *a, struct pp_error *error);
int lab_restart(const struct lab_arguments *a, struct pp_error *error);
int lab_wait(const struct lab_arguments *a, struct pp_error *error);
int lab_env(const struct lab_arguments *a, struct pp_error *error);
int lab_down(const struct lab_arguments *a, struct pp_error *error);

#endif
