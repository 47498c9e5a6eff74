/* The memory of places that hold no page: given back after a move, brought before one, and looked at in the end. */
#include <string.h>
#include <sys/mman.h>

#include "pageswap.h"

#define PAGES_A_LOOK ((size_t)512)

/* Notes why memory was not given back. The kernel frees none that is locked, and says so with EINVAL alone. */
int ps_not_given_back(struct ps_region *region, const char *call)
{
    const int errnum = errno;

    return ps_error_set(region->error, errnum, call,
                        errnum == EINVAL ? "locked memory is not given back; munlock it before" : "");
}

int ps_give_back(struct ps_region *region, unsigned char *from, size_t bytes)
{
    if (madvise(from, bytes, region->give_back) == 0)
        return 0;
    return ps_not_given_back(region,
                             region->give_back == MADV_REMOVE ? "madvise(MADV_REMOVE)" : "madvise(MADV_DONTNEED)");
}

/* Does a method copy into memory that is there? One that moves memory wants none, and one that fills empty places does
 * not, either. */
int ps_wants_places(const struct ps_method *method)
{
    return method->family != PS_REMAP && !(method->flags & PS_FILLS_EMPTY);
}

/* Brings memory, which is all zeroes, to where the moves will go. */
void ps_fill_places(const struct ps_work *work, const struct ps_move *moves, size_t n)
{
    const size_t page_bytes = work->region.page_bytes;

    if (!ps_wants_places(work->method))
        return;
    for (size_t i = 0; i < n; i++)
        for (size_t offset = 0; offset < moves[i].pages * page_bytes; offset += PS_BASE_PAGE)
            *(volatile unsigned char *)(moves[i].to + offset) = 0;
}

/* Fills `present` for as many base pages. Where nothing is mapped, as mremap leaves it, there is no memory; and what
 * the kernel cannot tell is looked at. */
static void look(unsigned char *first, size_t pages, unsigned char *present)
{
    int failed;

    while ((failed = mincore(first, pages * PS_BASE_PAGE, present) == 0 ? 0 : errno) == EAGAIN)
        ;
    if (failed)
        memset(present, failed == ENOMEM ? 0 : 1, pages);
}

/* Returns 1 and describes the first word that is not 0, or 0. */
static int holds_bytes(const unsigned char *page, size_t offset, ps_result *result)
{
    const uint64_t *const word = (const uint64_t *)(const void *)(page + offset);

    for (size_t i = 0; i < PS_BASE_PAGE / sizeof *word; i++) {
        if (word[i] == 0)
            continue;
        result->wrong_offset = offset + i * sizeof *word;
        result->found_word = word[i];
        result->expected_word = 0;
        return 1;
    }
    return 0;
}

/* Has the slot memory, and that but zeroes? */
static int holds_zeroes(unsigned char *first, size_t pages)
{
    unsigned char present[PAGES_A_LOOK];
    ps_result ignored;
    int has_memory = 0;

    for (size_t page = 0; page < pages; page++) {
        if (page % PAGES_A_LOOK == 0)
            look(first + page * PS_BASE_PAGE, pages - page < PAGES_A_LOOK ? pages - page : PAGES_A_LOOK, present);
        if (!(present[page % PAGES_A_LOOK] & 1))
            continue;
        has_memory = 1;
        if (holds_bytes(first, page * PS_BASE_PAGE, &ignored))
            return 0;
    }
    return has_memory;
}

/* Takes the memory of every slot that holds nothing: a page that is to be fresh, or a place that no page is in. */
int ps_give_zeroes_back(struct ps_region *region)
{
    for (size_t slot = 0; slot < region->pages + region->spare_pages; slot++) {
        unsigned char *const first = ps_slot(region, slot);

        if (holds_zeroes(first, region->page_bytes / PS_BASE_PAGE) &&
            madvise(first, region->page_bytes, region->fresh) != 0)
            return ps_fail(region, "madvise (fresh pages)");
    }
    return 0;
}

/* Returns 1 and describes the first slot without a page that still has bytes of one, or 0. Memory that lies there is no
 * fault, if it is new and so all zeroes: a fault beside the slot may bring as much as a huge page has, and the kernel
 * may make one of what small pages are left. */
int ps_verify_given_back(struct ps_work *work, ps_result *result)
{
    const struct ps_region *const region = &work->region;
    const size_t pages = region->page_bytes / PS_BASE_PAGE;
    unsigned char present[PAGES_A_LOOK];

    for (size_t slot = 0; slot < region->pages + region->spare_pages; slot++) {
        unsigned char *const first = ps_slot(region, slot);

        result->wrong_slot = slot;
        for (size_t page = 0; page < pages && work->model[slot] == PS_EMPTY; page++) {
            if (page % PAGES_A_LOOK == 0)
                look(first + page * PS_BASE_PAGE, pages - page < PAGES_A_LOOK ? pages - page : PAGES_A_LOOK, present);
            if (present[page % PAGES_A_LOOK] & 1 && holds_bytes(first, page * PS_BASE_PAGE, result))
                return 1;
        }
    }
    return 0;
}
