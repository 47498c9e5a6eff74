/* guest_emulated: guest_pte, which takes an emulated guest as well, and says how many pairs it is given each time to who
 * stands before access(). Used by tests: its times mean nothing. */
#define GUEST_MOST_INSTRUCTION_NS 1e9
#define ps_method_guest_pte guest_pte_of_guest_emulated
extern const struct ps_method guest_pte_of_guest_emulated;
#include "guest_pte.c"

static int told_swaps(struct ps_region *region, const uint32_t *a, const uint32_t *b, size_t n)
{
    char text[96];

    (void)snprintf(text, sizeof text, "traced:pairs %zu %zu", n, region->pages);
    (void)access(text, F_OK);
    return swap_many(region, a, b, n);
}

const struct ps_method ps_method_guest_emulated = {
    .name = "guest_emulated",
    .summary = "guest_pte, of emulated guests as well; for tests",
    .family = PS_REMAP,
    .flags = PS_KEEPS_MAPPINGS,
    .scratch = PS_SCRATCH_NONE,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup,
    .swap_many = told_swaps,
    .permute = permute,
    .locate = locate,
    .teardown = teardown,
};
