/* migrate: pages get to another NUMA node and keep their addresses, as the memory of a thread should that was moved to
 * another CPU. An iteration is one run of `run_pages` neighbouring pages.
 *
 * With `numa: remote` they come to the node of the CPU from the one that is farthest from it, else they go the other
 * way. A round's runs are handed over at once, in random order, each run of the region once before any comes again.
 * Before a round all pages lie on the one node; after it the kernel is asked for the node of each, and they are brought
 * back. */
#include <stdlib.h>
#include <string.h>

#include "../node_moves.h"
#include "../numa.h"

struct migration {
    unsigned from, to; /* nodes */
    uint64_t pages; /* that were brought there */
    unsigned char *asked; /* one a page: this round's runs hold it */
    struct ps_node_moves back;
};

static int can(const struct ps_method *method)
{
    return method->migrate_many != NULL;
}

static int choose_nodes(struct ps_work *work, struct migration *migration)
{
    const struct ps_backing *const backing = ps_backing_find(work->trial->backing);
    const size_t bytes = work->region.pages * work->region.page_bytes;
    struct ps_nodes from = {0}, to = {0};
    struct ps_node_pair pair;
    int failed = ps_nodes_pair(&pair, &work->error);

    if (failed)
        return failed;
    const int comes = ps_word_find("numa", work->trial->numa) == PS_NUMA_REMOTE;

    migration->from = comes ? pair.far : pair.near;
    migration->to = comes ? pair.near : pair.far;
    ps_nodes_add(&from, migration->from);
    ps_nodes_add(&to, migration->to);
    if ((failed = ps_nodes_have_room(&to, backing, bytes, &work->error)) != 0)
        return failed;
    /* So that the kernel does not move them by itself. */
    return ps_nodes_bind(&from, backing, work->region.base, bytes, &work->error);
}

static int prepare(struct ps_work *work)
{
    struct migration *migration;
    int failed = ps_runs_prepare(work, "a round migrates each run once at most");

    if (failed)
        return failed;
    if (ps_word_find("numa", work->trial->numa) == PS_NUMA_INTERLEAVE)
        return ps_error_set(&work->error, EINVAL, "numa", "pages migrate from one node to another one");
    if (!(migration = work->private = ps_allocate(work, 1, sizeof *migration, "malloc (migration)")))
        return -ENOMEM;
    memset(migration, 0, sizeof *migration);
    if (!(migration->asked = ps_allocate(work, work->region.pages, 1, "malloc (migration)")))
        return -ENOMEM;
    memset(migration->asked, 0, work->region.pages);
    return choose_nodes(work, migration);
}

static int bring(struct ps_work *work, const struct iovec *runs, size_t n, unsigned node)
{
    struct migration *const migration = work->private;
    const char *call = "";
    const int failed = ps_node_moves_run(&migration->back, runs, n, work->region.fault_bytes, node, &call);

    return failed ? ps_error_set(&work->error, -failed, call, "between the rounds") : 0;
}

/* A page that the kernel has in its hands seems to be absent, and who reads it waits until it is there. */
static int ask_again(const unsigned char *page)
{
    int node = -ENOENT;

    (void)*(const volatile unsigned char *)page;
    return ps_nodes_of(page, 1, &node) == 0 ? node : -ENOENT;
}

/* Returns 1 and describes the first page of [first, end) that the kernel does not know on its node, 0 where there is
 * none, or a negative errno. */
static int look(struct ps_work *work, size_t first, size_t end, ps_result *wrong)
{
    const struct migration *const migration = work->private;
    const size_t page_bytes = work->region.page_bytes, bytes = end * page_bytes;
    int nodes[PS_NODES_A_CALL];

    for (size_t at = first * page_bytes; at < bytes; at += PS_NODES_A_CALL * PS_BASE_PAGE) {
        const size_t left = (bytes - at) / PS_BASE_PAGE, count = left < PS_NODES_A_CALL ? left : PS_NODES_A_CALL;
        const int failed = ps_nodes_of(work->region.base + at, count, nodes);

        if (failed)
            return ps_error_set(&work->error, -failed, "move_pages", "asking for nodes");
        for (size_t i = 0; i < count; i++) {
            const size_t offset = at + i * PS_BASE_PAGE, slot = offset / page_bytes;
            const unsigned expected = migration->asked[slot] ? migration->to : migration->from;

            if (nodes[i] < 0)
                nodes[i] = ask_again(work->region.base + offset);
            if (nodes[i] == (int)expected)
                continue;
            *wrong = (ps_result){.wrong_slot = slot,
                                 .wrong_offset = offset % page_bytes,
                                 .found_word = (uint64_t)nodes[i],
                                 .expected_word = expected,
                                 .is_misplaced = 1};
            return 1;
        }
    }
    return 0;
}

/* Huge pages and large folios move whole, and who asks for a part of one would be told that others had to wait: one
 * page is moved to see whether its neighbours go along. */
static int try_one(struct ps_work *work)
{
    struct migration *const migration = work->private;
    const size_t page_bytes = work->region.page_bytes, around = PS_HUGE_PAGE / page_bytes + 1;
    const struct iovec page = {work->region.base, page_bytes};
    ps_result wrong;
    int failed = bring(work, &page, 1, migration->to);

    if (failed)
        return failed;
    migration->asked[0] = 1;
    const int found = look(work, 0, around < work->region.pages ? around : work->region.pages, &wrong);

    migration->asked[0] = 0;
    if (found < 0)
        return found;
    if (found)
        return ps_unavailable(&work->error, EINVAL,
                              "the kernel has this region in larger pages than page_size, which migrate whole; use a "
                              "page_size that is a multiple of theirs, or backing 'thp_off'");
    return bring(work, &page, 1, migration->from);
}

static int settle(struct ps_work *work)
{
    const struct migration *const migration = work->private;
    const struct iovec all = {work->region.base, work->region.pages * work->region.page_bytes};
    const int failed = bring(work, &all, 1, migration->from);

    return failed ? failed : try_one(work);
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    const struct migration *const migration = work->private;
    const struct iovec *const list = ps_runs_from(work, begin);
    const int failed = work->method->migrate_many(&work->region, list, end - begin, migration->to);

    for (size_t i = 0; !failed && work->region.touch && i < end - begin; i++)
        for (size_t offset = 0; offset < list[i].iov_len; offset += work->region.page_bytes)
            ps_touch(&work->region, (unsigned char *)list[i].iov_base + offset);
    return failed;
}

static void ask_for(struct ps_work *work, const struct iovec *list, size_t n, unsigned char asked)
{
    struct migration *const migration = work->private;

    for (size_t i = 0; i < n; i++)
        memset(migration->asked + ps_runs_slot(work, list[i].iov_base), asked,
               list[i].iov_len / work->region.page_bytes);
}

static int after_round(struct ps_work *work, size_t begin, size_t end)
{
    struct migration *const migration = work->private;
    struct ps_runs *const runs = work->runs;
    const struct iovec *const list = ps_runs_from(work, begin);

    for (size_t i = 0; i < end - begin; i++)
        migration->pages += list[i].iov_len / work->region.page_bytes;
    ask_for(work, list, end - begin, 1);
    const int found = runs->is_wrong ? 0 : look(work, 0, work->region.pages, &runs->wrong);

    ask_for(work, list, end - begin, 0);
    runs->is_wrong |= found > 0;
    return found < 0 ? found : bring(work, list, end - begin, migration->from);
}

static uint64_t page_moves(const struct ps_work *work)
{
    return ((const struct migration *)work->private)->pages;
}

static void release(struct ps_work *work)
{
    struct migration *const migration = work->private;

    if (migration)
        free(migration->asked);
    free(migration);
    ps_runs_release(work);
}

const struct ps_workload_ops ps_workload_migrate = {
    .name = "migrate",
    .is_full = 1,
    .can = can,
    .prepare = prepare,
    .settle = settle,
    .run = run,
    .after_round = after_round,
    .page_moves = page_moves,
    .verify = ps_runs_verify,
    .release = release,
};
