/*
 * `up` and `add`: from nothing to a network that works. When `up` fails it takes down what it
 * started; the folder stays, for its logs.
 */
#include <lab/lab.h>

#include <errno.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define PATIENCE 60

static int take_users(struct lab *lab, const char *users, struct pp_error *error)
{
    char *list = strdup(users ? users : ""), *at = list;
    int code = list ? PP_OK : pp_fail(error, PP_NOMEM, "out of memory");
    while (!code && at && *at) {
        char *comma = strchr(at, ',');
        if (comma) {
            *comma = '\0';
        }
        const char *domain = strrchr(at, '@');
        if (!domain || domain == at || !domain[1] || strchr(at, '/')) {
            code = pp_fail(error, PP_INVALID, "\"%.200s\" is no e-mail address for a user", at);
        } else if (lab->n_users == LAB_USERS_MAX) {
            code = pp_fail(error, PP_INVALID, "a lab has at most %d users", LAB_USERS_MAX);
        } else {
            code = lab_add_text(&lab->users, &lab->n_users, at, error);
        }
        at = comma ? comma + 1 : NULL;
    }
    free(list);
    return code;
}

static int take_options(struct lab *lab, const struct lab_arguments *a, struct pp_error *error)
{
    int code = PP_OK;
    char exempt[256];
    const char *cidr = getenv("PEERPOST_LAB_EXEMPT");
    if (cidr && cidr[0]) {
        snprintf(exempt, sizeof exempt, "limits.exempt=[\"%s\"]", cidr);
        code = lab_add_text(&lab->node_options, &lab->n_node_options, exempt, error);
    }
    for (size_t i = 0; !code && i < a->n_node_options; i++) {
        code = lab_add_text(&lab->node_options, &lab->n_node_options, a->node_options[i], error);
    }
    for (size_t i = 0; !code && i < a->n_user_options; i++) {
        code = lab_add_text(&lab->user_options, &lab->n_user_options, a->user_options[i], error);
    }
    return code;
}

static int make_folders(const struct lab *lab, struct pp_error *error)
{
    static const char *const names[] = {"nodes", "users"};
    int code = PP_OK;
    for (size_t i = 0; !code && i < 2; i++) {
        char path[LAB_PATH];
        code = lab_path(lab, path, error, "%s", names[i]);
        code = code ? code : lab_make_dir(path, error);
    }
    return code;
}

/* An empty or new folder that becomes the lab. */
static int prepare(struct lab *lab, const struct lab_arguments *a, struct pp_error *error)
{
    char path[LAB_PATH];
    if (mkdir(a->dir, 0700) != 0 && errno != EEXIST) {
        return pp_fail(error, PP_IO, "cannot make the folder %.300s: %s", a->dir, strerror(errno));
    }
    int code = lab_init(lab, a->dir, error);
    code = code ? code : lab_path(lab, path, error, "lab.json");
    if (code) {
        return code;
    }
    if (access(path, F_OK) == 0) {
        return pp_fail(error, PP_EXISTS, "%s is a lab already; end it first with `down --dir %s`",
                       lab->dir, lab->dir);
    }
    lab->k = a->k;
    snprintf(lab->substrate, sizeof lab->substrate, "%s", a->substrate ? a->substrate : "chord");
    snprintf(lab->store, sizeof lab->store, "%s", a->store);
    code = take_users(lab, a->users, error);
    code = code ? code : take_options(lab, a, error);
    for (size_t i = 0; i < lab->n_node_options; i++) {
        lab->plain = lab->plain || strcmp(lab->node_options[i], "http.tls=false") == 0;
    }
    code = code ? code : lab_add_nodes(lab, a->nodes, error);
    code = code ? code : lab_block_take(lab, error);
    return code ? code : make_folders(lab, error);
}

static int start_nodes(struct lab *lab, size_t first, struct pp_error *error)
{
    int code = PP_OK;
    for (size_t i = first; !code && i < lab->n_nodes; i++) {
        code = lab_certify_node(lab, i, error);
        code = code ? code : lab_configure_node(lab, i, error);
    }
    code = code ? code : lab_save(lab, error);
    for (size_t i = first; !code && i < lab->n_nodes; i++) {
        code = lab_start_node(lab, i, error);
    }
    code = code ? code : lab_await_nodes(lab, PATIENCE, error);
    return code ? code : lab_await_agreement(lab, PATIENCE, error);
}

static void take_down(struct lab *lab)
{
    for (size_t i = 0; i < lab->n_nodes; i++) {
        lab_end_node(lab, i, SIGKILL, NULL);
    }
    char path[LAB_PATH];
    lab_block_give(lab);
    if (lab_path(lab, path, NULL, "lab.json") == PP_OK) {
        unlink(path);
    }
}

int lab_up(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab = {0};
    int code = prepare(&lab, a, error);
    if (code) {
        lab_finish(&lab);
        return code;
    }
    code = lab_make_authority(&lab, error);
    code = code ? code : start_nodes(&lab, 0, error);
    code = code ? code : lab_enrol_users(&lab, error);
    code = code || a->unpublished ? code : lab_publish_users(&lab, error);
    if (code) {
        take_down(&lab);
    } else {
        printf("%zu nodes (%s, %s, k = %u) and %zu users in %s\n", lab.n_nodes, lab.substrate,
               lab.store, lab.k, lab.n_users, lab.dir);
    }
    lab_finish(&lab);
    return code;
}

int lab_add(const struct lab_arguments *a, struct pp_error *error)
{
    struct lab lab;
    int code = lab_init(&lab, a->dir, error);
    code = code ? code : lab_load(&lab, error);
    if (!code) {
        size_t first = lab.n_nodes;
        code = lab_add_nodes(&lab, a->nodes, error);
        code = code ? code : start_nodes(&lab, first, error);
        for (size_t i = first; !code && i < lab.n_nodes; i++) {
            printf("node %zu\n", i);
        }
        lab_finish(&lab);
    }
    return code;
}
