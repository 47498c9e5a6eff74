/* What the memory under test can be made of: the table of backings, and the checks that a region is what its backing
 * claims. */
#include <stdio.h>
#include <string.h>
#include <sys/mman.h>

#include "memory.h"

#ifndef MAP_HUGE_SHIFT
#define MAP_HUGE_SHIFT 26
#endif
#define MAP_2MB (21 << MAP_HUGE_SHIFT)
#define MAP_1GB (30 << MAP_HUGE_SHIFT)

static int all_huge(const struct ps_backing *backing, uint64_t bytes, uint64_t huge_bytes, ps_error *error)
{
    char detail[sizeof error->detail];

    if (huge_bytes >= bytes / backing->fault_bytes * backing->fault_bytes)
        return 0;
    (void)snprintf(
        detail, sizeof detail,
        "only %llu of %llu KiB are huge when the rounds begin; set /sys/kernel/mm/transparent_hugepage/enabled "
        "to madvise or always, free memory, and in `move` give a thread whole huge pages",
        (unsigned long long)huge_bytes >> 10, (unsigned long long)bytes >> 10);
    return ps_unavailable(error, ENOMEM, detail);
}

static int all_folios(const struct ps_backing *backing, uint64_t bytes, uint64_t folio_bytes, ps_error *error)
{
    const size_t folio = backing->fault_bytes;
    char detail[sizeof error->detail];

    if (folio_bytes >= bytes / folio * folio)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "only %llu of %llu KiB are in folios of %u KiB when the rounds begin; run with --tune as root, free "
                   "memory, and give a thread whole folios",
                   (unsigned long long)folio_bytes >> 10, (unsigned long long)bytes >> 10, (unsigned)(folio >> 10));
    return ps_unavailable(error, ENOMEM, detail);
}

static int none_huge(const struct ps_backing *backing, uint64_t bytes, uint64_t huge_bytes, ps_error *error)
{
    char detail[sizeof error->detail];

    (void)backing;
    if (huge_bytes == 0)
        return 0;
    (void)snprintf(detail, sizeof detail,
                   "%llu of %llu KiB are huge pages, although the kernel was advised to give none; use another kernel",
                   (unsigned long long)huge_bytes >> 10, (unsigned long long)bytes >> 10);
    return ps_unavailable(error, EEXIST, detail);
}

static const struct ps_backing backings[] = {
#define PS_BACKING_ROW(row, ...) {.name = #row, __VA_ARGS__},
#include "backings.def"
#undef PS_BACKING_ROW
};

int ps_backing_count(void)
{
    return (int)(sizeof backings / sizeof *backings);
}

const struct ps_backing *ps_backing_find(const char *name)
{
    for (int i = 0; i < ps_backing_count(); i++)
        if (strcmp(backings[i].name, name) == 0)
            return &backings[i];
    return NULL;
}

/* A method that makes its memory itself has no use for a backing, and is measured on the first one only. Addresses
 * below 2 GiB have no room for a region that begins and ends at borders of gigantic pages. */
size_t ps_backing_folio_bytes(const struct ps_backing *backing)
{
    return backing->fault_bytes > PS_BASE_PAGE && backing->fault_bytes < PS_HUGE_PAGE ? backing->fault_bytes : 0;
}

int ps_backing_suits(const struct ps_backing *backing, const struct ps_method *method)
{
    if (!method->memory)
        return backing == backings;
    if (method->flags & PS_LOW_MEMORY && backing->kernel_page_bytes > PS_HUGE_PAGE)
        return 0;
    if (method->flags & (PS_FILLS_EMPTY | PS_SMALL_PAGES) && backing->fault_bytes > PS_BASE_PAGE)
        return 0;
    /* Memory that is taken again comes in folios of whichever size the kernel chooses then. */
    if (method->give_many && ps_backing_folio_bytes(backing))
        return 0;
    return (method->memory & PS_KIND(backing->kind)) != 0;
}

uint32_t ps_backings_of(const struct ps_method *method)
{
    uint32_t bits = 0;

    for (int i = 0; i < ps_backing_count(); i++)
        bits |= ps_backing_suits(&backings[i], method) ? 1u << i : 0;
    return bits;
}

int ps_backing_describe(int index, ps_backing_info *info)
{
    if (index < 0 || index >= ps_backing_count())
        return -ENOENT;
    info->name = backings[index].name;
    info->kernel_page_bytes = backings[index].kernel_page_bytes;
    info->fault_bytes = backings[index].fault_bytes;
    info->folio_bytes = ps_backing_folio_bytes(&backings[index]);
    info->is_reserved = backings[index].is_reserved;
    return 0;
}
