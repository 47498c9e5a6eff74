/* What the kernel counted for the whole host while the rounds ran: TLB shootdowns, huge pages and smaller folios split,
 * pages swapped in, time stolen by the hypervisor, and CPU time that went to others; and of the measured CPU its clock
 * and how often heat slowed it down. What a host does not count is PS_UNSUPPORTED, never 0. */
#include <fcntl.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

#include "counters.h"
#include "glibc.h"

/* Sums the columns of the line of /proc/interrupts that begins with `label`. */
static uint64_t interrupts(const char *label)
{
    FILE *const file = fopen("/proc/interrupts", "re");
    char line[16384]; /* a column a CPU */
    uint64_t sum = PS_UNSUPPORTED;

    if (!file)
        return PS_UNSUPPORTED;
    while (fgets(line, sizeof line, file)) {
        const char *at = line + strspn(line, " ");
        unsigned long long count;
        int used;

        if (strncmp(at, label, strlen(label)) != 0)
            continue;
        sum = 0;
        for (at += strlen(label); sscanf(at, "%llu%n", &count, &used) == 1; at += used)
            sum += count;
        break;
    }
    (void)fclose(file);
    return sum;
}

/* Adds the value of a line of /proc/vmstat to `sum` when it is that of `name`. */
static void add_named(const char *line, const char *name, uint64_t *sum)
{
    const size_t length = strlen(name);

    if (strncmp(line, name, length) == 0 && line[length] == ' ')
        *sum = (*sum == PS_UNSUPPORTED ? 0 : *sum) + strtoull(line + length, NULL, 10);
}

static void memory_events(struct ps_host_counters *counters)
{
    FILE *const file = fopen("/proc/vmstat", "re");
    char line[128];

    counters->thp_splits = counters->swap_ins = PS_UNSUPPORTED;
    if (!file)
        return;
    while (fgets(line, sizeof line, file)) {
        add_named(line, "thp_split_page", &counters->thp_splits);
        add_named(line, "thp_split_pmd", &counters->thp_splits);
        add_named(line, "pswpin", &counters->swap_ins);
    }
    (void)fclose(file);
}

/* Every size has a count of its own. */
static uint64_t splits_of(size_t folio_bytes)
{
    char path[96];
    unsigned long long count;
    uint64_t found = PS_UNSUPPORTED;

    (void)snprintf(path, sizeof path, "/sys/kernel/mm/transparent_hugepage/hugepages-%zukB/stats/split",
                   folio_bytes >> 10);
    FILE *const file = fopen(path, "re");

    if (!file)
        return PS_UNSUPPORTED;
    if (fscanf(file, "%llu", &count) == 1)
        found = count;
    (void)fclose(file);
    return found;
}

static uint64_t own_cpu_ns(void)
{
    struct rusage usage;

    if (getrusage(RUSAGE_SELF, &usage) != 0)
        return 0;
    return ((uint64_t)usage.ru_utime.tv_sec + (uint64_t)usage.ru_stime.tv_sec) * 1000000000u +
           ((uint64_t)usage.ru_utime.tv_usec + (uint64_t)usage.ru_stime.tv_usec) * 1000u;
}

/* The first line of /proc/stat: user nice system idle iowait irq softirq steal, in clock ticks over all CPUs. */
static void cpu_times(struct ps_host_counters *counters)
{
    FILE *const file = fopen("/proc/stat", "re");
    const uint64_t tick_ns = 1000000000u / (uint64_t)sysconf(_SC_CLK_TCK);
    unsigned long long user, nice, system, idle, iowait, irq, softirq, steal;

    counters->steal_ns = counters->busy_ns = PS_UNSUPPORTED;
    if (!file)
        return;
    if (fscanf(file, "cpu %llu %llu %llu %llu %llu %llu %llu %llu", &user, &nice, &system, &idle, &iowait, &irq,
               &softirq, &steal) == 8) {
        counters->steal_ns = steal * tick_ns;
        counters->busy_ns = (user + nice + system + irq + softirq) * tick_ns;
    }
    (void)fclose(file);
}

/* A number that sysfs has for the CPU this runs on: read there, for asking another CPU may interrupt it. */
static uint64_t of_this_cpu(const char *name)
{
    char path[128];
    unsigned long long value;
    uint64_t found = PS_UNSUPPORTED;
    const int cpu = sched_getcpu();

    if (cpu < 0)
        return PS_UNSUPPORTED;
    (void)snprintf(path, sizeof path, "/sys/devices/system/cpu/cpu%d/%s", cpu, name);
    FILE *const file = fopen(path, "re");

    if (!file)
        return PS_UNSUPPORTED;
    if (fscanf(file, "%llu", &value) == 1)
        found = value;
    (void)fclose(file);
    return found;
}

void ps_host_counters_read(struct ps_host_counters *counters)
{
    counters->tlb_shootdowns = interrupts("TLB:");
    memory_events(counters);
    for (size_t size = 0; size < PS_FOLIO_ORDERS; size++)
        counters->splits[size] = splits_of(2 * PS_BASE_PAGE << size);
    counters->cpu_khz = of_this_cpu("cpufreq/scaling_cur_freq");
    counters->throttles = of_this_cpu("thermal_throttle/core_throttle_count");
    cpu_times(counters);
    counters->own_ns = own_cpu_ns();
}

static uint64_t difference(uint64_t before, uint64_t after)
{
    if (before == PS_UNSUPPORTED || after == PS_UNSUPPORTED)
        return PS_UNSUPPORTED;
    return after > before ? after - before : 0;
}

/* Of each size, and of all below the huge page, whose splits have long been counted apart. */
static void count_splits(const struct ps_host_counters *before, const struct ps_host_counters *after,
                         uint64_t *counters)
{
    uint64_t sum = PS_UNSUPPORTED;

    for (size_t size = 0; size < PS_FOLIO_ORDERS; size++) {
        const uint64_t splits = difference(before->splits[size], after->splits[size]);

        counters[PS_COUNTER_folio_8k_splits + size] = splits;
        if (splits != PS_UNSUPPORTED && 2 * PS_BASE_PAGE << size < PS_HUGE_PAGE)
            sum = (sum == PS_UNSUPPORTED ? 0 : sum) + splits;
    }
    counters[PS_COUNTER_folio_splits] = sum;
}

void ps_host_counters_since(const struct ps_host_counters *before, uint64_t *counters)
{
    struct ps_host_counters after;

    ps_host_counters_read(&after);
    counters[PS_COUNTER_tlb_shootdowns] = difference(before->tlb_shootdowns, after.tlb_shootdowns);
    counters[PS_COUNTER_thp_splits] = difference(before->thp_splits, after.thp_splits);
    count_splits(before, &after, counters);
    counters[PS_COUNTER_swap_ins] = difference(before->swap_ins, after.swap_ins);
    counters[PS_COUNTER_steal_ns] = difference(before->steal_ns, after.steal_ns);
    counters[PS_COUNTER_cpu_khz_before] = before->cpu_khz;
    counters[PS_COUNTER_cpu_khz_after] = after.cpu_khz;
    counters[PS_COUNTER_throttle_count] = difference(before->throttles, after.throttles);
    const uint64_t busy_ns = difference(before->busy_ns, after.busy_ns);
    const uint64_t own_ns = difference(before->own_ns, after.own_ns);

    /* Both are counted in ticks of different clocks, so a quiet host may come out slightly below nothing. */
    counters[PS_COUNTER_foreign_cpu_ns] = busy_ns == PS_UNSUPPORTED ? PS_UNSUPPORTED : difference(own_ns, busy_ns);
}
