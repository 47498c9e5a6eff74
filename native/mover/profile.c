/* A host's profile: the built-in one, and those in files. */
#include "profile.h"

#include <cpuid.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "../glibc.h"

#define FIRST_LINE "pageswap_mover profile 1\n"
#define LINE_BYTES (PM_KEY_BYTES + 64)
#define PATH_BYTES 4096

const struct pm_profile pm_built_in = {
    .key = "",
    .cost =
        {
#define X(name, built_in) [PM_##name] = built_in,
            PM_COSTS(X)
#undef X
        },
};

static const char *const names[] = {
#define X(name, built_in) #name,
    PM_COSTS(X)
#undef X
};

/* What follows `start` in the first line of a file that has it, without the line's end; empty where there is none. */
static void find_in(const char *path, const char *start, char *found, size_t bytes)
{
    FILE *const file = fopen(path, "re");
    char line[LINE_BYTES];
    int is_found = 0;

    found[0] = 0;
    while (file && !is_found && fgets(line, sizeof line, file)) {
        const char *const at = strstr(line, start);

        if (at && (is_found = 1))
            (void)snprintf(found, bytes, "%.*s", (int)strcspn(at + strlen(start), "]\n"), at + strlen(start));
    }
    if (file)
        (void)fclose(file);
}

static void hypervisor(char name[13])
{
    unsigned eax, ebx, ecx, edx;

    (void)snprintf(name, 13, "none");
    if (!__get_cpuid(1, &eax, &ebx, &ecx, &edx) || !(ecx >> 31))
        return;
    __cpuid(0x40000000, eax, ebx, ecx, edx);
    memcpy(name, &ebx, 4);
    memcpy(name + 4, &ecx, 4);
    memcpy(name + 8, &edx, 4);
    name[12] = 0;
    for (int i = 0; i < 12 && name[i]; i++)
        if (name[i] < ' ' || name[i] > '~')
            name[i] = '?';
}

void pm_host_key(char key[PM_KEY_BYTES])
{
    char cpu[100], huge_pages[16], under[13];
    struct utsname system;

    find_in("/proc/cpuinfo", "model name\t: ", cpu, sizeof cpu);
    find_in("/sys/kernel/mm/transparent_hugepage/enabled", "[", huge_pages, sizeof huge_pages);
    hypervisor(under);
    if (uname(&system) != 0)
        memset(&system, 0, sizeof system);
    (void)snprintf(key, PM_KEY_BYTES, "cpu %s, kernel %.80s, huge pages %s, hypervisor %s", cpu, system.release,
                   huge_pages, under);
}

/* A line is a name, a blank and a number that is not negative. */
static int take(struct pm_profile *profile, const char *line, int *taken)
{
    const char *const blank = strchr(line, ' ');
    char *end;

    for (size_t i = 0; blank && i < PM_COST_COUNT; i++) {
        if (strlen(names[i]) != (size_t)(blank - line) || strncmp(names[i], line, strlen(names[i])) != 0)
            continue;
        profile->cost[i] = strtod(blank + 1, &end);
        ++*taken;
        return *end == '\n' && profile->cost[i] >= 0 && profile->cost[i] < 1e15;
    }
    return 0;
}

static int read_lines(struct pm_profile *profile, FILE *file)
{
    char line[LINE_BYTES], key[LINE_BYTES], host[PM_KEY_BYTES];
    int taken = 0, is_good = 1;

    pm_host_key(host);
    if (!fgets(line, sizeof line, file) || strcmp(line, FIRST_LINE) != 0 || !fgets(key, sizeof key, file))
        return 0;
    key[strcspn(key, "\n")] = 0;
    if (strcmp(key, host) != 0)
        return 0;
    (void)snprintf(profile->key, sizeof profile->key, "%s", host);
    while (is_good && fgets(line, sizeof line, file))
        is_good = take(profile, line, &taken);
    return is_good && taken == PM_COST_COUNT;
}

int pm_profile_read(struct pm_profile *profile, const char *path)
{
    FILE *const file = fopen(path, "re");

    if (!file)
        return -errno;
    const int is_good = read_lines(profile, file);

    (void)fclose(file);
    return is_good ? 0 : -ENOENT;
}

static int write_lines(const struct pm_profile *profile, FILE *file)
{
    int is_written = fprintf(file, "%s%s\n", FIRST_LINE, profile->key) > 0;

    for (size_t i = 0; i < PM_COST_COUNT && is_written; i++)
        is_written = fprintf(file, "%s %.6g\n", names[i], profile->cost[i]) > 0;
    is_written = is_written && fflush(file) == 0 && fsync(fileno(file)) == 0;
    return is_written ? 0 : -errno;
}

int pm_profile_write(const struct pm_profile *profile, const char *path)
{
    char part[PATH_BYTES];
    FILE *file;

    if ((size_t)snprintf(part, sizeof part, "%s.%ld.part", path, (long)getpid()) >= sizeof part)
        return -ENAMETOOLONG;
    if (!(file = fopen(part, "we")))
        return -errno;
    int failed = write_lines(profile, file);

    if (fclose(file) != 0 && !failed)
        failed = -errno;
    if (!failed && rename(part, path) != 0)
        failed = -errno;
    if (failed)
        (void)unlink(part);
    return failed;
}
