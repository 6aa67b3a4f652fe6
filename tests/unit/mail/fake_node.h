/* One node of the fake world: the primitives on tables, in a few lines each. */
#ifndef FAKE_NODE_H
#define FAKE_NODE_H

#include "fake_net.h"

struct fake_ask {
    const char *method;
    struct pp_bytes identifier, body, set, wire, fields; /* fields: lines, NUL after each */
    int64_t now;
};

struct fake_answer {
    int status;
    const char *names[8];
    char values[8][128];
    size_t n_fields;
    struct pp_buf body;
    bool endless;
    unsigned wait; /* seconds that the reader of this inbox would wait */
};

void fake_node_handle(struct fake_node *node, const struct fake_ask *ask, struct fake_answer *a);
void fake_answer_finish(struct fake_answer *a);
void fake_node_finish(struct fake_node *node);

#endif
