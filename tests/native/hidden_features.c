/* The core's questions to the CPU on a host whose CPUID hides all that methods ask for, as hypervisors can; of whose
 * make it is, it tells when `is_amd`; the kernel tells nothing when it `is_silent`. */
#include <cpuid.h>
#include <stdio.h>

int is_amd, is_silent;

static int told(int is_known, unsigned *ebx, unsigned *ecx)
{
    *ebx = *ecx = 0;
    return is_known;
}

static int told_of(unsigned leaf, int is_known, unsigned *ebx, unsigned *ecx, unsigned *edx)
{
    (void)told(is_known, ebx, ecx);
    if (leaf == 0x80000007)
        *edx = 0;
    if (leaf == 0 && is_amd) {
        *ebx = signature_AMD_ebx;
        *ecx = signature_AMD_ecx;
        *edx = signature_AMD_edx;
    }
    return is_known;
}

#define __get_cpuid(leaf, eax, ebx, ecx, edx) told_of(leaf, __get_cpuid(leaf, eax, ebx, ecx, edx), ebx, ecx, edx)
#define __get_cpuid_count(leaf, sub, eax, ebx, ecx, edx) \
    told(__get_cpuid_count(leaf, sub, eax, ebx, ecx, edx), ebx, ecx)
#define fopen(path, mode) (is_silent ? NULL : fopen(path, mode))
#include "../../native/cpu_features.c"
#include "../../native/error.c"

const char *reason(unsigned feature);

const char *reason(unsigned feature)
{
    static ps_error why;

    return ps_cpu_probe(1u << feature, &why) == -ENOTSUP ? why.detail : "";
}
