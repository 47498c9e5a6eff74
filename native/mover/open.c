/* A region's beginning and end: what was given is checked, and what calls will need is made ready. */
#include <stdlib.h>

#include "kinds.h"
#include "owner.h"
#include "region.h"
#include "remap.h"
#include "workers.h"

#define ALL_FLAGS (PM_COPY_ONLY | PM_SINGLE_THREADED | PM_KEEP_MAPPINGS | PM_SHARED_LATER)

int pm_fail(pm_region *region, int errnum, const char *call)
{
    return ps_error_set(&region->error, errnum, call, "");
}

/* The best first. */
static const struct pm_kernels *const all_kernels[] = {&pm_kernels_avx512, &pm_kernels_avx2, &pm_kernels_sse2,
                                                       &pm_kernels_memcpy};

static const struct pm_kernels *best_kernels(const unsigned char *base, double register_bits)
{
    size_t i = 0;

    while (!ps_cpu_has(all_kernels[i]->cpu_features) || (uintptr_t)base % all_kernels[i]->alignment != 0 ||
           all_kernels[i]->register_bits > register_bits)
        i++;
    return all_kernels[i];
}

static int are_valid(const unsigned char *base, size_t bytes, size_t slot_bytes, const struct pm_options *options)
{
    return base && bytes > 0 && slot_bytes % PS_BASE_PAGE == 0 && bytes % slot_bytes == 0 &&
           bytes / slot_bytes < UINT32_MAX && (uintptr_t)base + bytes > (uintptr_t)base &&
           (!options || (!(options->flags & ~(unsigned)ALL_FLAGS) && options->threads <= PM_MOST_THREADS));
}

static int make_ready(pm_region *region, unsigned threads)
{
    const size_t slots = region->memory.pages;
    const int failed = ps_cycles_new(&region->memory);

    if (failed)
        return failed;
    if (!(region->from = malloc(slots * sizeof *region->from)))
        return -ENOMEM;
    for (size_t slot = 0; slot < slots; slot++)
        region->from[slot] = (uint32_t)slot;
    return pm_workers_begin(region, threads);
}

int pm_open(pm_region **made, void *base, size_t bytes, const struct pm_options *options, const pm_profile *profile)
{
    const size_t slot_bytes = options && options->slot_bytes ? options->slot_bytes : PS_BASE_PAGE;
    struct pm_kind kind;
    pm_region *region;

    if (!made)
        return -EINVAL;
    *made = NULL;
    if (!are_valid(base, bytes, slot_bytes, options))
        return -EINVAL;
    if (pm_kind_of(base, bytes, &kind) == -EFAULT)
        return -EFAULT;
    if (!(region = calloc(1, sizeof *region)))
        return -ENOMEM;
    region->memory = (struct ps_region){
        .base = base,
        .page_bytes = slot_bytes,
        .pages = bytes / slot_bytes,
        .fd = -1,
        .uffd = -1,
        .error = &region->error,
    };
    region->profile = profile ? *profile : pm_built_in;
    region->flags = options ? options->flags : 0;
    region->advice = (uintptr_t)base % PS_BASE_PAGE == 0 ? kind.give_back : 0;
    region->kernels = best_kernels(base, region->profile.cost[PM_register_bits]);
    pm_own(region);
    pm_remap_begin(region, &kind);
    pm_choose_ahead(region);
    if (region->remap != PM_REMAP_NONE && !pm_would_remap(region))
        pm_remap_stop(region, "never_faster");
    const int failed = make_ready(region, options ? options->threads : 1);

    if (failed)
        (void)pm_close(region);
    else
        *made = region;
    return failed;
}

int pm_close(pm_region *region)
{
    if (!region)
        return 0;
    pm_workers_end(region);
    pm_remap_end(region);
    pm_disown(region);
    ps_cycles_free(&region->memory);
    free(region->from);
    free(region);
    return 0;
}

const char *pm_failed_call(const pm_region *region)
{
    return region ? region->error.call : "";
}
