/* Asks the CPU (CPUID) and the kernel (XCR0) which instructions a method may use, and whether the counter serves that
 * times single reads.
 *
 * PAGESWAP_CPU_FEATURES, a list such as "-avx512f,-avx2", takes features away, so that a lesser CPU can be simulated;
 * it cannot add one. A word in it that is not understood takes all away, because a typing error must not pass for a
 * mask. */
#include <cpuid.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "pageswap.h"

#define ALL_FEATURES ((1u << PS_CPU_FEATURE_COUNT) - 1)

/* Bits of XCR0: the kernel saves and restores these registers. Intel SDM volume 1, chapter 13.3. */
#define XCR0_AVX 0x06u    /* XMM, upper halves of YMM */
#define XCR0_AVX512 0xe6u /* those, the mask registers, upper halves of ZMM, ZMM16 to 31 */

/* CPUID 80000007, EDX: the time-stamp counter runs at one rate, whatever the CPU does, and never stops. */
#define INVARIANT_TSC (1u << 8)

static const char *const names[] = {
#define X(name) #name,
    PS_CPU_FEATURES(X)
#undef X
};

/* What the kernel calls them in /proc/cpuinfo, where that is another name. */
static const char *const kernel_names[PS_CPU_FEATURE_COUNT] = {[PS_CPU_FEATURE_prefetchw] = "3dnowprefetch"};

/* What is asked for where it lacks, if it is not methods that ask. */
static const char *const cures[PS_CPU_FEATURE_COUNT] = {[PS_CPU_FEATURE_nonstop_tsc] =
                                                            "have no reads timed (neighbours: idle or spinning)"};

struct found {
    unsigned cpu;    /* what the CPU has */
    unsigned kernel; /* what it has and the kernel lets it use */
};

/* AMD: every CPU with 64-bit mode (LM) has PREFETCHW, whether or not it has the bit for it, which emulators and masks
 * of hypervisors leave out; and Linux lists it then. AMD64 Architecture Programmer's Manual volume 3, PREFETCHW. */
static int implies_prefetchw(unsigned edx_80000001)
{
    unsigned eax, ebx, ecx, edx;

    if (!(edx_80000001 & bit_LM) || !__get_cpuid(0, &eax, &ebx, &ecx, &edx))
        return 0;
    return ebx == signature_AMD_ebx && ecx == signature_AMD_ecx && edx == signature_AMD_edx;
}

static unsigned enabled_registers(void)
{
    unsigned eax, ebx, ecx, edx;

    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx & bit_OSXSAVE))
        return 0;
    __asm__ volatile("xgetbv" : "=a"(eax), "=d"(edx) : "c"(0));
    return eax;
}

static struct found ask(void)
{
    const unsigned registers = enabled_registers();
    struct found found = {0};
    unsigned eax, ebx, ecx, edx;

    if (__get_cpuid_count(7, 0, &eax, &ebx, &ecx, &edx)) {
        found.cpu |= ebx & bit_AVX2 ? PS_CPU(avx2) : 0;
        found.cpu |= ebx & bit_AVX512F ? PS_CPU(avx512f) : 0;
    }
    if (__get_cpuid(0x80000001, &eax, &ebx, &ecx, &edx))
        found.cpu |= ecx & bit_PRFCHW || implies_prefetchw(edx) ? PS_CPU(prefetchw) : 0;
    if (__get_cpuid(0x80000007, &eax, &ebx, &ecx, &edx))
        found.cpu |= edx & INVARIANT_TSC ? PS_CPU(nonstop_tsc) : 0;
    found.kernel = found.cpu;
    if ((registers & XCR0_AVX) != XCR0_AVX)
        found.kernel &= ~PS_CPU(avx2);
    if ((registers & XCR0_AVX512) != XCR0_AVX512)
        found.kernel &= ~PS_CPU(avx512f);
    return found;
}

/* Tells whether the kernel found a feature when it booted, whatever the CPU says of itself to programs now. */
static int listed(const char *feature)
{
    FILE *file = fopen("/proc/cpuinfo", "re");
    char *line = NULL, *rest;
    size_t room = 0;
    int found = 0;

    while (file && !found && getline(&line, &room, file) > 0)
        if (strncmp(line, "flags", 5) == 0)
            for (char *word = strtok_r(line, " \t\n", &rest); word && !found; word = strtok_r(NULL, " \t\n", &rest))
                found = strcmp(word, feature) == 0;
    free(line);
    if (file)
        (void)fclose(file);
    return found;
}

static unsigned feature_named(const char *name, size_t length)
{
    for (unsigned i = 0; i < PS_CPU_FEATURE_COUNT; i++)
        if (strlen(names[i]) == length && strncmp(names[i], name, length) == 0)
            return 1u << i;
    return 0;
}

/* Returns the features that the environment takes away; *understood is 0 when it holds anything else. */
static unsigned masked(int *understood)
{
    const char *word = getenv("PAGESWAP_CPU_FEATURES");
    unsigned mask = 0;

    *understood = 1;
    while (word && *word) {
        const size_t length = strcspn(word, ",");
        const unsigned feature = *word == '-' ? feature_named(word + 1, length - 1) : 0;

        if (!feature) {
            *understood = 0;
            return ALL_FEATURES;
        }
        mask |= feature;
        word += length;
        word += *word == ',';
    }
    return mask;
}

int ps_cpu_has(unsigned features)
{
    int understood;

    return (features & ~(ask().kernel & ~masked(&understood))) == 0;
}

int ps_cpu_probe(unsigned features, ps_error *why)
{
    const struct found found = ask();
    int understood;
    const unsigned mask = masked(&understood);
    const unsigned missing = features & ~(found.kernel & ~mask);
    char reason[sizeof why->detail];

    if (!missing)
        return 0;
    const unsigned first = missing & -missing;
    const char *const name = names[__builtin_ctz(missing)];
    const char *const kernel_name = kernel_names[__builtin_ctz(missing)] ? kernel_names[__builtin_ctz(missing)] : name;
    const char *const cure =
        cures[__builtin_ctz(missing)] ? cures[__builtin_ctz(missing)] : "choose a method that asks for less";

    if (!(found.cpu & first) && listed(kernel_name))
        (void)snprintf(reason, sizeof reason,
                       "the kernel found %s when it booted (/proc/cpuinfo), but CPUID hides it from programs; have the "
                       "hypervisor show this machine all of its CPU, or measure on another",
                       kernel_name);
    else if (!(found.cpu & first))
        (void)snprintf(reason, sizeof reason, "this CPU has no %s; measure it on one that has, here %s", name, cure);
    else if (!(found.kernel & first))
        (void)snprintf(
            reason, sizeof reason,
            "the CPU has %s but the kernel or hypervisor does not enable its registers; boot without noxsave, "
            "clearcpuid= and the like",
            name);
    else if (!understood)
        (void)snprintf(reason, sizeof reason,
                       "PAGESWAP_CPU_FEATURES takes features away, as in -avx512f,-avx2, and what it holds is none of "
                       "these; correct or unset it");
    else
        (void)snprintf(reason, sizeof reason, "PAGESWAP_CPU_FEATURES takes %s away; unset it to use this CPU's own",
                       name);
    return ps_unavailable(why, ENOTSUP, reason);
}
