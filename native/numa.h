/* On which NUMA nodes memory is to lie, and on which it does. */
#ifndef PAGESWAP_NUMA_H
#define PAGESWAP_NUMA_H

#include "memory.h"

#define PS_MOST_NODES 1024u
#define PS_NODE_WORD_BITS (8 * sizeof(unsigned long))

enum ps_numa { PS_NUMA_ANY, PS_NUMA_LOCAL, PS_NUMA_REMOTE, PS_NUMA_INTERLEAVE }; /* as the registry's words */

struct ps_nodes {
    unsigned long mask[PS_MOST_NODES / PS_NODE_WORD_BITS];
    unsigned count; /* of nodes in the mask; 0: no matter which */
};

/* The node of a CPU, and the one that is farthest from it by the firmware's word, of those that have memory which this
 * process may use. */
struct ps_node_pair {
    unsigned near, far;
};

/* numa.c. Whatever fails but a call is ps_unavailable() with the cure. The next two look from the CPU that this runs
 * on: the nodes that a trial's factor `numa` names, and the pair. */
int ps_nodes_choose(const ps_trial *trial, struct ps_nodes *nodes, ps_error *error);
int ps_nodes_pair(struct ps_node_pair *pair, ps_error *error);
int ps_nodes_probe(ps_error *why); /* are there two, and may pages be moved between them? */
void ps_nodes_add(struct ps_nodes *nodes, unsigned node); /* that is not among them */
/* Has a single node, which would have to take all of it, as much to give? */
int ps_nodes_have_room(const struct ps_nodes *nodes, const struct ps_backing *backing, size_t bytes, ps_error *error);
/* Lets memory that is brought to these addresses lie on the nodes. The kernel's own balancing leaves such memory
 * alone. */
int ps_nodes_bind(const struct ps_nodes *nodes, const struct ps_backing *backing, unsigned char *begin, size_t bytes,
                  ps_error *error);
/* Does each of the nodes hold some of the pages that are there, and no other node any? */
int ps_nodes_check(const struct ps_nodes *nodes, const unsigned char *begin, size_t bytes, ps_error *error);
/* Fills the node of each of up to PS_NODES_A_CALL base pages, or a negative errno. Returns 0 or a negative errno. */
#define PS_NODES_A_CALL ((size_t)512)
int ps_nodes_of(const unsigned char *begin, size_t pages, int *nodes);

#endif
