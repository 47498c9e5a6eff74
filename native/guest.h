/* A virtual machine of one CPU without firmware, kernel or device: guest_code.h runs in it as supervisor code, on page
 * tables that only that code changes. They lie in memory of ours, which the guest has from address 0 on; the pages of a
 * region it has where both its physical addresses and its virtual ones are at borders of page tables. */
#ifndef PAGESWAP_GUEST_H
#define PAGESWAP_GUEST_H

#include <fcntl.h>
#include <linux/kvm.h>
#include <stdio.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "guest_code.h"
#include "pageswap.h"

#define GUEST_DEVICE "/dev/kvm"
#define GUEST_MOST_PAIRS ((size_t)1 << 16) /* that one call takes */
/* Physical addresses have 36 bits on any CPU; and of its own memory, which has room for a slot, the guest sees what one
 * page of entries of 2 MiB maps. */
#define GUEST_MOST_REGION ((uint64_t)32 << 30)
#define GUEST_MOST_SLOT ((uint64_t)512 << 20)
#define GUEST_REGION_PHYSICAL ((uint64_t)4 << 30)
#define GUEST_REGION_VIRTUAL ((uint64_t)1 << 39) /* the second entry of the topmost table */
#define GUEST_ENTRIES 512 /* of a page table */

/* Of entries of a page table. Accessed and dirty from the start, so that the CPU need not write them. */
#define GUEST_PRESENT 0x63u /* and writable; supervisor's */
#define GUEST_LARGE 0x80u

struct guest {
    int kvm, vm, cpu; /* descriptors, or -1 */
    struct kvm_run *run;
    size_t run_bytes;
    unsigned char *memory; /* of ours, `bytes` of which are the guest's from address 0 on */
    size_t bytes;
    size_t taken; /* of it */
    struct guest_call *call;
    uint32_t *a, *b; /* GUEST_MOST_PAIRS each */
    unsigned char *seen; /* a slot's page as the guest sees it */
};

/* The guest's address of what lies in its own memory. */
static inline uint64_t guest_address(const struct guest *guest, const void *at)
{
    return (uint64_t)((const unsigned char *)at - guest->memory);
}

static inline size_t guest_whole_pages(size_t bytes)
{
    return (bytes + PS_BASE_PAGE - 1) & ~(PS_BASE_PAGE - 1);
}

static inline void *guest_take(struct guest *guest, size_t bytes)
{
    unsigned char *const at = guest->memory + guest->taken;

    guest->taken += guest_whole_pages(bytes);
    return at;
}

/* Lets `upper` lead to the `count` tables, or pages of the region, which follow each other from `address` on. */
static inline void guest_link(uint64_t *upper, uint64_t address, size_t count, uint64_t bytes, unsigned flags)
{
    for (size_t i = 0; i < count; i++)
        upper[i] = (address + i * bytes) | GUEST_PRESENT | flags;
}

/* A level of tables whose entries map `entry_bytes` each, for so much of the region, in one piece. */
static inline size_t guest_tables(uint64_t region_bytes, uint64_t entry_bytes)
{
    const uint64_t table_bytes = entry_bytes * GUEST_ENTRIES;

    return (size_t)((region_bytes + table_bytes - 1) / table_bytes);
}

static inline uint64_t guest_entry_bytes(uint64_t page_bytes)
{
    return page_bytes % PS_HUGE_PAGE ? PS_BASE_PAGE : PS_HUGE_PAGE;
}

static inline size_t guest_code_bytes(void)
{
    return (size_t)((uintptr_t)__stop_ps_guest_code - (uintptr_t)__start_ps_guest_code);
}

/* What guest_lay_out() takes. */
static inline size_t guest_memory_bytes(uint64_t region_bytes, uint64_t page_bytes)
{
    const uint64_t small = guest_entry_bytes(page_bytes) == PS_BASE_PAGE;
    const size_t tables =
        4 + guest_tables(region_bytes, PS_HUGE_PAGE) + small * guest_tables(region_bytes, PS_BASE_PAGE);

    return (tables + 2 /* the call, the stack */) * PS_BASE_PAGE + guest_whole_pages(guest_code_bytes()) +
           2 * GUEST_MOST_PAIRS * sizeof(uint32_t) + guest_whole_pages(page_bytes);
}

/* Makes the page tables; gives the topmost. */
static inline uint64_t *guest_map(struct guest *guest, uint64_t region_bytes)
{
    struct guest_call *const call = guest->call;
    uint64_t *const top = guest_take(guest, PS_BASE_PAGE);
    uint64_t *const own = guest_take(guest, PS_BASE_PAGE), *const own_large = guest_take(guest, PS_BASE_PAGE);
    uint64_t *const gigabytes = guest_take(guest, PS_BASE_PAGE);
    const size_t directories = guest_tables(region_bytes, PS_HUGE_PAGE);
    uint64_t *const directory = guest_take(guest, directories * PS_BASE_PAGE);

    guest_link(&top[0], guest_address(guest, own), 1, 0, 0);
    guest_link(own, guest_address(guest, own_large), 1, 0, 0);
    guest_link(own_large, 0, GUEST_ENTRIES, PS_HUGE_PAGE, GUEST_LARGE);
    guest_link(&top[GUEST_REGION_VIRTUAL >> 39], guest_address(guest, gigabytes), 1, 0, 0);
    guest_link(gigabytes, guest_address(guest, directory), directories, PS_BASE_PAGE, 0);
    if (call->entry_bytes == PS_HUGE_PAGE) {
        guest_link(directory, GUEST_REGION_PHYSICAL, region_bytes / PS_HUGE_PAGE, PS_HUGE_PAGE, GUEST_LARGE);
        call->entries = guest_address(guest, directory);
    } else {
        const size_t count = guest_tables(region_bytes, PS_BASE_PAGE);
        uint64_t *const tables = guest_take(guest, count * PS_BASE_PAGE);

        guest_link(directory, guest_address(guest, tables), count, PS_BASE_PAGE, 0);
        guest_link(tables, GUEST_REGION_PHYSICAL, region_bytes / PS_BASE_PAGE, PS_BASE_PAGE, 0);
        call->entries = guest_address(guest, tables);
    }
    return top;
}

/* As the CPU stands in 64-bit mode, with nothing to handle an exception: one that comes ends the guest. */
static inline int guest_start_cpu(const struct guest *guest, const uint64_t *top, const void *code, const void *stack)
{
    const struct kvm_segment text = {
        .limit = UINT32_MAX, .selector = 8, .type = 11, .present = 1, .s = 1, .l = 1, .g = 1};
    const struct kvm_segment data = {
        .limit = UINT32_MAX, .selector = 16, .type = 3, .present = 1, .s = 1, .db = 1, .g = 1};
    const uint64_t begin = (uint64_t)(uintptr_t)guest_main - (uint64_t)(uintptr_t)__start_ps_guest_code;
    const struct kvm_regs registers = {
        .rip = guest_address(guest, code) + begin,
        .rsp = guest_address(guest, stack) + PS_BASE_PAGE - sizeof(uint64_t), /* as after a call */
        .rdi = guest_address(guest, guest->call),
        .rflags = 2,
    };
    struct kvm_sregs system;

    if (ioctl(guest->cpu, KVM_GET_SREGS, &system) != 0)
        return -1;
    system.cs = text;
    system.ds = system.es = system.fs = system.gs = system.ss = data;
    system.cr0 = 0x80050033; /* PG, AM, WP, NE, ET, MP, PE */
    system.cr3 = guest_address(guest, top);
    system.cr4 = 0x20; /* PAE */
    system.efer = 0x500; /* LME, LMA */
    return ioctl(guest->cpu, KVM_SET_SREGS, &system) != 0 ? -1 : ioctl(guest->cpu, KVM_SET_REGS, &registers);
}

/* All of it is present from here on. */
static inline int guest_lay_out(struct guest *guest, uint64_t region_bytes, uint64_t page_bytes, uint64_t touch_bytes)
{
    guest->call = guest_take(guest, sizeof *guest->call);
    void *const code = guest_take(guest, guest_code_bytes()), *const stack = guest_take(guest, PS_BASE_PAGE);

    memcpy(code, __start_ps_guest_code, guest_code_bytes());
    memset(stack, 0, PS_BASE_PAGE);
    guest->a = guest_take(guest, GUEST_MOST_PAIRS * sizeof *guest->a);
    guest->b = guest_take(guest, GUEST_MOST_PAIRS * sizeof *guest->b);
    guest->seen = guest_take(guest, page_bytes);
    memset(guest->a, 0, GUEST_MOST_PAIRS * sizeof *guest->a);
    memset(guest->b, 0, GUEST_MOST_PAIRS * sizeof *guest->b);
    memset(guest->seen, 0, page_bytes);
    *guest->call = (struct guest_call){
        .shown = GUEST_NOTHING,
        .a = guest_address(guest, guest->a),
        .b = guest_address(guest, guest->b),
        .seen = guest_address(guest, guest->seen),
        .region = GUEST_REGION_VIRTUAL,
        .page_bytes = page_bytes,
        .entry_bytes = guest_entry_bytes(page_bytes),
        .touch_bytes = touch_bytes,
    };
    return guest_start_cpu(guest, guest_map(guest, region_bytes), code, stack);
}

static inline int guest_give_memory(const struct guest *guest, uint32_t slot, uint64_t at, void *memory, size_t bytes)
{
    const struct kvm_userspace_memory_region given = {
        .slot = slot,
        .guest_phys_addr = at,
        .memory_size = bytes,
        .userspace_addr = (uintptr_t)memory,
    };

    return ioctl(guest->vm, KVM_SET_USER_MEMORY_REGION, &given);
}

static inline struct guest guest_none(void)
{
    return (struct guest){.kvm = -1, .vm = -1, .cpu = -1};
}

/* Also of one that was made in part. */
static inline void guest_end(struct guest *guest)
{
    if (guest->run)
        (void)munmap(guest->run, guest->run_bytes);
    if (guest->cpu >= 0)
        (void)close(guest->cpu);
    if (guest->vm >= 0)
        (void)close(guest->vm);
    if (guest->kvm >= 0)
        (void)close(guest->kvm);
    if (guest->memory)
        (void)munmap(guest->memory, guest->bytes);
    *guest = guest_none();
}

/* With the current errno, which is never 0 here: who reads this file alone is to know it, too. */
static inline int guest_refused(ps_error *error, const char *call)
{
    const int failed = ps_error_set(error, errno, call, "");

    return failed ? failed : -EIO;
}

/* Makes of one whose `kvm` is open a guest that has `pages` as its region. Returns 0, or a negative errno with the
 * failing call; guest_end() is for the caller in both cases. */
static inline int guest_make(struct guest *guest, void *pages, uint64_t bytes, uint64_t page_bytes,
                             uint64_t touch_bytes, ps_error *error)
{
    int run_bytes;

    guest->bytes = guest_memory_bytes(bytes, page_bytes);
    if (ioctl(guest->kvm, KVM_GET_API_VERSION, 0) != KVM_API_VERSION)
        return ps_error_set(error, EPROTO, "ioctl(KVM_GET_API_VERSION)", "its interface has another version than 12");
    if ((guest->vm = ioctl(guest->kvm, KVM_CREATE_VM, 0)) < 0)
        return guest_refused(error, "ioctl(KVM_CREATE_VM)");
    if ((guest->cpu = ioctl(guest->vm, KVM_CREATE_VCPU, 0)) < 0)
        return guest_refused(error, "ioctl(KVM_CREATE_VCPU)");
    if ((run_bytes = ioctl(guest->kvm, KVM_GET_VCPU_MMAP_SIZE, 0)) < 0)
        return guest_refused(error, "ioctl(KVM_GET_VCPU_MMAP_SIZE)");
    void *const run = mmap(NULL, (size_t)run_bytes, PROT_READ | PROT_WRITE, MAP_SHARED, guest->cpu, 0);

    if (run == MAP_FAILED)
        return guest_refused(error, "mmap (a guest's CPU)");
    guest->run = run;
    guest->run_bytes = (size_t)run_bytes;
    void *const memory = mmap(NULL, guest->bytes, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);

    if (memory == MAP_FAILED)
        return guest_refused(error, "mmap (a guest's page tables)");
    guest->memory = memory;
    if (guest_give_memory(guest, 0, 0, memory, guest->bytes) != 0 ||
        guest_give_memory(guest, 1, GUEST_REGION_PHYSICAL, pages, bytes) != 0)
        return guest_refused(error, "ioctl(KVM_SET_USER_MEMORY_REGION)");
    return guest_lay_out(guest, bytes, page_bytes, touch_bytes) == 0 ? 0 : guest_refused(error, "ioctl(KVM_SET_SREGS)");
}

static inline int guest_died(const struct guest *guest, ps_error *error)
{
    const struct kvm_run *const run = guest->run;
    char detail[sizeof error->detail];

    if (run->exit_reason == KVM_EXIT_SHUTDOWN)
        (void)snprintf(detail, sizeof detail, "the guest's CPU was shut down by an exception (a triple fault)");
    else if (run->exit_reason == KVM_EXIT_FAIL_ENTRY)
        (void)snprintf(detail, sizeof detail, "the CPU did not enter the guest: hardware's reason 0x%llx",
                       (unsigned long long)run->fail_entry.hardware_entry_failure_reason);
    else if (run->exit_reason == KVM_EXIT_INTERNAL_ERROR)
        (void)snprintf(detail, sizeof detail, "KVM cannot go on with the guest: internal error %u",
                       run->internal.suberror);
    else
        (void)snprintf(detail, sizeof detail, "the guest came back for another reason than its halt: exit %u",
                       run->exit_reason);
    return ps_error_set(error, EIO, "ioctl(KVM_RUN)", detail);
}

/* Lets the guest do what its call says, until it halts. Returns 0, or a negative errno with what happened instead. */
static inline int guest_run(struct guest *guest, ps_error *error)
{
    while (ioctl(guest->cpu, KVM_RUN, 0) != 0)
        if (errno != EINTR) /* a signal that was handled */
            return guest_refused(error, "ioctl(KVM_RUN)");
    return guest->run->exit_reason == KVM_EXIT_HLT ? 0 : guest_died(guest, error);
}

#endif
