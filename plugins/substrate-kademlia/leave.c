/* Going politely: LEAVE to all of the table. The paper leaves silently; this one is ours. */
#include "kademlia.h"

bool kademlia_goodbye(struct pp_member *m, pp_ns now)
{
    struct pp_substrate_node *n = kademlia_node(m);
    (void)now;
    for (size_t i = 0; i < n->table.n; i++) {
        struct pp_writer w;
        pp_agent_begin(&m->a, &w, KADEMLIA_LEAVE);
        pp_agent_send(&m->a, &n->table.at[i].peer, &w);
    }
    return false;
}
