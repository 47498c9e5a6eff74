// SPDX-License-Identifier: GPL-2.0-only
/* /dev/page_exchange: memory whose pages a program exchanges by their page-table entries, many pairs in one ioctl.
 *
 * A program opens the device and maps it, once; the pages are made then. PAGESWAP_EXCHANGE exchanges the entries of
 * pairs, and then has every CPU that runs the program forget all translations, once a call. No entry is empty at any
 * time: who reads or writes meanwhile finds one of the two pages.
 *
 * That is sound because nothing but these entries leads to the pages. They belong to no file's cache, to no anonymous
 * memory and to none of the kernel's lists, so nobody swaps, migrates, merges or writes them back, and the accessed and
 * dirty bits of their entries mean nothing. The mapping is not inherited, grown, moved or split. Who knows a page by
 * its frame sees no exchange: a device that was given it, a guest that has it as its memory (no MMU notifier is
 * called). */
#define pr_fmt(fmt) KBUILD_MODNAME ": " fmt

#include <linux/fs.h>
#include <linux/miscdevice.h>
#include <linux/mm.h>
#include <linux/module.h>
#include <linux/sched/signal.h>
#include <linux/slab.h>
#include <linux/smp.h>
#include <linux/string.h>
#include <linux/uaccess.h>
#include <linux/version.h>
#include <asm/cpufeature.h>
#include <asm/invpcid.h>
#include <asm/special_insns.h>
#include <asm/tlbflush.h>

#include "page_exchange.h"

#define ENTRIES_A_REST 4096 /* between two looks whether somebody else needs the CPU */

#if LINUX_VERSION_CODE < KERNEL_VERSION(5, 13, 0)
#error "pageswap needs Linux 5.13 or newer: memory that is accounted could not be mapped before"
#endif

/* A page table that covers 2 MiB of the mapping. It stays where it is for as long as a call holds the mmap lock. */
struct table {
    pte_t *first;
    u64 call; /* of which `first` is */
};

/* An open file, and the one mapping that it may have. All is read and written under the mmap lock of that mapping's
 * process, but `mm`, which says whose lock that is. */
struct area {
    struct mm_struct *mm; /* NULL: not mapped */
    unsigned long start;  /* its first address */
    unsigned long pages;
    struct table *tables;
    u64 calls;
};

static size_t tables_of(const struct vm_area_struct *vma)
{
    return ((vma->vm_end - 1) >> PMD_SHIFT) - (vma->vm_start >> PMD_SHIFT) + 1;
}

static int note_entry(pte_t *entry, unsigned long address, void *found)
{
    *(pte_t **)found = entry;
    return 0;
}

/* NULL where the page is gone, which its owner may have given back (MADV_DONTNEED). */
static pte_t *entry_of(struct area *area, unsigned long page)
{
    const unsigned long address = area->start + (page << PAGE_SHIFT);
    struct table *table = &area->tables[(address >> PMD_SHIFT) - (area->start >> PMD_SHIFT)];
    pte_t *entry = NULL;

    if (table->call != area->calls) {
        /* Brings a page table where none is. What would bring none is no longer exported (seen in Linux 7.2). */
        if (apply_to_page_range(area->mm, address, PAGE_SIZE, note_entry, &entry) != 0 || !entry)
            return NULL;
        table->first = entry - pte_index(address);
        table->call = area->calls;
    }
    entry = table->first + pte_index(address);
    return pte_present(READ_ONCE(*entry)) ? entry : NULL;
}

/* Entry number n of the call: page n % pages of pair n / pages. */
static int exchange_entry(struct area *area, const struct pageswap_exchange *asked, const u32 *a, const u32 *b, u32 n)
{
    const u32 pair = n / asked->pages, page = n % asked->pages;
    pte_t *const entry_a = entry_of(area, (unsigned long)a[pair] * asked->pages + page);
    pte_t *const entry_b = entry_of(area, (unsigned long)b[pair] * asked->pages + page);

    if (!entry_a || !entry_b)
        return -EFAULT;
    /* For a moment both lead to b's page. A hole instead would be a fault that kills who reads there. */
    xchg(&entry_b->pte, xchg(&entry_a->pte, READ_ONCE(entry_b->pte)));
    return 0;
}

static void rest(u32 n)
{
    if (n % ENTRIES_A_REST == ENTRIES_A_REST - 1)
        cond_resched();
}

/* All, or what was done is undone, from the last on. */
static int exchange_all(struct area *area, const struct pageswap_exchange *asked, const u32 *a, const u32 *b)
{
    const u32 entries = asked->count * asked->pages;
    int failed = 0;
    u32 n;

    for (n = 0; n < entries && !failed; n++) {
        failed = exchange_entry(area, asked, a, b, n);
        rest(n);
    }
    if (failed)
        for (n--; n > 0; n--) {
            (void)exchange_entry(area, asked, a, b, n - 1);
            rest(n);
        }
    return failed;
}

/* By hand, as the kernel's own function is for KVM's modules alone (seen in Linux 7.2). A change of CR4.PGE does it,
 * too: Intel SDM volume 3, chapter 4.10.4.1. */
static void forget_translations(void *unused)
{
    unsigned long flags, cr4;

    if (boot_cpu_has(X86_FEATURE_INVPCID)) {
        invpcid_flush_all();
        return;
    }
    local_irq_save(flags);
    cr4 = native_read_cr4();
    asm volatile("mov %0, %%cr4\n\tmov %1, %%cr4" : : "r"(cr4 ^ X86_CR4_PGE), "r"(cr4) : "memory");
    local_irq_restore(flags);
}

/* Of every process that a CPU remembers, as no function for one of them is exported. */
static void flush(struct mm_struct *mm)
{
    /* A CPU that runs another program now sees by this that it must forget, when it comes back to this one. */
    atomic64_inc(&mm->context.tlb_gen);
    smp_mb__after_atomic();
#ifdef X86_FEATURE_INVLPGB
    /* Where translations are forgotten by broadcast, nobody looks at that count, nor keeps account of the CPUs. */
    if (boot_cpu_has(X86_FEATURE_INVLPGB)) {
        on_each_cpu(forget_translations, NULL, 1);
        return;
    }
#endif
    on_each_cpu_mask(mm_cpumask(mm), forget_translations, NULL, true);
}

static int all_inside(const struct area *area, const struct pageswap_exchange *asked, const u32 *a, const u32 *b)
{
    const unsigned long slots = area->pages / asked->pages;
    u32 i;

    for (i = 0; i < asked->count; i++)
        if (a[i] >= slots || b[i] >= slots)
            return 0;
    return 1;
}

/* No signal but one that kills ends the waiting for the lock, and none what comes after it. */
static int exchange(struct area *area, const struct pageswap_exchange *asked, const u32 *a, const u32 *b)
{
    struct mm_struct *const mm = current->mm;
    int failed = 0;

    if (mmap_write_lock_killable(mm) != 0)
        return -EINTR;
    if (READ_ONCE(area->mm) != mm) /* not mapped, or by another process, of which this one has the file */
        failed = -ENXIO;
    else if (!all_inside(area, asked, a, b))
        failed = -ERANGE;
    if (!failed) {
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 4, 0)
        vma_start_write(find_vma(mm, area->start)); /* locks by themselves who does without the mmap lock */
#endif
        area->calls++;
        failed = exchange_all(area, asked, a, b);
        flush(mm);
    }
    mmap_write_unlock(mm);
    return failed;
}

static long pageswap_ioctl(struct file *file, unsigned int command, unsigned long argument)
{
    struct pageswap_exchange asked;
    size_t bytes;
    u32 *a, *b;
    long failed;

    if (command != PAGESWAP_EXCHANGE)
        return -ENOTTY;
    if (copy_from_user(&asked, (const void __user *)argument, sizeof asked) != 0)
        return -EFAULT;
    if (asked.count == 0)
        return 0;
    if (asked.pages == 0)
        return -EINVAL;
    if (asked.count > PAGESWAP_MOST_ENTRIES / asked.pages)
        return -E2BIG;
    bytes = asked.count * sizeof *a;
    a = vmemdup_user(u64_to_user_ptr(asked.a), bytes);
    if (IS_ERR(a))
        return PTR_ERR(a);
    b = vmemdup_user(u64_to_user_ptr(asked.b), bytes);
    failed = IS_ERR(b) ? PTR_ERR(b) : exchange(file->private_data, &asked, a, b);
    if (!IS_ERR(b))
        kvfree(b);
    kvfree(a);
    return failed;
}

/* Its first address tells the mapping from one that the kernel was about to move it to, and gives up. */
static void close_mapping(struct vm_area_struct *vma)
{
    struct area *const area = vma->vm_private_data;

    if (area->mm != vma->vm_mm || area->start != vma->vm_start)
        return;
    kvfree(area->tables);
    area->tables = NULL;
    WRITE_ONCE(area->mm, NULL);
}

static int refuse_split(struct vm_area_struct *vma, unsigned long address)
{
    return -EINVAL;
}

static int refuse_move(struct vm_area_struct *vma)
{
    return -EINVAL;
}

static const struct vm_operations_struct mapping_operations = {
    .close = close_mapping,
    .may_split = refuse_split,
    .mremap = refuse_move,
};

/* The mapping has the only reference to each page, and gives it up at its end. */
static int make_pages(struct vm_area_struct *vma)
{
    unsigned long address;
    int failed = 0;

    for (address = vma->vm_start; address < vma->vm_end && !failed; address += PAGE_SIZE) {
        struct page *const page = alloc_page(GFP_HIGHUSER | __GFP_ZERO | __GFP_ACCOUNT);

        if (!page)
            return -ENOMEM;
        failed = vm_insert_page(vma, address, page);
        put_page(page);
        if (fatal_signal_pending(current))
            return -EINTR;
        cond_resched();
    }
    return failed;
}

static void set_flags(struct vm_area_struct *vma, unsigned long flags)
{
#if LINUX_VERSION_CODE >= KERNEL_VERSION(6, 3, 0)
    vm_flags_set(vma, flags);
#else
    vma->vm_flags |= flags;
#endif
}

static int pageswap_mmap(struct file *file, struct vm_area_struct *vma)
{
    struct area *const area = file->private_data;
    int failed;

    if (!(vma->vm_flags & VM_SHARED) || vma->vm_pgoff != 0)
        return -EINVAL;
    if (cmpxchg(&area->mm, NULL, vma->vm_mm))
        return -EBUSY;
    set_flags(vma, VM_MIXEDMAP | VM_DONTCOPY | VM_DONTEXPAND | VM_DONTDUMP);
    vma->vm_ops = &mapping_operations;
    vma->vm_private_data = area;
    area->start = vma->vm_start;
    area->pages = vma_pages(vma);
    area->tables = kvcalloc(tables_of(vma), sizeof *area->tables, GFP_KERNEL_ACCOUNT);
    failed = area->tables ? make_pages(vma) : -ENOMEM;
    if (failed)
        close_mapping(vma); /* the kernel takes the pages out by itself */
    return failed;
}

static int pageswap_open(struct inode *inode, struct file *file)
{
    file->private_data = kzalloc(sizeof(struct area), GFP_KERNEL_ACCOUNT);
    return file->private_data ? 0 : -ENOMEM;
}

static int pageswap_release(struct inode *inode, struct file *file)
{
    kfree(file->private_data);
    return 0;
}

static const struct file_operations operations = {
    .owner = THIS_MODULE, /* so it is not removed while a file is open or mapped */
    .open = pageswap_open,
    .release = pageswap_release,
    .mmap = pageswap_mmap,
    .unlocked_ioctl = pageswap_ioctl,
};

static struct miscdevice device = {
    .minor = MISC_DYNAMIC_MINOR,
    .name = "page_exchange",
    .fops = &operations,
    .mode = 0600,
};

static int __init pageswap_init(void)
{
    if (boot_cpu_has(X86_FEATURE_XENPV)) {
        pr_err("a paravirtual Xen guest may not write its page tables; load it elsewhere\n");
        return -ENODEV;
    }
    return misc_register(&device);
}

static void __exit pageswap_exit(void)
{
    misc_deregister(&device);
}

module_init(pageswap_init);
module_exit(pageswap_exit);
MODULE_LICENSE("GPL");
MODULE_DESCRIPTION("Memory whose pages are exchanged by their page-table entries");
