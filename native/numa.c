/* On which NUMA nodes the memory under test lies: a policy for its addresses, set before any page is there, and a look
 * at the pages once they are. */
#include <stdio.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "counters.h"
#include "glibc.h"
#include "numa.h"

/* Of linux/mempolicy.h, which C libraries' headers do without. */
#define POLICY_BIND 2
#define POLICY_INTERLEAVE 3
#define POLICY_MEMS_ALLOWED 4u

void ps_nodes_add(struct ps_nodes *nodes, unsigned node)
{
    nodes->mask[node / PS_NODE_WORD_BITS] |= 1ul << node % PS_NODE_WORD_BITS;
    nodes->count++;
}

static int has(const struct ps_nodes *nodes, unsigned node)
{
    return node < PS_MOST_NODES && nodes->mask[node / PS_NODE_WORD_BITS] >> node % PS_NODE_WORD_BITS & 1;
}

static unsigned first_of(const struct ps_nodes *nodes)
{
    unsigned node = 0;

    while (node < PS_MOST_NODES && !has(nodes, node))
        node++;
    return node;
}

static int refused(ps_error *error, int errnum, const char *call)
{
    char detail[sizeof error->detail];

    if (errnum != ENOSYS && errnum != EPERM)
        return ps_error_set(error, errnum, call, "");
    (void)snprintf(detail, sizeof detail,
                   errnum == ENOSYS ? "this kernel does not know NUMA nodes (%s); use a kernel with CONFIG_NUMA"
                                    : "a seccomp profile forbids %s; allow it there, as containers with "
                                      "CAP_SYS_NICE have it",
                   call);
    return ps_unavailable(error, errnum, detail);
}

/* Those with memory that this process may use. */
static int find_allowed(struct ps_nodes *nodes, ps_error *error)
{
    memset(nodes, 0, sizeof *nodes);
    if (syscall(SYS_get_mempolicy, NULL, nodes->mask, (unsigned long)PS_MOST_NODES, NULL, POLICY_MEMS_ALLOWED) != 0)
        return refused(error, errno, "get_mempolicy");
    for (size_t word = 0; word < sizeof nodes->mask / sizeof *nodes->mask; word++)
        nodes->count += (unsigned)__builtin_popcountl(nodes->mask[word]);
    return 0;
}

static int find_two(struct ps_nodes *nodes, ps_error *error)
{
    const int failed = find_allowed(nodes, error);

    if (failed || nodes->count >= 2)
        return failed;
    return ps_unavailable(error, ENODEV,
                          "this process has memory on one NUMA node only; use a host with more, or allow it more nodes "
                          "(cpuset.mems)");
}

/* The kernel lists a node's distances to all that are online, by their numbers. */
static unsigned farthest(const struct ps_nodes *nodes, unsigned node)
{
    char path[64];
    unsigned chosen = 0, most = 0;

    while (chosen == node || !has(nodes, chosen)) /* where no distance is told */
        chosen++;
    (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%u/distance", node);
    FILE *const file = fopen(path, "re");

    for (unsigned other = 0; other < PS_MOST_NODES; other++) {
        unsigned distance = 1;

        (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%u", other);
        if (access(path, F_OK) != 0)
            continue;
        if (file && fscanf(file, "%u", &distance) != 1)
            distance = 1;
        if (other != node && has(nodes, other) && distance > most) {
            most = distance;
            chosen = other;
        }
    }
    if (file)
        (void)fclose(file);
    return chosen;
}

static int own_node(const struct ps_nodes *allowed, unsigned *node, ps_error *error)
{
    const uint64_t own = ps_cpu_node();

    if (own >= PS_MOST_NODES || !has(allowed, (unsigned)own))
        return ps_unavailable(error, ENODEV,
                              "the CPU's NUMA node has no memory that this process may use; measure on another CPU");
    *node = (unsigned)own;
    return 0;
}

int ps_nodes_pair(struct ps_node_pair *pair, ps_error *error)
{
    struct ps_nodes allowed;
    int failed = find_two(&allowed, error);

    if (failed || (failed = own_node(&allowed, &pair->near, error)) != 0)
        return failed;
    pair->far = farthest(&allowed, pair->near);
    return 0;
}

int ps_nodes_choose(const ps_trial *trial, struct ps_nodes *nodes, ps_error *error)
{
    const enum ps_numa wanted = (enum ps_numa)ps_word_find("numa", trial->numa);
    struct ps_nodes allowed;
    struct ps_node_pair pair = {0};
    int failed;

    memset(nodes, 0, sizeof *nodes);
    if (wanted == PS_NUMA_ANY)
        return 0;
    if (wanted == PS_NUMA_INTERLEAVE)
        return find_two(nodes, error);
    failed = wanted == PS_NUMA_REMOTE ? ps_nodes_pair(&pair, error) : find_allowed(&allowed, error);
    if (!failed && wanted == PS_NUMA_LOCAL)
        failed = own_node(&allowed, &pair.near, error);
    if (!failed)
        ps_nodes_add(nodes, wanted == PS_NUMA_LOCAL ? pair.near : pair.far);
    return failed;
}

int ps_nodes_probe(ps_error *why)
{
    struct ps_nodes allowed;
    const unsigned char here = 0;
    int node;
    const int failed = find_two(&allowed, why);

    if (failed)
        return failed;
    const int asked = ps_nodes_of(&here, 1, &node);

    return asked ? refused(why, -asked, "move_pages") : 0;
}

/* In KiB: what is free, and the page cache, which gives way. */
static unsigned long long free_kib(unsigned node)
{
    char path[64], line[128], name[32];
    unsigned long long kib, all = 0;

    (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%u/meminfo", node);
    FILE *const file = fopen(path, "re");

    if (!file)
        return ~0ull;
    while (fgets(line, sizeof line, file))
        if (sscanf(line, "Node %*u %31[^:]: %llu", name, &kib) == 2 &&
            (strcmp(name, "MemFree") == 0 || strcmp(name, "Active(file)") == 0 || strcmp(name, "Inactive(file)") == 0))
            all += kib;
    (void)fclose(file);
    return all;
}

static unsigned long long free_reserved_kib(unsigned node, size_t page_kib)
{
    char path[128];
    unsigned long long pages = 0;

    (void)snprintf(path, sizeof path, "/sys/devices/system/node/node%u/hugepages/hugepages-%zukB/free_hugepages", node,
                   page_kib);
    FILE *const file = fopen(path, "re");

    if (!file)
        return ~0ull;
    const int is_read = fscanf(file, "%llu", &pages) == 1;

    (void)fclose(file);
    return is_read ? pages * page_kib : ~0ull;
}

int ps_nodes_have_room(const struct ps_nodes *nodes, const struct ps_backing *backing, size_t bytes, ps_error *error)
{
    if (nodes->count != 1)
        return 0;
    const unsigned node = first_of(nodes);
    const size_t page_kib = backing->kernel_page_bytes >> 10;
    const unsigned long long kib = backing->is_reserved ? free_reserved_kib(node, page_kib) : free_kib(node);
    char detail[sizeof error->detail];

    if (kib >= bytes >> 10)
        return 0;
    if (backing->is_reserved)
        (void)snprintf(detail, sizeof detail,
                       "needs %zu huge pages of %zu KiB on NUMA node %u (%llu free); as root write more to "
                       "/sys/devices/system/node/node%u/hugepages/*-%zukB/nr_hugepages",
                       (bytes >> 10) / page_kib, page_kib, node, kib / page_kib, node, page_kib);
    else
        (void)snprintf(detail, sizeof detail,
                       "needs %zu MiB on NUMA node %u, which has %llu MiB free; use a smaller region_size or free "
                       "memory there",
                       bytes >> 20, node, kib >> 10);
    return ps_unavailable(error, ENOMEM, detail);
}

int ps_nodes_bind(const struct ps_nodes *nodes, const struct ps_backing *backing, unsigned char *begin, size_t bytes,
                  ps_error *error)
{
    /* A share may end inside a huge page of the pool, and then the next one's policy is for all of it. */
    const size_t page = backing->kernel_page_bytes, before = (uintptr_t)begin % page;
    const size_t span = (before + bytes + page - 1) / page * page;

    if (nodes->count == 0)
        return 0;
    if (backing->kind == PS_FILE)
        return ps_unavailable(error, ENOTSUP,
                              "the page cache of a file takes no NUMA policy; use numa 'any' or another backing");
    if (syscall(SYS_mbind, begin - before, span, nodes->count == 1 ? POLICY_BIND : POLICY_INTERLEAVE, nodes->mask,
                (unsigned long)PS_MOST_NODES, 0u) != 0)
        return refused(error, errno, "mbind");
    return 0;
}

int ps_nodes_of(const unsigned char *begin, size_t pages, int *nodes)
{
    const void *places[PS_NODES_A_CALL];

    for (size_t i = 0; i < pages; i++)
        places[i] = begin + i * PS_BASE_PAGE;
    return syscall(SYS_move_pages, 0, pages, places, NULL, nodes, 0) == 0 ? 0 : -errno;
}

int ps_nodes_check(const struct ps_nodes *nodes, const unsigned char *begin, size_t bytes, ps_error *error)
{
    const size_t pages = bytes / PS_BASE_PAGE;
    int found[PS_NODES_A_CALL];
    struct ps_nodes seen = {0};
    size_t elsewhere = 0, present = 0;
    char detail[sizeof error->detail];

    for (size_t first = 0; nodes->count && first < pages; first += PS_NODES_A_CALL) {
        const size_t count = pages - first < PS_NODES_A_CALL ? pages - first : PS_NODES_A_CALL;
        const int failed = ps_nodes_of(begin + first * PS_BASE_PAGE, count, found);

        if (failed)
            return refused(error, -failed, "move_pages");
        for (size_t i = 0; i < count; i++) {
            if (found[i] < 0) /* no page there */
                continue;
            present++;
            if (!has(nodes, (unsigned)found[i]))
                elsewhere++;
            else if (!has(&seen, (unsigned)found[i]))
                ps_nodes_add(&seen, (unsigned)found[i]);
        }
    }
    if (elsewhere == 0 && (present == 0 || seen.count == nodes->count))
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "%zu of %zu KiB lie on other NUMA nodes than asked for when the rounds begin, and %u of %u nodes "
                   "hold some; free memory there, use a larger region, or numa 'any'",
                   elsewhere * PS_BASE_PAGE >> 10, present * PS_BASE_PAGE >> 10, seen.count, nodes->count);
    return ps_unavailable(error, ENOMEM, detail);
}
