/* Reads of the process's own list of mappings what a region is made of. */
#include "kinds.h"

#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "../glibc.h"

struct mapping {
    uintptr_t begin, end;
    char access[5]; /* such as rw-p */
    unsigned long inode;
    char name[32]; /* its beginning; empty for anonymous memory */
};

static int parse(const char *line, struct mapping *mapping)
{
    mapping->name[0] = 0;
    return sscanf(line, "%" SCNxPTR "-%" SCNxPTR " %4s %*s %*s %lu %31s", &mapping->begin, &mapping->end,
                  mapping->access, &mapping->inode, mapping->name) >= 4;
}

static int starts_with(const char *text, const char *start)
{
    return strncmp(text, start, strlen(start)) == 0;
}

/* A stack is left alone: it grows. */
static int is_private_anon(const struct mapping *mapping)
{
    return mapping->access[3] == 'p' && mapping->inode == 0 &&
           (mapping->name[0] == 0 || strcmp(mapping->name, "[heap]") == 0 || starts_with(mapping->name, "[anon:"));
}

/* Pages of shared memory belong to its file, which keeps them however little is mapped. A private mapping of a file
 * would read as the file again. */
static int advice_for(const struct mapping *mapping)
{
    if (mapping->access[3] == 's')
        return MADV_REMOVE;
    return is_private_anon(mapping) || starts_with(mapping->name, "/anon_hugepage") ? MADV_DONTNEED : 0;
}

static void add(struct pm_kind *kind, const struct mapping *mapping)
{
    kind->is_private_anon = kind->is_private_anon && is_private_anon(mapping);
    if (kind->give_back < 0)
        kind->give_back = advice_for(mapping);
    else if (kind->give_back != advice_for(mapping))
        kind->give_back = 0;
}

int pm_kind_of(const void *base, size_t bytes, struct pm_kind *kind)
{
    FILE *const file = fopen("/proc/self/maps", "re");
    uintptr_t next = (uintptr_t)base;
    const uintptr_t end = next + bytes;
    struct mapping mapping;
    char *line = NULL;
    size_t room = 0;

    *kind = (struct pm_kind){0};
    if (!file)
        return -errno;
    *kind = (struct pm_kind){.is_private_anon = 1, .give_back = -1};
    while (next < end && getline(&line, &room, file) > 0) {
        if (!parse(line, &mapping) || mapping.end <= next)
            continue;
        if (mapping.begin > next || mapping.access[0] != 'r' || mapping.access[1] != 'w')
            break;
        add(kind, &mapping);
        next = mapping.end;
    }
    free(line);
    (void)fclose(file);
    return next < end ? -EFAULT : 0;
}
