/* A small network of Chord nodes. */
#ifndef CHORD_NET_H
#define CHORD_NET_H

#include <small_net.h>
#include <stdio.h>
#include <substrate-chord/chord.h>
#include <substrate-chord/messages.h>

/* r: length of the lists. */
static inline void chord_start(struct net *net, unsigned r, bool v6)
{
    char lists[30];
    const char *const settings[] = {lists, NULL};
    snprintf(lists, sizeof lists, "successors=%u", r);
    net_start(net, settings, v6);
}

#endif
