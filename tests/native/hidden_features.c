/* The core's questions to the CPU on a host whose CPUID hides all that methods ask for, as hypervisors can. */
#include <cpuid.h>

static int told(int is_known, unsigned *ebx, unsigned *ecx)
{
    *ebx = *ecx = 0;
    return is_known;
}

#define __get_cpuid(leaf, eax, ebx, ecx, edx) told(__get_cpuid(leaf, eax, ebx, ecx, edx), ebx, ecx)
#define __get_cpuid_count(leaf, sub, eax, ebx, ecx, edx) told(__get_cpuid_count(leaf, sub, eax, ebx, ecx, edx), ebx, ecx)
#include "../../native/cpu_features.c"
#include "../../native/error.c"

const char *reason(unsigned feature);

const char *reason(unsigned feature)
{
    static ps_error why;

    return ps_cpu_probe(1u << feature, &why) == -ENOTSUP ? why.detail : "";
}
