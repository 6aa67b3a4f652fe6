/* The fake world's nodes and what a test may ask about them; see fake_net.h. */
#include "fake_net.h"

#include "fake_node.h"

#include <base/hash.h>
#include <stdio.h>

struct pp_net_impl *fake_create(size_t nodes)
{
    struct pp_net_impl *net = calloc(1, sizeof *net);
    net->nodes = calloc(nodes, sizeof *net->nodes);
    net->n_nodes = nodes;
    net->mono = PP_SECOND;
    net->random = 42;
    for (size_t i = 0; i < nodes; i++) {
        char name[32];
        snprintf(name, sizeof name, "node %zu", i);
        struct pp_name hash = pp_name_of(pp_str(name));
        net->nodes[i].peer.id = pp_name_key(&hash);
        net->nodes[i].peer.http = (uint16_t)(4000 + i);
    }
    return net;
}

void fake_destroy(struct pp_net_impl *net)
{
    fake_reboot(net);
    CU_ASSERT_EQUAL(net->live_blobs, 0);
    for (size_t i = 0; i < net->n_nodes; i++) {
        fake_node_finish(&net->nodes[i]);
    }
    for (size_t i = 0; i < net->n_notes; i++) {
        pp_buf_free(&net->notes[i].key);
        pp_buf_free(&net->notes[i].value);
        pp_buf_free(&net->notes[i].synced);
    }
    for (size_t i = 0; i < net->n_files; i++) {
        pp_buf_free(&net->files[i].octets);
    }
    free(net->notes);
    free(net->files);
    free(net->nodes);
    free(net);
}

size_t fake_closest(struct pp_net_impl *net, const struct pp_id *key, unsigned k,
                    struct fake_node **out)
{
    size_t n = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        struct fake_node *node = &net->nodes[i];
        if (node->dead && !node->unnoticed) {
            continue;
        }
        struct pp_id mine = pp_id_sub(&node->peer.id, key);
        size_t at = n < k ? n : k;
        while (at > 0) {
            struct pp_id other = pp_id_sub(&out[at - 1]->peer.id, key);
            if (pp_id_compare(&other, &mine) <= 0) {
                break;
            }
            if (at < k) {
                out[at] = out[at - 1];
            }
            at--;
        }
        if (at < k) {
            out[at] = node;
            n = n < k ? n + 1 : n;
        }
    }
    return n;
}

unsigned fake_copies(struct pp_net_impl *net, struct pp_bytes identifier)
{
    unsigned n = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        struct fake_object *o = fake_object(&net->nodes[i], identifier);
        n += o && !o->gone;
    }
    return n;
}

unsigned fake_bodies(struct pp_net_impl *net, unsigned *distinct)
{
    unsigned n = 0;
    *distinct = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        for (size_t j = 0; j < net->nodes[i].n_objects; j++) {
            struct fake_object *o = &net->nodes[i].objects[j];
            if (o->gone || !strstr((const char *)o->identifier.data, "@peerpost.invalid")) {
                continue;
            }
            n++;
            bool first = true;
            for (size_t before = 0; before < i; before++) {
                struct fake_object *same =
                    fake_object(&net->nodes[before], pp_buf_bytes(&o->identifier));
                first &= !same || same->gone;
            }
            *distinct += first;
        }
    }
    return n;
}

unsigned fake_notifications(struct pp_net_impl *net)
{
    unsigned n = 0;
    for (size_t i = 0; i < net->n_nodes; i++) {
        for (size_t j = 0; j < net->nodes[i].n_inboxes; j++) {
            n += (unsigned)net->nodes[i].inboxes[j].n;
        }
    }
    return n;
}

void fake_spool(struct pp_net_impl *net, const char *name, struct pp_bytes octets)
{
    net->files = realloc(net->files, (net->n_files + 1) * sizeof *net->files);
    struct fake_file *f = &net->files[net->n_files++];
    *f = (struct fake_file){.place = PP_PLACE_SPOOL};
    snprintf(f->name, sizeof f->name, "%s", name);
    pp_buf_add(&f->octets, octets.data, octets.len);
}

const struct fake_file *fake_file(struct pp_net_impl *net, enum pp_place place, size_t i)
{
    for (size_t j = 0; j < net->n_files; j++) {
        if (net->files[j].place == place && i-- == 0) {
            return &net->files[j];
        }
    }
    return NULL;
}

size_t fake_count_files(struct pp_net_impl *net, enum pp_place place)
{
    size_t n = 0;
    while (fake_file(net, place, n)) {
        n++;
    }
    return n;
}

/* --- notes --- */

struct fake_note *fake_find_note(struct pp_net_impl *net, struct pp_bytes key)
{
    for (size_t i = 0; i < net->n_notes; i++) {
        if (pp_bytes_equal(pp_buf_bytes(&net->notes[i].key), key)) {
            return &net->notes[i];
        }
    }
    return NULL;
}

int fake_replay(struct pp_net_impl *net, struct pp_bytes prefix,
                int (*fn)(void *ctx, struct pp_bytes key, struct pp_bytes value), void *ctx)
{
    for (size_t i = 0; i < net->n_notes; i++) {
        struct fake_note *n = &net->notes[i];
        if (n->value.len && n->key.len >= prefix.len &&
            memcmp(n->key.data, prefix.data, prefix.len) == 0) {
            int rc = fn(ctx, pp_buf_bytes(&n->key), pp_buf_bytes(&n->value));
            if (rc) {
                return rc;
            }
        }
    }
    return 0;
}

int fake_recall(struct pp_net_impl *net, struct pp_bytes key, struct pp_bytes *value)
{
    struct fake_note *n = fake_find_note(net, key);
    if (!n || !n->value.len) {
        return PP_NOT_FOUND;
    }
    *value = pp_buf_bytes(&n->value);
    return PP_OK;
}
