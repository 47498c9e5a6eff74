/* grow: enlarges blocks of memory, as realloc does. An iteration grows one block.
 *
 * Every block begins with its first half, or with a random part of it (pattern random), written; growing it to
 * region_bytes is timed, and with touch: moved also a read of each old page at its new place. Each round has blocks of
 * its own, all made before it and checked and freed after it, so the memory of one round is iterations / rounds
 * blocks. */
#include <stdlib.h>
#include <string.h>

#include "../pageswap.h"

struct blocks {
    struct ps_block *list; /* of one round */
    struct ps_generator generator;
    ps_result wrong; /* what the check after a round found */
    int is_wrong;
};

#define SMALLEST_BLOCK ((size_t)64 << 10)

static int can(const struct ps_method *method)
{
    return method->block_new != NULL;
}

static int prepare(struct ps_work *work)
{
    const size_t most = work->iterations / work->trial->rounds + 1;
    struct blocks *blocks;

    if (work->trial->region_bytes < 2 * SMALLEST_BLOCK)
        return ps_error_set(&work->error, EINVAL, "region_bytes", "a block grows from 64 KiB to 128 KiB at least");
    if (!(blocks = work->private = ps_allocate(work, 1, sizeof *blocks, "malloc (blocks)")))
        return -ENOMEM;
    memset(blocks, 0, sizeof *blocks);
    if (!(blocks->list = ps_allocate(work, most, sizeof *blocks->list, "malloc (blocks)")))
        return -ENOMEM;
    memset(blocks->list, 0, most * sizeof *blocks->list);
    ps_generator_seed(&blocks->generator, work->seed);
    return 0;
}

static size_t first_bytes(struct ps_work *work)
{
    struct blocks *const blocks = work->private;
    const size_t most = work->trial->region_bytes;

    if (ps_word_find("pattern", work->trial->pattern) != PS_PATTERN_random)
        return most / 2;
    const size_t steps = (most - SMALLEST_BLOCK) / PS_BASE_PAGE;

    return SMALLEST_BLOCK + ps_generator_below(&blocks->generator, (uint32_t)steps) * PS_BASE_PAGE;
}

static int before_round(struct ps_work *work, size_t begin, size_t end)
{
    struct blocks *const blocks = work->private;

    for (size_t i = 0; i < end - begin; i++) {
        struct ps_block *const block = &blocks->list[i];

        block->first_size = block->size = first_bytes(work);
        if (!(block->first = block->bytes = work->method->block_new(block->size, work->trial->region_bytes)))
            return ps_error_set(&work->error, errno, "allocation of a block", "");
        ps_stamp_bytes(block->bytes, block->size, work->seed + begin + i);
    }
    return 0;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    struct blocks *const blocks = work->private;
    const size_t size = work->trial->region_bytes;

    for (size_t i = 0; i < end - begin; i++) {
        struct ps_block *const block = &blocks->list[i];
        unsigned char *const grown = work->method->block_grow(block->bytes, block->first_size, size);

        if (!grown)
            return ps_error_set(&work->error, errno, "growing a block", "");
        block->bytes = grown;
        block->size = size;
        if (work->region.touch)
            for (size_t offset = 0; offset < block->first_size; offset += PS_BASE_PAGE)
                (void)*(volatile unsigned char *)(grown + offset);
    }
    return 0;
}

static int after_round(struct ps_work *work, size_t begin, size_t end)
{
    struct blocks *const blocks = work->private;

    for (size_t i = 0; i < end - begin; i++) {
        struct ps_block *const block = &blocks->list[i];

        if (!blocks->is_wrong)
            blocks->is_wrong = ps_verify_bytes(block->bytes, block->first_size, work->seed + begin + i, &blocks->wrong);
        /* The new part must be there: writing it must not fault fatally nor reach another block. */
        memset(block->bytes + block->first_size, 0xa5, block->size - block->first_size);
        work->method->block_free(block);
        block->bytes = NULL;
    }
    return 0;
}

static int verify(struct ps_work *work, ps_result *result)
{
    const struct blocks *const blocks = work->private;

    result->wrong_slot = blocks->wrong.wrong_slot;
    result->wrong_offset = blocks->wrong.wrong_offset;
    result->found_word = blocks->wrong.found_word;
    result->expected_word = blocks->wrong.expected_word;
    return blocks->is_wrong;
}

static void release(struct ps_work *work)
{
    struct blocks *const blocks = work->private;

    if (blocks && blocks->list)
        for (size_t i = 0; i < work->iterations / work->trial->rounds + 1; i++)
            if (blocks->list[i].bytes)
                work->method->block_free(&blocks->list[i]);
    if (blocks)
        free(blocks->list);
    free(blocks);
}

const struct ps_workload_ops ps_workload_grow = {
    .name = "grow",
    .own_memory = 1,
    .can = can,
    .prepare = prepare,
    .before_round = before_round,
    .run = run,
    .after_round = after_round,
    .verify = verify,
    .release = release,
};
