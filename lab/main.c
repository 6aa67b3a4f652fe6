/*
 * peerpost-lab: a real network on one machine, from one command. Reads the command line; what the
 * commands do is in up.c and commands.c.
 */
#include <lab/lab.h>

#include <getopt.h>
#include <signal.h>
#include <stdlib.h>
#include <sysexits.h>

static const char usage[] =
    "peerpost-lab: a real Peerpost network on this machine\n"
    "\n"
    "  up      --dir D --nodes N [--substrate chord] [--store lmdb] [--k K] [--users a@x,b@x]\n"
    "          [--node-option NAME=VALUE]... [--user-option NAME=VALUE]... [--unpublished]\n"
    "          makes an authority, keys and certificates, starts N nodes, waits until they are one\n"
    "          network, enrols and (but for --unpublished) publishes the users\n"
    "  status  --dir D [--json]\n"
    "  kill    --dir D NODE...|all       SIGKILL\n"
    "  stop    --dir D NODE...|all       SIGTERM, and wait\n"
    "  restart --dir D NODE...|all [--timeout SECONDS] [--substrate S] [--rehome]\n"
    "          starts them (again), waits until each answers and is active; with another substrate\n"
    "          in every node's and user's configuration; with peerpostd's --rehome\n"
    "  wait    --dir D [--timeout SECONDS]\n"
    "          until the running nodes are one network: all agree on the look-ups of several keys\n"
    "  add     --dir D [--nodes N]       N more nodes\n"
    "  env     --dir D                   variables for a shell: eval \"$(peerpost-lab env --dir D)\"\n"
    "  down    --dir D                   ends every node; the files stay\n"
    "\n"
    "A user's configuration is D/users/ADDRESS/config.yaml; run `peerpost --config` with it. Node\n"
    "i's files are in D/nodes/i. Node i listens on 127.1.x.y, user j speaks from 127.2.x.y.\n";

static const struct {
    const char *name;
    int (*run)(const struct lab_arguments *a, struct pp_error *error);
} commands[] = {
    {"up", lab_up},     {"status", lab_status}, {"kill", lab_kill},
    {"stop", lab_stop}, {"wait", lab_wait},     {"restart", lab_restart},
    {"add", lab_add},   {"env", lab_env},       {"down", lab_down},
};

enum {
    DIR = 256,
    NODES,
    SUBSTRATE,
    STORE,
    K,
    USERS,
    JSON,
    TIMEOUT,
    NODE_OPTION,
    USER_OPTION,
    REHOME,
    UNPUBLISHED,
    HELP
};
static const struct option options[] = {
    {"dir", required_argument, NULL, DIR},
    {"nodes", required_argument, NULL, NODES},
    {"substrate", required_argument, NULL, SUBSTRATE},
    {"store", required_argument, NULL, STORE},
    {"k", required_argument, NULL, K},
    {"users", required_argument, NULL, USERS},
    {"json", no_argument, NULL, JSON},
    {"timeout", required_argument, NULL, TIMEOUT},
    {"node-option", required_argument, NULL, NODE_OPTION},
    {"user-option", required_argument, NULL, USER_OPTION},
    {"rehome", no_argument, NULL, REHOME},
    {"unpublished", no_argument, NULL, UNPUBLISHED},
    {"help", no_argument, NULL, HELP},
    {NULL, 0, NULL, 0},
};

static int number(const char *text, unsigned least, unsigned most, unsigned *out,
                  struct pp_error *error)
{
    char *end;
    unsigned long n = strtoul(text, &end, 10);
    if (end == text || *end || n < least || n > most) {
        return pp_fail(error, PP_INVALID, "\"%.40s\" is no number from %u to %u", text, least,
                       most);
    }
    *out = (unsigned)n;
    return PP_OK;
}

static int pair(char ***list, size_t *n, const char *text, struct pp_error *error)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text) {
        return pp_fail(error, PP_INVALID, "\"%.100s\" is not NAME=VALUE", text);
    }
    return lab_add_text(list, n, text, error);
}

static int take(struct lab_arguments *a, int option, struct pp_error *error)
{
    switch (option) {
    case DIR:
        a->dir = optarg;
        return PP_OK;
    case NODES:
        return number(optarg, 1, LAB_NODES_MAX, &a->nodes, error);
    case SUBSTRATE:
        a->substrate = optarg;
        return PP_OK;
    case STORE:
        a->store = optarg;
        return PP_OK;
    case K:
        return number(optarg, 1, PP_K_MAX, &a->k, error);
    case USERS:
        a->users = optarg;
        return PP_OK;
    case JSON:
        a->json = true;
        return PP_OK;
    case REHOME:
        a->rehome = true;
        return PP_OK;
    case UNPUBLISHED:
        a->unpublished = true;
        return PP_OK;
    case TIMEOUT:
        return number(optarg, 1, 3600, &a->seconds, error);
    case NODE_OPTION:
        return pair(&a->node_options, &a->n_node_options, optarg, error);
    case USER_OPTION:
        return pair(&a->user_options, &a->n_user_options, optarg, error);
    default:
        return pp_fail(error, PP_INVALID, "`peerpost-lab --help` tells the options");
    }
}

static int parse(int argc, char **argv, struct lab_arguments *a, struct pp_error *error)
{
    int code = PP_OK;
    for (int option; !code && (option = getopt_long(argc, argv, "h", options, NULL)) != -1;) {
        if (option == HELP || option == 'h') {
            fputs(usage, stdout);
            exit(0);
        }
        code = take(a, option, error);
    }
    a->rest = argv + optind + 1;
    a->n_rest = optind < argc ? (size_t)(argc - optind - 1) : 0;
    if (!code && !a->dir) {
        code = pp_fail(error, PP_INVALID, "give the lab's folder with --dir");
    }
    return code;
}

static int exit_status(int code)
{
    switch (code) {
    case PP_OK:
        return EX_OK;
    case PP_INVALID:
        return EX_USAGE;
    case PP_NOT_FOUND:
        return EX_NOINPUT;
    case PP_TIMEOUT:
    case PP_BUSY:
        return EX_TEMPFAIL;
    default:
        return EX_SOFTWARE;
    }
}

int main(int argc, char **argv)
{
    struct lab_arguments a = {.store = "lmdb", .k = 5, .nodes = 1, .seconds = 60};
    struct pp_error error = {0};
    struct sigaction ignore = {.sa_handler = SIG_IGN};
    sigaction(SIGPIPE, &ignore, NULL);
    int code = parse(argc, argv, &a, &error);
    if (!code && optind >= argc) {
        fputs(usage, stderr);
        return EX_USAGE;
    }
    if (!code) {
        code =
            pp_fail(&error, PP_INVALID, "there is no command \"%.40s\"; see --help", argv[optind]);
        for (size_t i = 0; i < sizeof commands / sizeof *commands; i++) {
            if (strcmp(commands[i].name, argv[optind]) == 0) {
                error = (struct pp_error){0};
                code = commands[i].run(&a, &error);
                break;
            }
        }
    }
    if (code) {
        fprintf(stderr, "peerpost-lab: %s\n", error.text);
    }
    for (size_t i = 0; i < a.n_node_options; i++) {
        free(a.node_options[i]);
    }
    for (size_t i = 0; i < a.n_user_options; i++) {
        free(a.user_options[i]);
    }
    free(a.node_options);
    free(a.user_options);
    return exit_status(code);
}
