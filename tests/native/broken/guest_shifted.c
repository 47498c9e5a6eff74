/* guest_shifted: guest_pte, of emulated guests as well, whose guest takes each entry for that of the page before. */
#define GUEST_MOST_INSTRUCTION_NS 1e9
#define ps_method_guest_pte guest_pte_of_guest_shifted
extern const struct ps_method guest_pte_of_guest_shifted;
#include "guest_pte.c"

static int setup_shifted(struct ps_region *region)
{
    const int failed = setup(region);

    if (!failed)
        ((struct guest *)region->private)->call->entries += sizeof(uint64_t);
    return failed;
}

const struct ps_method ps_method_guest_shifted = {
    .name = "guest_shifted",
    .summary = "broken on purpose",
    .family = PS_REMAP,
    .memory = PS_KIND(PS_ANON),
    .probe = probe,
    .setup = setup_shifted,
    .swap_many = swap_many,
    .permute = permute,
    .locate = locate,
    .teardown = teardown,
};
