/* grow: enlarges blocks of memory, as realloc does. An iteration grows one block.
 *
 * Every block begins with its first half, or with a random part of it (pattern random), written; growing it to
 * region_bytes is timed, and with touch: moved also a read of each old page at its new place, or with touch: new a
 * write to each new one. With `doublings` it begins that much smaller, and each doubling is a growth of its own. Each
 * round has blocks of its own, all made before it and checked and freed after it, so the memory of one round is
 * iterations / rounds blocks. */
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

static uint64_t doublings(const struct ps_work *work)
{
    return ps_or_one(work->trial->doublings);
}

static int prepare(struct ps_work *work)
{
    const size_t most = work->iterations / work->trial->rounds + 1;
    struct blocks *blocks;

    if (doublings(work) >= 64 || work->trial->region_bytes >> doublings(work) < SMALLEST_BLOCK)
        return ps_error_set(&work->error, EINVAL, "region_bytes", "a block has 64 KiB at least before it grows");
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
        return most >> doublings(work) & ~(PS_BASE_PAGE - 1);
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

/* What a block of `size` bytes is enlarged to: the whole, or the next of its halves, quarters and so on that is more.
 */
static size_t next_size(const struct ps_work *work, size_t size)
{
    size_t next = work->trial->region_bytes;

    for (uint64_t halved = 1; halved < doublings(work); halved++) {
        const size_t part = work->trial->region_bytes >> halved & ~(PS_BASE_PAGE - 1);

        if (part <= size)
            break;
        next = part;
    }
    return next;
}

/* What a write to the new part of a block leaves at that place; no two are equal. */
static uint64_t written(size_t offset)
{
    return ps_mix(offset);
}

static void touch(const struct ps_work *work, unsigned char *bytes, size_t old_size, size_t size)
{
    if (work->region.touch == PS_TOUCH_NEW)
        for (size_t offset = old_size; offset < size; offset += PS_BASE_PAGE)
            *(volatile uint64_t *)(void *)(bytes + offset) = written(offset);
    else if (work->region.touch)
        for (size_t offset = 0; offset < old_size; offset += PS_BASE_PAGE)
            (void)*(volatile unsigned char *)(bytes + offset);
}

static int enlarge(struct ps_work *work, struct ps_block *block)
{
    while (block->size < work->trial->region_bytes) {
        const size_t old_size = block->size, size = next_size(work, old_size);
        unsigned char *const grown = work->method->block_grow(block->bytes, old_size, size);

        if (!grown)
            return ps_error_set(&work->error, errno, "growing a block", "");
        block->bytes = grown;
        block->size = size;
        touch(work, grown, old_size, size);
    }
    return 0;
}

static int run(struct ps_work *work, size_t begin, size_t end)
{
    struct blocks *const blocks = work->private;
    int failed = 0;

    for (size_t i = 0; i < end - begin && !failed; i++)
        failed = enlarge(work, &blocks->list[i]);
    return failed;
}

/* Returns 1 and describes the first word that is not what it was when it was written, or 0. */
static int is_wrong(const struct ps_work *work, const struct ps_block *block, uint64_t seed, ps_result *result)
{
    if (ps_verify_bytes(block->bytes, block->first_size, seed, result))
        return 1;
    for (size_t offset = block->first_size; work->region.touch == PS_TOUCH_NEW && offset < block->size;
         offset += PS_BASE_PAGE) {
        result->wrong_offset = offset;
        result->found_word = *(const uint64_t *)(const void *)(block->bytes + offset);
        result->expected_word = written(offset);
        if (result->found_word != result->expected_word)
            return 1;
    }
    return 0;
}

static int after_round(struct ps_work *work, size_t begin, size_t end)
{
    struct blocks *const blocks = work->private;

    for (size_t i = 0; i < end - begin; i++) {
        struct ps_block *const block = &blocks->list[i];

        if (!blocks->is_wrong)
            blocks->is_wrong = is_wrong(work, block, work->seed + begin + i, &blocks->wrong);
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
    .makes_new = 1,
    .own_memory = 1,
    .can = can,
    .prepare = prepare,
    .before_round = before_round,
    .run = run,
    .after_round = after_round,
    .verify = verify,
    .release = release,
};
