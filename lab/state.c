/*
 * The lab's folder and lab.json: what a later command of peerpost-lab must know. Processes are
 * found by their pid files and their command lines, never trusted by number alone.
 */
#include <lab/lab.h>

#include <errno.h>
#include <fcntl.h>
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#define NODES_PER_OCTET 250

int lab_path(const struct lab *lab, char out[LAB_PATH], struct pp_error *error, const char *format,
             ...)
{
    int n = snprintf(out, LAB_PATH, "%s/", lab->dir);
    if (n > 0 && n < LAB_PATH) {
        va_list args;
        va_start(args, format);
        int m = vsnprintf(out + n, (size_t)(LAB_PATH - n), format, args);
        va_end(args);
        n = m < 0 ? LAB_PATH : n + m;
    }
    if (n >= LAB_PATH) {
        return pp_fail(error, PP_INVALID, "the path of the lab, %.200s, is too long", lab->dir);
    }
    return PP_OK;
}

int lab_make_dir(const char *path, struct pp_error *error)
{
    if (mkdir(path, 0700) == 0 || errno == EEXIST) {
        return PP_OK;
    }
    return pp_fail(error, PP_IO, "cannot make the folder %s: %s", path, strerror(errno));
}

int lab_write_file(const char *path, const struct pp_buf *text, struct pp_error *error)
{
    int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0600);
    bool written = fd >= 0 && !text->failed &&
                   write(fd, text->data, text->len) == (ssize_t)text->len && close(fd) == 0;
    if (!written) {
        return pp_fail(error, PP_IO, "cannot write %s: %s", path, strerror(errno));
    }
    return PP_OK;
}

int lab_read_file(const char *path, size_t max, struct pp_buf *out)
{
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0) {
        return PP_NOT_FOUND;
    }
    char piece[4096];
    ssize_t n = 0;
    int code = PP_OK;
    while (!code && out->len < max && (n = read(fd, piece, sizeof piece)) > 0) {
        code = pp_buf_add(out, piece, (size_t)n);
    }
    close(fd);
    return n < 0 ? PP_IO : code;
}

static void address_of(unsigned second, unsigned block, size_t i, char out[16])
{
    snprintf(out, 16, "127.%u.%u.%u", second & 255u,
             (block + (unsigned)(i / NODES_PER_OCTET)) & 255u,
             ((unsigned)(i % NODES_PER_OCTET) + 1u) & 255u);
}

void lab_node_address(const struct lab *lab, size_t node, char out[16])
{
    address_of(1, lab->block, node, out);
}

void lab_user_address(const struct lab *lab, size_t user, char out[16])
{
    address_of(2, lab->block, user, out);
}

static int find_programs(struct lab *lab, struct pp_error *error)
{
    const char *given = getenv("PEERPOST_BIN");
    if (given && given[0]) {
        snprintf(lab->bin, sizeof lab->bin, "%s", given);
        return PP_OK;
    }
    ssize_t n = readlink("/proc/self/exe", lab->bin, sizeof lab->bin - 1);
    if (n <= 0) {
        return pp_fail(error, PP_IO, "cannot tell where the programs are; set PEERPOST_BIN");
    }
    lab->bin[n] = '\0';
    *strrchr(lab->bin, '/') = '\0';
    return PP_OK;
}

int lab_init(struct lab *lab, const char *dir, struct pp_error *error)
{
    char *absolute = realpath(dir, NULL);
    if (!absolute || strlen(absolute) > LAB_PATH - 200) {
        int code = pp_fail(error, PP_IO, "cannot use the folder %.300s: %s", dir,
                           absolute ? "its path is too long" : strerror(errno));
        free(absolute);
        return code;
    }
    *lab = (struct lab){0};
    snprintf(lab->dir, sizeof lab->dir, "%s", absolute);
    free(absolute);
    return find_programs(lab, error);
}

int lab_add_text(char ***list, size_t *n, const char *text, struct pp_error *error)
{
    char **more = realloc(*list, (*n + 1) * sizeof *more);
    char *copy = strdup(text);
    if (more) {
        *list = more;
    }
    if (!more || !copy) {
        free(copy);
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    more[(*n)++] = copy;
    return PP_OK;
}

static bool is_plain(const struct lab *lab)
{
    for (size_t i = 0; i < lab->n_node_options; i++) {
        if (strcmp(lab->node_options[i], "http.tls=false") == 0) {
            return true;
        }
    }
    return false;
}

int lab_add_nodes(struct lab *lab, size_t n, struct pp_error *error)
{
    if (n > LAB_NODES_MAX - lab->n_nodes) {
        return pp_fail(error, PP_INVALID, "a lab has at most %d nodes", LAB_NODES_MAX);
    }
    size_t total = lab->n_nodes + n;
    struct lab_node *nodes = realloc(lab->nodes, total * sizeof *nodes + 1);
    if (!nodes) {
        return pp_fail(error, PP_NOMEM, "out of memory");
    }
    memset(nodes + lab->n_nodes, 0, n * sizeof *nodes);
    lab->nodes = nodes;
    lab->n_nodes = total;
    return PP_OK;
}

static void free_texts(char **list, size_t n)
{
    for (size_t i = 0; i < n; i++) {
        free(list[i]);
    }
    free(list);
}

void lab_finish(struct lab *lab)
{
    free_texts(lab->users, lab->n_users);
    free_texts(lab->node_options, lab->n_node_options);
    free_texts(lab->user_options, lab->n_user_options);
    free(lab->nodes);
}

static json_t *texts_of(char *const *list, size_t n)
{
    json_t *array = json_array();
    for (size_t i = 0; i < n; i++) {
        json_array_append_new(array, json_string(list[i]));
    }
    return array;
}

int lab_save(const struct lab *lab, struct pp_error *error)
{
    char path[LAB_PATH];
    int code = lab_path(lab, path, error, "lab.json");
    if (code) {
        return code;
    }
    json_t *ids = json_array();
    for (size_t i = 0; i < lab->n_nodes; i++) {
        json_array_append_new(ids, json_string(lab->nodes[i].id));
    }
    json_t *root = json_pack("{s:i, s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "block", (int)lab->block,
                             "k", (int)lab->k, "substrate", lab->substrate, "store", lab->store,
                             "nodes", ids, "users", texts_of(lab->users, lab->n_users),
                             "node_options", texts_of(lab->node_options, lab->n_node_options),
                             "user_options", texts_of(lab->user_options, lab->n_user_options));
    if (!root || json_dump_file(root, path, JSON_INDENT(1)) != 0) {
        code = pp_fail(error, PP_IO, "cannot write %s", path);
    }
    json_decref(root);
    return code;
}

static int load_texts(const json_t *array, char ***list, size_t *n, struct pp_error *error)
{
    size_t i;
    json_t *value;
    json_array_foreach(array, i, value)
    {
        const char *text = json_string_value(value);
        int code = lab_add_text(list, n, text ? text : "", error);
        if (code) {
            return code;
        }
    }
    return PP_OK;
}

static int load_nodes(struct lab *lab, const json_t *ids, struct pp_error *error)
{
    int code = lab_add_nodes(lab, json_array_size(ids), error);
    for (size_t i = 0; !code && i < lab->n_nodes; i++) {
        char path[LAB_PATH];
        struct pp_buf pid = {0};
        const char *id = json_string_value(json_array_get(ids, i));
        snprintf(lab->nodes[i].id, sizeof lab->nodes[i].id, "%.40s", id ? id : "");
        code = lab_path(lab, path, error, "nodes/%zu/pid", i);
        if (!code && lab_read_file(path, 32, &pid) == PP_OK && pid.len > 0) {
            pid_t found = (pid_t)strtol((const char *)pid.data, NULL, 10);
            lab->nodes[i].pid = lab_is_running(lab, i, found) ? found : 0;
        }
        pp_buf_free(&pid);
    }
    return code;
}

static int load_from(struct lab *lab, const json_t *root, struct pp_error *error)
{
    int block = 0, k = 0;
    const char *substrate = "", *store = "";
    json_t *ids = NULL, *users = NULL, *node_options = NULL, *user_options = NULL;
    if (json_unpack((json_t *)root, "{s:i, s:i, s:s, s:s, s:o, s:o, s:o, s:o}", "block", &block,
                    "k", &k, "substrate", &substrate, "store", &store, "nodes", &ids, "users",
                    &users, "node_options", &node_options, "user_options", &user_options) != 0) {
        return pp_fail(error, PP_MALFORMED, "%s/lab.json is not a lab's; remove the folder",
                       lab->dir);
    }
    lab->block = (unsigned)block;
    lab->k = (unsigned)k;
    snprintf(lab->substrate, sizeof lab->substrate, "%s", substrate);
    snprintf(lab->store, sizeof lab->store, "%s", store);
    int code = load_nodes(lab, ids, error);
    code = code ? code : load_texts(users, &lab->users, &lab->n_users, error);
    code = code ? code : load_texts(node_options, &lab->node_options, &lab->n_node_options, error);
    code = code ? code : load_texts(user_options, &lab->user_options, &lab->n_user_options, error);
    lab->plain = is_plain(lab);
    return code;
}

int lab_load(struct lab *lab, struct pp_error *error)
{
    char path[LAB_PATH];
    json_error_t why;
    int code = lab_path(lab, path, error, "lab.json");
    if (code) {
        return code;
    }
    json_t *root = json_load_file(path, 0, &why);
    if (!root) {
        return pp_fail(error, PP_NOT_FOUND, "no lab in %s (%s); start one with `up`", lab->dir,
                       why.text);
    }
    code = load_from(lab, root, error);
    json_decref(root);
    return code;
}
