/* What runs inside the guest of guest_pte: copied into its memory as it is and run there as supervisor code, so it
 * calls nothing but itself, and knows nothing but what its host writes into struct guest_call. */
#ifndef PAGESWAP_GUEST_CODE_H
#define PAGESWAP_GUEST_CODE_H

#include <stdint.h>

enum guest_work {
    GUEST_SWAPS, /* exchanges the pages of each pair in its turn, and forgets their translations */
    GUEST_BATCH, /* exchanges those of all pairs, and then forgets all translations at once */
    GUEST_LOOP, /* forgets one translation `count` times: what its instructions take here */
};

#define GUEST_LOOP_INSTRUCTIONS 3 /* a turn of that loop */
#define GUEST_NOTHING UINT64_MAX

/* Addresses are the guest's own. */
struct guest_call {
    uint64_t work; /* enum guest_work */
    uint64_t count; /* pairs, or turns */
    uint64_t shown; /* the slot whose page it then copies, as it sees it, to `seen`; or GUEST_NOTHING */
    uint64_t a, b; /* `count` slots each, which are 32-bit numbers */
    uint64_t seen;
    uint64_t region; /* slot 0 */
    uint64_t entries; /* of the region's pages in the page tables, in one piece */
    uint64_t page_bytes; /* of a slot */
    uint64_t entry_bytes; /* that an entry maps */
    uint64_t touch_bytes; /* as ps_touch() steps; 0: moved pages are not read */
};

/* Of a slot with more entries than this all translations are forgotten at once. */
#define GUEST_MOST_FORGOTTEN 32

/* Without the vector registers, which the guest has not been given, and with nothing of a sanitizer's. Compilers before
 * gcc 11 know no word for all of them. */
#define GUEST_CODE                                                                                  \
    __attribute__((section("ps_guest_code"), used, target("no-mmx,no-sse"), no_sanitize("address"), \
                   no_sanitize("undefined")))

/* The linker's names for where it begins and ends. */
extern __attribute__((visibility("hidden"))) const unsigned char __start_ps_guest_code[], __stop_ps_guest_code[];

GUEST_CODE static void guest_forget_all(void)
{
    uint64_t tables;

    __asm__ volatile("mov %%cr3, %0\n\tmov %0, %%cr3" : "=r"(tables) : : "memory");
}

GUEST_CODE static void guest_forget(const struct guest_call *call, uint64_t slot)
{
    const uint64_t begin = call->region + slot * call->page_bytes;

    for (uint64_t offset = 0; offset < call->page_bytes; offset += call->entry_bytes)
        __asm__ volatile("invlpg (%0)" : : "r"(begin + offset) : "memory");
}

GUEST_CODE static void guest_exchange(const struct guest_call *call, uint64_t a, uint64_t b)
{
    const uint64_t count = call->page_bytes / call->entry_bytes;
    volatile uint64_t *const of_a = (volatile uint64_t *)call->entries + a * count;
    volatile uint64_t *const of_b = (volatile uint64_t *)call->entries + b * count;

    for (uint64_t i = 0; i < count; i++) {
        const uint64_t entry = of_a[i];

        of_a[i] = of_b[i];
        of_b[i] = entry;
    }
}

/* As ps_touch(). */
GUEST_CODE static void guest_touch(const struct guest_call *call, uint64_t slot)
{
    const uint64_t begin = call->region + slot * call->page_bytes;

    for (uint64_t offset = 0; call->touch_bytes && offset < call->page_bytes; offset += call->touch_bytes)
        (void)*(const volatile uint64_t *)(begin + offset);
}

GUEST_CODE static void guest_swaps(const struct guest_call *call)
{
    const uint32_t *const a = (const uint32_t *)call->a, *const b = (const uint32_t *)call->b;

    for (uint64_t i = 0; i < call->count; i++) {
        if (a[i] == b[i])
            continue;
        guest_exchange(call, a[i], b[i]);
        if (call->page_bytes > GUEST_MOST_FORGOTTEN * call->entry_bytes) {
            guest_forget_all();
        } else {
            guest_forget(call, a[i]);
            guest_forget(call, b[i]);
        }
        guest_touch(call, a[i]);
        guest_touch(call, b[i]);
    }
}

GUEST_CODE static void guest_batch(const struct guest_call *call)
{
    const uint32_t *const a = (const uint32_t *)call->a, *const b = (const uint32_t *)call->b;

    for (uint64_t i = 0; i < call->count; i++)
        guest_exchange(call, a[i], b[i]);
    guest_forget_all();
    for (uint64_t i = 0; call->touch_bytes && i < call->count; i++) {
        guest_touch(call, a[i]);
        guest_touch(call, b[i]);
    }
}

GUEST_CODE static void guest_show(const struct guest_call *call)
{
    uint64_t from = call->region + call->shown * call->page_bytes, to = call->seen;
    uint64_t words = call->page_bytes / sizeof words;

    __asm__ volatile("rep movsq" : "+S"(from), "+D"(to), "+c"(words) : : "memory");
}

GUEST_CODE static void guest_loop(const struct guest_call *call)
{
    uint64_t turns = call->count;

    __asm__ volatile("1: invlpg (%1)\n\tdec %0\n\tjnz 1b" : "+r"(turns) : "r"(call->region) : "cc", "memory");
}

/* Does what it is called for, and halts, which brings the host back; when that calls again, it goes on from there. */
GUEST_CODE static void guest_main(const struct guest_call *call)
{
    for (;;) {
        if (call->work == GUEST_SWAPS)
            guest_swaps(call);
        else if (call->work == GUEST_BATCH)
            guest_batch(call);
        else
            guest_loop(call);
        if (call->shown != GUEST_NOTHING)
            guest_show(call);
        __asm__ volatile("hlt" : : : "memory");
    }
}

#endif
