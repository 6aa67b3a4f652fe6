/*
 * Every command on a lab that is there: status, kill, stop, restart, wait, env, down.
 */
#include <lab/lab.h>

#include <jansson.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

static int open_lab(struct lab *lab, const struct lab_arguments *a, struct pp_error *error)
{
    int code = lab_init(lab, a->dir, error);
    return code ? code : lab_load(lab, error);
}

static json_t *describe(const struct lab *lab, size_t i)
{
    char address[16], udp[32], http[32], admin[32], dir[LAB_PATH], state[32];
    lab_node_address(lab, i, address);
    snprintf(udp, sizeof udp, "%s:%d", address, LAB_UDP_PORT);
    snprintf(http, sizeof http, "%s:%d", address, LAB_HTTP_PORT);
    snprintf(admin, sizeof admin, "%s:%d", address, LAB_ADMIN_PORT);
    if (lab_path(lab, dir, NULL, "nodes/%zu", i)) {
        dir[0] = '\0';
    }
    lab_ask(lab, i, state);
    return json_pack("{s:i, s:i, s:s, s:s, s:s, s:s, s:s, s:s}", "node", (int)i, "pid",
                     (int)lab->nodes[i].pid, "id", lab->nodes[i].id, "udp", udp, "http", http,
                     "admin", admin, "dir", dir, "state", state);
}

static void print_table(const json_t *array)
{
    size_t i;
    json_t *node;
    printf("%4s %8s  %-22s %-10s %s\n", "node", "pid", "http", "state", "id");
    json_array_foreach(array, i, node)
    {
        int number, pid;
        const char *http, *state, *id;
        if (json_unpack(node, "{s:i, s:i, s:s, s:s, s:s}", "node", &number, "pid", &pid, "http",
                        &http, "state", &state, "id", &id) == 0) {
            printf("%4d %8d  %-22s %-10s %s\n", number, pid, http, state, id);
        }
    }
}

int lab_status(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (code) {
        return code;
    }
    json_t *array = json_array();
    for (size_t i = 0; i < lab.n_nodes; i++) {
        json_array_append_new(array, describe(&lab, i));
    }
    if (a->json) {
        json_dumpf(array, stdout, JSON_INDENT(1));
        putchar('\n');
    } else {
        print_table(array);
    }
    json_decref(array);
    lab_finish(&lab);
    return PP_OK;
}

/* fn for each node named on the command line; "all" is every one. */
static int for_named(struct lab *lab, const struct lab_arguments *a,
                     int (*fn)(struct lab *lab, size_t node, struct pp_error *error),
                     struct pp_error *error)
{
    int code = PP_OK;
    if (a->n_rest == 0) {
        return pp_fail(error, PP_INVALID, "which node? Give numbers, or \"all\"");
    }
    for (size_t i = 0; !code && i < a->n_rest; i++) {
        char *end;
        bool all = strcmp(a->rest[i], "all") == 0;
        unsigned long n = all ? 0 : strtoul(a->rest[i], &end, 10);
        if (!all && (*end || end == a->rest[i] || n >= lab->n_nodes)) {
            return pp_fail(error, PP_INVALID, "there is no node \"%.40s\": they are 0 to %zu",
                           a->rest[i], lab->n_nodes - 1);
        }
        for (size_t j = all ? 0 : n; !code && j < (all ? lab->n_nodes : n + 1); j++) {
            code = fn(lab, j, error);
        }
    }
    return code;
}

static int kill_one(struct lab *lab, size_t node, struct pp_error *error)
{
    return lab_end_node(lab, node, SIGKILL, error);
}

static int stop_one(struct lab *lab, size_t node, struct pp_error *error)
{
    return lab_end_node(lab, node, SIGTERM, error);
}

static int signal_one(struct lab *lab, size_t node, struct pp_error *error)
{
    (void)error;
    lab_signal_node(lab, node, SIGKILL);
    return PP_OK;
}

int lab_kill(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (!code) {
        /* all at one instant, then wait for each */
        code = for_named(&lab, a, signal_one, error);
        code = code ? code : for_named(&lab, a, kill_one, error);
        lab_finish(&lab);
    }
    return code;
}

int lab_stop(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (!code) {
        code = for_named(&lab, a, stop_one, error);
        lab_finish(&lab);
    }
    return code;
}

/* One line of YAML in the configuration of every node and user. */
static int change_substrate(struct lab *lab, const char *substrate, struct pp_error *error)
{
    int code = PP_OK;
    snprintf(lab->substrate, sizeof lab->substrate, "%s", substrate);
    for (size_t i = 0; !code && i < lab->n_nodes; i++) {
        code = lab_configure_node(lab, i, error);
    }
    for (size_t i = 0; !code && i < lab->n_users; i++) {
        code = lab_configure_user(lab, i, error);
    }
    return code ? code : lab_save(lab, error);
}

int lab_restart(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (!code) {
        lab.rehome = a->rehome;
        code = for_named(&lab, a, stop_one, error);
        if (!code && a->substrate) {
            code = change_substrate(&lab, a->substrate, error);
        }
        code = code ? code : for_named(&lab, a, lab_start_node, error);
        code = code ? code : lab_await_nodes(&lab, a->seconds, error);
        lab_finish(&lab);
    }
    return code;
}

int lab_wait(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (!code) {
        for (size_t i = 0; i < lab.n_nodes; i++) {
            lab.nodes[i].awaited = lab.nodes[i].pid > 0;
        }
        code = lab_await_nodes(&lab, a->seconds, error);
        code = code ? code : lab_await_agreement(&lab, a->seconds, error);
        lab_finish(&lab);
    }
    return code;
}

int lab_env(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (code) {
        return code;
    }
    char address[16];
    printf("export PEERPOST_LAB='%s'\nexport PEERPOST_BIN='%s'\n", lab.dir, lab.bin);
    printf("export PATH='%s':\"$PATH\"\nexport PEERPOST_CA='%s/ca/ca.cert.pem'\n", lab.bin,
           lab.dir);
    printf("export PEERPOST_CONTACTS='");
    for (size_t i = 0; i < lab.n_nodes && i < LAB_CONTACTS; i++) {
        lab_node_address(&lab, i, address);
        printf("%s%s:%d", i ? " " : "", address, LAB_UDP_PORT);
    }
    printf("'\n");
    lab_finish(&lab);
    return PP_OK;
}

int lab_down(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = open_lab(&lab, a, error);
    if (code) {
        return code;
    }
    char path[LAB_PATH];
    for (size_t i = 0; i < lab.n_nodes; i++) {
        lab_signal_node(&lab, i, SIGTERM);
    }
    for (size_t i = 0; i < lab.n_nodes; i++) {
        int ended = lab_end_node(&lab, i, SIGTERM, error);
        code = code ? code : ended;
    }
    lab_block_give(&lab);
    if (lab_path(&lab, path, NULL, "lab.json") == PP_OK) {
        unlink(path);
    }
    lab_finish(&lab);
    return code;
}
