/* Real overlays in one process; see swarm.h. Linked with --wrap=pp_udp_send, so that a partition
 * can be made where datagrams leave. */
#include "swarm.h"

#include <check.h>
#include <config/config.h>
#include <dirent.h>
#include <io/udp.h>
#include <openssl/evp.h>
#include <openssl/x509.h>
#include <overlay/envelope_crypto.h>
#include <overlay/overlay_internal.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

/* The substrate that is linked in, at its shortest periods. */
extern const struct pp_substrate peerpost_plugin;
static const char yaml[] = "substrate:\n"
                           "  mesh:\n    period: 200ms\n"
                           "  chord:\n    stabilise: 1s\n    refresh: 1s\n";

void __real_pp_udp_send(struct pp_udp *udp, const uint8_t address[16], uint16_t port,
                        struct pp_bytes bytes);
void __wrap_pp_udp_send(struct pp_udp *udp, const uint8_t address[16], uint16_t port,
                        struct pp_bytes bytes);

static struct swarm *current;

static const struct swarm_node *owner_of(const struct pp_udp *udp, bool *probe)
{
    for (size_t i = 0; i < current->n; i++) {
        const struct pp_overlay *o = current->nodes[i].overlay;
        if (o && (o->udp == udp || o->probe == udp)) {
            *probe = o->probe == udp;
            return &current->nodes[i];
        }
    }
    return NULL;
}

void __wrap_pp_udp_send(struct pp_udp *udp, const uint8_t address[16], uint16_t port,
                        struct pp_bytes bytes)
{
    bool probe = false;
    const struct swarm_node *from = owner_of(udp, &probe);
    char text[46];
    pp_address_text(text, address);
    for (size_t i = 0; from && i < current->n; i++) {
        const struct swarm_node *to = &current->nodes[i];
        bool cut = to->side != from->side || (probe && to->far_side);
        if (strcmp(to->address, text) == 0 && cut) {
            return;
        }
    }
    __real_pp_udp_send(udp, address, port, bytes);
}

static void on_limit(void *ctx)
{
    ((struct swarm *)ctx)->late = true;
}

void swarm_init(struct swarm *s, int subnet)
{
    memset(s, 0, sizeof *s);
    s->loop = pp_loop_create();
    CHECK_FATAL(s->loop != NULL);
    s->limit = pp_timer_create(s->loop, on_limit, s);
    s->plugin = &peerpost_plugin;
    CHECK_FATAL(pp_config_parse(&s->config, "swarm", pp_str(yaml), NULL, 0, NULL) == PP_OK);
    CHECK_FATAL(pp_config_plugin(s->config, "substrate", &s->plugin->plugin, &s->plugin_options,
                                 NULL) == PP_OK);
    s->k = 3;
    s->subnet = subnet;
    s->found_after = 1500 * PP_MS;
    snprintf(s->folder, sizeof s->folder, "/tmp/peerpost-swarm-XXXXXX");
    CHECK_FATAL(mkdtemp(s->folder) != NULL);
    current = s;
}

static void remove_folder(const char *folder)
{
    DIR *d = opendir(folder);
    for (struct dirent *e = d ? readdir(d) : NULL; e; e = readdir(d)) {
        char path[400];
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        unlink(path);
    }
    closedir(d);
    rmdir(folder);
}

void swarm_finish(struct swarm *s)
{
    for (size_t i = 0; i < s->n; i++) {
        swarm_kill(&s->nodes[i]);
        EVP_PKEY_free(s->nodes[i].key);
        pp_buf_free(&s->nodes[i].certificate);
    }
    pp_timer_destroy(s->limit);
    pp_loop_destroy(s->loop);
    pp_config_free(s->config);
    remove_folder(s->folder);
}

static void make_certificate(struct swarm_node *node)
{
    X509 *x = X509_new();
    X509_set_version(x, 2);
    ASN1_INTEGER_set(X509_get_serialNumber(x), 1);
    X509_gmtime_adj(X509_getm_notBefore(x), 0);
    X509_gmtime_adj(X509_getm_notAfter(x), 86400);
    X509_set_pubkey(x, node->key);
    CHECK_FATAL(X509_sign(x, node->key, EVP_sha256()) > 0);
    uint8_t *der = NULL;
    int len = i2d_X509(x, &der);
    pp_buf_add(&node->certificate, der, (size_t)len);
    OPENSSL_free(der);
    X509_free(x);
}

struct swarm_node *swarm_add(struct swarm *s, enum pp_role role)
{
    CHECK_FATAL(s->n < SWARM_MAX);
    struct swarm_node *node = &s->nodes[s->n++];
    uint8_t point[PP_POINT];
    node->swarm = s;
    node->role = role;
    snprintf(node->address, sizeof node->address, "127.3.%d.%zu", s->subnet, s->n);
    snprintf(node->peers_file, sizeof node->peers_file, "%s/%zu.peers", s->folder, s->n);
    if (role == PP_MEMBER) {
        CHECK_FATAL(pp_ephemeral_key(&node->key) == PP_OK);
        make_certificate(node);
        pp_point_of(point, node->key);
        node->id = pp_point_id(point);
    }
    return node;
}

static int check(void *ctx, struct pp_bytes der, pp_ns wall, struct pp_id *id)
{
    (void)ctx;
    (void)wall;
    uint8_t point[PP_POINT];
    if (pp_certificate_point(point, der) != PP_OK) {
        return PP_MALFORMED;
    }
    *id = pp_point_id(point);
    return PP_OK;
}

int swarm_start(struct swarm_node *node, const struct swarm_node *const *contacts, size_t n,
                struct pp_error *error)
{
    struct swarm *s = node->swarm;
    const char *texts[SWARM_MAX];
    for (size_t i = 0; i < n; i++) {
        texts[i] = contacts[i]->contact;
    }
    struct pp_overlay_options o = {
        .plugin = s->plugin,
        .plugin_options = s->plugin_options,
        .network_name = "swarm",
        .k = s->k,
        .role = node->role,
        .udp = node->port,
        .advertise_http = 80,
        .key = node->key,
        .certificate = pp_buf_bytes(&node->certificate),
        .contacts = texts,
        .n_contacts = n,
        .peers_file = node->peers_file,
        .found_after = s->found_after,
        .merge_period = s->merge_period,
        .check = check,
    };
    pp_address_parse(o.listen, node->address);
    int code = pp_overlay_open(&node->overlay, s->loop, &o, error);
    if (code ==
        PP_OK) { /* any free port at first, so that test programs never meet; then the same */
        node->port = pp_overlay_self(node->overlay).udp;
        snprintf(node->contact, sizeof node->contact, "%.19s:%u", node->address, node->port);
    }
    return code;
}

void swarm_kill(struct swarm_node *node)
{
    pp_overlay_close(node->overlay);
    node->overlay = NULL;
}

bool swarm_until(struct swarm *s, pp_ns bound, bool (*done)(struct swarm *s))
{
    s->late = false;
    pp_loop_turn(s->loop, false);
    pp_timer_set(s->limit, pp_loop_now(s->loop).mono + bound);
    while (!done(s) && !s->late) {
        pp_loop_turn(s->loop, true);
    }
    pp_timer_set(s->limit, PP_NEVER);
    return !s->late;
}

bool swarm_all_active(struct swarm *s)
{
    for (size_t i = 0; i < s->n; i++) {
        const struct pp_overlay *o = s->nodes[i].overlay;
        if (o &&
            (pp_overlay_state(o, NULL) != PP_ACTIVE || pp_overlay_role(o) != s->nodes[i].role)) {
            return false;
        }
    }
    return true;
}

static void on_found(void *ctx, uint64_t token, const struct pp_result *result)
{
    struct swarm_node *node = ctx;
    (void)token;
    node->found = *result;
    node->n_found++;
    memcpy(node->peers, result->peers, result->n_peers * sizeof *node->peers);
}

void swarm_lookup(struct swarm_node *node, const struct pp_id *key)
{
    node->n_found = 0;
    CU_ASSERT_EQUAL(pp_overlay_lookup(node->overlay, key, node->swarm->k, 1, 7, on_found, node),
                    PP_OK);
}

static bool all_answered(struct swarm *s)
{
    for (size_t i = 0; i < s->n; i++) {
        if (s->nodes[i].overlay && s->nodes[i].n_found == 0) {
            return false;
        }
    }
    return true;
}

void swarm_await_all(struct swarm *s)
{
    while (!all_answered(s) && !s->late) {
        pp_loop_turn(s->loop, true);
    }
}

/* How many running members the substrate ranks nearer to key than the one with this id. */
static size_t rank_of(struct swarm *s, const struct pp_id *key, const struct pp_id *id)
{
    uint8_t ranks[SWARM_MAX][PP_RANK_LEN], own[PP_RANK_LEN] = {0};
    size_t n = 0, nearer = 0;
    for (size_t i = 0; i < s->n; i++) {
        const struct pp_overlay *o = s->nodes[i].overlay;
        if (o && s->nodes[i].role == PP_MEMBER) {
            s->plugin->rank(o->node, key, ranks[n]);
            if (pp_id_equal(&s->nodes[i].id, id)) {
                memcpy(own, ranks[n], sizeof own);
            }
            n++;
        }
    }
    for (size_t i = 0; i < n; i++) {
        nearer += memcmp(ranks[i], own, sizeof own) < 0;
    }
    return nearer;
}

static bool agrees(struct swarm *s, const struct swarm_node *node, const struct pp_id *key)
{
    size_t members = 0;
    for (size_t i = 0; i < s->n; i++) {
        members += s->nodes[i].overlay && s->nodes[i].role == PP_MEMBER;
    }
    size_t due = members < s->k ? members : s->k;
    bool right = node->found.code == PP_OK && node->found.n_peers == due;
    for (size_t i = 0; right && i < due; i++) {
        right = rank_of(s, key, &node->peers[i].id) == i;
    }
    return right;
}

bool swarm_is_one(struct swarm *s)
{
    if (!swarm_all_active(s)) {
        return false;
    }
    struct pp_id key = pp_id_power(77);
    for (size_t i = 0; i < s->n; i++) {
        if (s->nodes[i].overlay) {
            swarm_lookup(&s->nodes[i], &key);
        }
    }
    swarm_await_all(s);
    for (size_t i = 0; i < s->n; i++) {
        if (s->nodes[i].overlay && !agrees(s, &s->nodes[i], &key)) {
            return false;
        }
    }
    return true;
}
