/*
 * The lab's certificate authority and who it certifies: peerpost-ca makes the root and the nodes'
 * keys, `peerpost enrol` the users' keys and requests, which the authority signs.
 */
#include <lab/lab.h>

#include <stdlib.h>
#include <unistd.h>

#define TOGETHER 8 /* user agents run at once */

/* --domain options of all the users' domains, once each. */
static size_t domains(const struct lab *lab, const char **argv, size_t at, size_t cap)
{
    size_t first = at;
    for (size_t i = 0; i < lab->n_users && at + 2 < cap; i++) {
        const char *domain = strrchr(lab->users[i], '@') + 1;
        bool known = false;
        for (size_t j = first; j < at; j += 2) {
            known = known || strcmp(argv[j + 1], domain) == 0;
        }
        if (!known) {
            argv[at++] = "--domain";
            argv[at++] = domain;
        }
    }
    if (at == first) {
        argv[at++] = "--domain";
        argv[at++] = "lab.example";
    }
    return at;
}

int lab_make_authority(const struct lab *lab, struct pp_error *error)
{
    char dir[LAB_PATH];
    const char *argv[64] = {"peerpost-ca", "init", "--dir", dir};
    int code = lab_path(lab, dir, error, "ca");
    if (code) {
        return code;
    }
    argv[domains(lab, argv, 4, 60)] = NULL;
    return lab_run(lab, argv, NULL, error);
}

/* The node's id from what its certificate says: <40 hex>.peerpost.alt */
static int read_id(struct lab *lab, size_t node, const struct pp_buf *said, struct pp_error *error)
{
    const char *text = said->data ? (const char *)said->data : "";
    for (; *text; text++) {
        size_t n = strspn(text, "0123456789abcdef");
        if (n == 40) {
            snprintf(lab->nodes[node].id, sizeof lab->nodes[node].id, "%.40s", text);
            return PP_OK;
        }
        text += n > 0 ? n - 1 : 0;
    }
    return pp_fail(error, PP_MALFORMED, "peerpost-ca did not say the id of node %zu", node);
}

int lab_certify_node(struct lab *lab, size_t node, struct pp_error *error)
{
    char ca[LAB_PATH], out[LAB_PATH], folder[LAB_PATH], principal[32];
    struct pp_buf said = {0};
    int code = lab_path(lab, ca, error, "ca");
    code = code ? code : lab_path(lab, folder, error, "nodes/%zu", node);
    code = code ? code : lab_path(lab, out, error, "nodes/%zu/node", node);
    code = code ? code : lab_make_dir(folder, error);
    snprintf(principal, sizeof principal, "node-%zu", node);
    const char *const argv[] = {"peerpost-ca", "issue",   "--dir", ca,  "--node",
                                "--principal", principal, "--out", out, NULL};
    code = code ? code : lab_run(lab, argv, &said, error);
    code = code ? code : read_id(lab, node, &said, error);
    pp_buf_free(&said);
    return code;
}

/* Runs one command line for every user, some at a time. make: fills argv for the user. */
typedef int make_argv(const struct lab *lab, size_t user, char paths[3][LAB_PATH],
                      const char **argv, struct pp_error *error);

static int for_all_users(const struct lab *lab, make_argv *make, struct pp_error *error)
{
    struct lab_run runs[TOGETHER];
    int code = PP_OK;
    for (size_t first = 0; !code && first < lab->n_users; first += TOGETHER) {
        size_t n = 0;
        for (; !code && n < TOGETHER && first + n < lab->n_users; n++) {
            char paths[3][LAB_PATH];
            const char *argv[16];
            code = make(lab, first + n, paths, argv, error);
            code = code ? code : lab_run_start(&runs[n], lab, argv, error);
            if (code) {
                break;
            }
        }
        for (size_t i = 0; i < n; i++) {
            struct pp_error one;
            int ended = lab_run_end(&runs[i], &one);
            pp_buf_free(&runs[i].text);
            if (ended && !code) {
                code = pp_fail(error, ended, "%s: %.400s", lab->users[first + i], one.text);
            }
        }
    }
    return code;
}

static int enrol_argv(const struct lab *lab, size_t user, char paths[3][LAB_PATH],
                      const char **argv, struct pp_error *error)
{
    int code = lab_path(lab, paths[0], error, "users/%s", lab->users[user]);
    code = code ? code : lab_path(lab, paths[1], error, "users/%s/config.yaml", lab->users[user]);
    code = code ? code : lab_make_dir(paths[0], error);
    code = code ? code : lab_configure_user(lab, user, error);
    argv[0] = "peerpost";
    argv[1] = "--config";
    argv[2] = paths[1];
    argv[3] = "enrol";
    argv[4] = NULL;
    return code;
}

static int sign_argv(const struct lab *lab, size_t user, char paths[3][LAB_PATH], const char **argv,
                     struct pp_error *error)
{
    int code = lab_path(lab, paths[0], error, "ca");
    code = code ? code : lab_path(lab, paths[1], error, "users/%s/user.csr.pem", lab->users[user]);
    code = code ? code : lab_path(lab, paths[2], error, "users/%s/user.cert.pem", lab->users[user]);
    argv[0] = "peerpost-ca";
    argv[1] = "sign";
    argv[2] = "--dir";
    argv[3] = paths[0];
    argv[4] = "--out";
    argv[5] = paths[2];
    argv[6] = paths[1];
    argv[7] = NULL;
    return code;
}

static int publish_argv(const struct lab *lab, size_t user, char paths[3][LAB_PATH],
                        const char **argv, struct pp_error *error)
{
    argv[0] = "peerpost";
    argv[1] = "--config";
    argv[2] = paths[0];
    argv[3] = "publish";
    argv[4] = NULL;
    return lab_path(lab, paths[0], error, "users/%s/config.yaml", lab->users[user]);
}

int lab_enrol_users(const struct lab *lab, struct pp_error *error)
{
    int code = for_all_users(lab, enrol_argv, error);
    /* one at a time: the authority's folder has one writer */
    for (size_t i = 0; !code && i < lab->n_users; i++) {
        char paths[3][LAB_PATH];
        const char *argv[16];
        code = sign_argv(lab, i, paths, argv, error);
        code = code ? code : lab_run(lab, argv, NULL, error);
    }
    return code;
}

int lab_publish_users(const struct lab *lab, struct pp_error *error)
{
    return for_all_users(lab, publish_argv, error);
}
