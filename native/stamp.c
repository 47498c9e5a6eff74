/* Stamping and verification: each page carries its identity in every 8-byte word of its full width, so that a page
 * that is torn, doubled, lost, shifted or in the wrong slot cannot pass. */
#include <string.h>

#include "pageswap.h"

static uint64_t first_word(uint64_t seed, uint64_t page)
{
    return ps_mix(seed ^ ps_mix(page + 1));
}

/* Added from word to word; odd, so that no two words of a page are equal. */
#define WORD_STEP 0x9e3779b97f4a7c15u

static void stamp(unsigned char *bytes, size_t size, uint64_t value)
{
    uint64_t *const word = (uint64_t *)(void *)bytes;

    for (size_t i = 0; i < size / sizeof *word; i++, value += WORD_STEP)
        word[i] = value;
}

/* Returns 1 and describes the first wrong word, or 0; each word is to be so much more than the one before. */
static int differs(const unsigned char *bytes, size_t size, uint64_t expected, uint64_t step, ps_result *result)
{
    const uint64_t *const word = (const uint64_t *)(const void *)bytes;

    for (size_t i = 0; i < size / sizeof *word; i++, expected += step) {
        if (word[i] == expected)
            continue;
        result->wrong_offset = i * sizeof *word;
        result->found_word = word[i];
        result->expected_word = expected;
        return 1;
    }
    return 0;
}

uint64_t ps_stamp_word(uint64_t seed, uint64_t page, size_t word)
{
    return first_word(seed, page) + word * WORD_STEP;
}

void ps_stamp_page(const struct ps_region *region, uint64_t seed, size_t page)
{
    stamp(ps_slot(region, page), region->page_bytes, first_word(seed, page));
}

static int is_stamped(const struct ps_region *region, size_t page)
{
    return !region->fresh || page % PS_STAMPED_EVERY == 0;
}

void ps_stamp(const struct ps_region *region, uint64_t seed)
{
    for (size_t page = 0; page < region->pages; page++)
        if (is_stamped(region, page))
            ps_stamp_page(region, seed, page);
}

/* Returns 1 and describes the first wrong word, or 0 when the page is in the slot that the model (slot -> page) says.
 */
int ps_verify_slot(struct ps_work *work, size_t slot, ps_result *result)
{
    struct ps_region *const region = &work->region;

    if (work->model[slot] == PS_EMPTY)
        return 0;
    const unsigned char *const bytes =
        work->method->locate ? work->method->locate(region, slot) : ps_slot(region, slot);

    result->wrong_slot = slot;
    if (!is_stamped(region, work->model[slot]))
        return differs(bytes, region->page_bytes, 0, 0, result);
    return differs(bytes, region->page_bytes, first_word(work->seed, work->model[slot]), WORD_STEP, result);
}

/* The same for every slot. */
int ps_verify(struct ps_work *work, ps_result *result)
{
    for (size_t slot = 0; slot < work->region.pages + work->region.spare_pages; slot++)
        if (ps_verify_slot(work, slot, result))
            return 1;
    return 0;
}

void ps_stamp_bytes(unsigned char *bytes, size_t size, uint64_t seed)
{
    stamp(bytes, size, first_word(seed, 0));
}

int ps_verify_bytes(const unsigned char *bytes, size_t size, uint64_t seed, ps_result *result)
{
    return differs(bytes, size, first_word(seed, 0), WORD_STEP, result);
}
