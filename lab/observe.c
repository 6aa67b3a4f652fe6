/*
 * Is the network up? Observed, not slept: every node answers and calls itself active, and every
 * node gives the same k nodes to look-ups of several random keys. A node that ends while we wait is
 * a failure at once, with the end of its log.
 */
#include <lab/lab.h>

#include <base/hash.h>
#include <jansson.h>
#include <poll.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>

#define KEYS 6
#define ASKED_MAX 40 /* of a big network, as many nodes are asked */
#define PAUSE_MS 50
#define ANSWER_MAX (256 * 1024)

static double seconds_now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static void pause_between_questions(void)
{
    poll(NULL, 0, PAUSE_MS);
}

static void read_state(const struct pp_buf *body, char state[32])
{
    json_error_t why;
    json_t *root = json_loadb((const char *)body->data, body->len, 0, &why);
    const json_t *overlay = json_object_get(root, "overlay");
    const char *text = json_string_value(json_object_get(overlay ? overlay : root, "state"));
    snprintf(state, 32, "%s", text ? text : "unknown");
    for (char *c = state; *c; c++) {
        *c = *c >= 'A' && *c <= 'Z' ? (char)(*c - 'A' + 'a') : *c;
    }
    json_decref(root);
}

enum lab_health lab_ask(const struct lab *lab, size_t node, char state[32])
{
    char address[16];
    int status;
    struct pp_buf body = {0};
    snprintf(state, 32, "dead");
    const struct lab_node *n = &lab->nodes[node];
    /* a command line is empty for a moment after the start, so a child is asked for otherwise */
    if (n->pid == 0 || (n->child ? n->reported : !lab_is_running(lab, node, n->pid))) {
        return LAB_DEAD;
    }
    lab_node_address(lab, node, address);
    snprintf(state, 32, "silent");
    enum lab_health health = LAB_SILENT;
    if (lab_get(address, LAB_ADMIN_PORT, NULL, "/status", ANSWER_MAX, &body, &status) == PP_OK &&
        status == 200) {
        read_state(&body, state);
        health = LAB_ANSWERS;
    }
    pp_buf_free(&body);
    return health;
}

static const char *proof_of(const struct lab *lab, size_t node)
{
    return lab->plain ? NULL : lab->nodes[node].id;
}

/* The public side too: TLS, the certificate, the id. */
static bool is_healthy(const struct lab *lab, size_t node)
{
    char address[16];
    int status;
    struct pp_buf body = {0};
    lab_node_address(lab, node, address);
    int code = lab_get(address, LAB_HTTP_PORT, proof_of(lab, node), "/.well-known/peerpost/health",
                       ANSWER_MAX, &body, &status);
    pp_buf_free(&body);
    return code == PP_OK && status == 200;
}

static int node_ended(const struct lab *lab, size_t node, struct pp_error *error)
{
    const struct lab_node *n = &lab->nodes[node];
    lab_tail(lab, node, stderr);
    if (n->reported && WIFEXITED(n->status)) {
        return pp_fail(error, PP_IO, "node %zu ended with status %d; the end of its log is above",
                       node, WEXITSTATUS(n->status));
    }
    return pp_fail(error, PP_IO, "node %zu is gone (%s %d); the end of its log is above", node,
                   n->reported ? "signal" : "pid", n->reported ? WTERMSIG(n->status) : (int)n->pid);
}

/* 0: up; PP_AGAIN with the reason; PP_IO: it ended. */
static int is_up(struct lab *lab, size_t node, struct pp_error *error)
{
    char state[32];
    lab_collect(lab);
    switch (lab_ask(lab, node, state)) {
    case LAB_DEAD:
        return node_ended(lab, node, error);
    case LAB_SILENT:
        return pp_fail(error, PP_AGAIN, "node %zu does not answer on its admin port", node);
    case LAB_ANSWERS:
        break;
    }
    if (strcmp(state, "active") != 0 && strcmp(state, "degraded") != 0) {
        return pp_fail(error, PP_AGAIN, "node %zu is still %s", node, state);
    }
    return is_healthy(lab, node)
               ? PP_OK
               : pp_fail(error, PP_AGAIN, "node %zu is active and does not answer over HTTPS",
                         node);
}

int lab_await_nodes(struct lab *lab, unsigned seconds, struct pp_error *error)
{
    double end = seconds_now() + seconds;
    for (size_t i = 0; i < lab->n_nodes; i++) {
        int code = lab->nodes[i].awaited ? is_up(lab, i, error) : PP_OK;
        while (code == PP_AGAIN && seconds_now() < end) {
            pause_between_questions();
            code = is_up(lab, i, error);
        }
        if (code == PP_AGAIN) {
            char why[200];
            snprintf(why, sizeof why, "%.199s", error->text);
            lab_tail(lab, i, stderr);
            return pp_fail(error, PP_TIMEOUT, "%s after %u s; the end of its log is above", why,
                           seconds);
        }
        if (code) {
            return code;
        }
        lab->nodes[i].awaited = false;
    }
    return PP_OK;
}

/* The ids of an answer, one a line; empty when it was none. */
static void look_up(const struct lab *lab, size_t node, const char *key, struct pp_buf *ids)
{
    char address[16], target[128];
    int status;
    struct pp_buf body = {0};
    lab_node_address(lab, node, address);
    snprintf(target, sizeof target, "/.well-known/peerpost/lookup?key=%s&k=%u", key, lab->k);
    if (lab_get(address, LAB_HTTP_PORT, proof_of(lab, node), target, ANSWER_MAX, &body, &status) ==
            PP_OK &&
        status == 200) {
        json_error_t why;
        json_t *array = json_loadb((const char *)body.data, body.len, 0, &why), *peer;
        size_t i;
        json_array_foreach(array, i, peer)
        {
            const char *id = json_string_value(json_object_get(peer, "id"));
            pp_buf_printf(ids, "%.40s\n", id ? id : "?");
        }
        json_decref(array);
    }
    pp_buf_free(&body);
}

static size_t count_running(const struct lab *lab)
{
    size_t n = 0;
    for (size_t i = 0; i < lab->n_nodes; i++) {
        n += lab->nodes[i].pid > 0;
    }
    return n;
}

/* Does the answer name a node that is not running, or too few? */
static bool is_right_answer(const struct lab *lab, const struct pp_buf *ids, size_t running)
{
    size_t due = running < lab->k ? running : lab->k, living = 0;
    for (size_t i = 0; i < lab->n_nodes; i++) {
        living +=
            lab->nodes[i].pid > 0 && strstr((const char *)ids->data, lab->nodes[i].id) != NULL;
    }
    return ids->len == due * 41 && living == due;
}

/* All asked nodes agree on one key? 0, or PP_AGAIN with who does not. */
static int agree_on(const struct lab *lab, const char *key, struct pp_error *error)
{
    struct pp_buf first = {0}, other = {0};
    size_t running = count_running(lab), asked = 0, step = running / ASKED_MAX + 1;
    int code = PP_OK;
    for (size_t i = 0; !code && i < lab->n_nodes; i += step) {
        if (lab->nodes[i].pid == 0) {
            continue;
        }
        struct pp_buf *ids = asked++ ? &other : &first;
        ids->len = 0;
        look_up(lab, i, key, ids);
        if (ids->len == 0 || !is_right_answer(lab, ids, running)) {
            code = pp_fail(error, PP_AGAIN, "node %zu does not find the %u closest living nodes", i,
                           lab->k);
        } else if (ids == &other && !pp_bytes_equal(pp_buf_bytes(&first), pp_buf_bytes(&other))) {
            code = pp_fail(error, PP_AGAIN, "node %zu finds other nodes than the first", i);
        }
    }
    pp_buf_free(&first);
    pp_buf_free(&other);
    return code;
}

int lab_await_agreement(struct lab *lab, unsigned seconds, struct pp_error *error)
{
    double end = seconds_now() + seconds;
    for (int agreed = 0; agreed < KEYS;) {
        uint8_t octets[PP_ID_LEN];
        char key[2 * PP_ID_LEN + 1];
        pp_random(octets, sizeof octets);
        pp_hex(key, octets, sizeof octets);
        int code = agree_on(lab, key, error);
        if (code == PP_OK) {
            agreed++;
            continue;
        }
        agreed = 0; /* one doubt, and all keys are asked again */
        if (seconds_now() > end) {
            char why[200];
            snprintf(why, sizeof why, "%.199s", error->text);
            return pp_fail(error, PP_TIMEOUT, "the network is not one after %u s: %s", seconds,
                           why);
        }
        pause_between_questions();
    }
    return PP_OK;
}
