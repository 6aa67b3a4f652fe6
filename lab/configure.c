/*
 * Writes the YAML files of nodes and users. What is not written stays at the default, so
 * that a lab is the shipped thing; the command line's NAME=VALUE options are added as they are.
 */
#include <lab/lab.h>

#include <stdlib.h>

static void add_contacts(const struct lab *lab, size_t self, struct pp_buf *out)
{
    size_t listed = 0;
    pp_buf_add_str(out, "overlay:\n  contacts:");
    for (size_t i = 0; i < lab->n_nodes && listed < LAB_CONTACTS; i++) {
        char address[16];
        if (i == self) {
            continue;
        }
        lab_node_address(lab, i, address);
        pp_buf_printf(out, "%s\"%s:%d\"", listed ? ", " : " [", address, LAB_UDP_PORT);
        listed++;
    }
    pp_buf_add_str(out, listed ? "]\n" : " []\n");
}

/* NAME=VALUE lines; a value that begins with [ or { is YAML already. */
static void add_options(char *const *options, size_t n, struct pp_buf *out)
{
    for (size_t i = 0; i < n; i++) {
        const char *equals = strchr(options[i], '=');
        pp_buf_printf(out, "%.*s: %s\n", (int)(equals - options[i]), options[i], equals + 1);
    }
}

static int write_yaml(const char *path, struct pp_buf *yaml, struct pp_error *error)
{
    int code = lab_write_file(path, yaml, error);
    pp_buf_free(yaml);
    return code;
}

int lab_configure_node(const struct lab *lab, size_t node, struct pp_error *error)
{
    char path[LAB_PATH], address[16];
    struct pp_buf y = {0};
    int code = lab_path(lab, path, error, "nodes/%zu/config.yaml", node);
    if (code) {
        return code;
    }
    lab_node_address(lab, node, address);
    pp_buf_printf(&y, "network:\n  name: lab\n  k: %u\n", lab->k);
    pp_buf_printf(&y, "node:\n  listen: %s\n  udp: %d\n  http: %d\n", address, LAB_UDP_PORT,
                  LAB_HTTP_PORT);
    pp_buf_add_str(&y, "  key: node.key.pem\n  certificate: node.cert.pem\n  state: state\n");
    if (node == 0) {
        pp_buf_add_str(&y, "# node 0 founds the network: it has no contacts\n");
    } else {
        add_contacts(lab, node, &y);
    }
    pp_buf_printf(&y, "substrate:\n  plugin: %s\nstore:\n  plugin: %s\n", lab->substrate,
                  lab->store);
    pp_buf_add_str(&y, "trust:\n  ca: ../../ca/ca.cert.pem\n  crl: ../../ca/crl.pem\n");
    pp_buf_printf(&y, "admin:\n  listen: \"%s:%d\"\n", address, LAB_ADMIN_PORT);
    add_options(lab->node_options, lab->n_node_options, &y);
    return write_yaml(path, &y, error);
}

int lab_configure_user(const struct lab *lab, size_t user, struct pp_error *error)
{
    char path[LAB_PATH], address[16];
    struct pp_buf y = {0};
    int code = lab_path(lab, path, error, "users/%s/config.yaml", lab->users[user]);
    if (code) {
        return code;
    }
    lab_user_address(lab, user, address);
    pp_buf_printf(&y, "user:\n  address: %s\n", lab->users[user]);
    pp_buf_add_str(&y, "  key: user.key.pem\n  certificate: user.cert.pem\n  state: state\n"
                       "  maildir: Maildir\n");
    pp_buf_printf(&y, "network:\n  name: lab\n  k: %u\n", lab->k);
    add_contacts(lab, SIZE_MAX, &y);
    pp_buf_printf(&y, "net:\n  bind: %s\n", address);
    pp_buf_printf(&y, "substrate:\n  plugin: %s\n", lab->substrate);
    pp_buf_add_str(&y, "trust:\n  ca: ../../ca/ca.cert.pem\n  crl: ../../ca/crl.pem\n");
    add_options(lab->user_options, lab->n_user_options, &y);
    return write_yaml(path, &y, error);
}
