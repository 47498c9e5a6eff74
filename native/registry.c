/* The table of methods, and the names of workloads, words and counters, as the outside sees them. */
#include <stdio.h>
#include <string.h>

#include "counters.h"
#include "memory.h"

#define PS_METHOD(name) extern const struct ps_method ps_method_##name;
#include "methods.def"
#undef PS_METHOD

static const struct ps_method *const methods[] = {
#define PS_METHOD(name) &ps_method_##name,
#include "methods.def"
#undef PS_METHOD
};

#define X(name) extern const struct ps_workload_ops ps_workload_##name;
PS_WORKLOADS(X)
#undef X

static const struct ps_workload_ops *const workloads[] = {
#define X(name) &ps_workload_##name,
    PS_WORKLOADS(X)
#undef X
};

/* What a field of ps_trial that is a word may say: in the order of its enum, and first what it says by default. */
#define PS_MOST_LEVELS 4
static const struct {
    const char *field;
    const char *levels[PS_MOST_LEVELS + 1];
} words[] = {
#define X(name) #name,
    {"touch", {"none", "moved", "every", "new"}}, /* in the order of enum ps_touch */
    {"pattern", {PS_PATTERNS(X)}},
    {"release", {"kept", "source", "both"}}, /* in the order of enum ps_release */
    {"pages", {"present", "fresh", "forked", "mlocked"}}, /* in the order of enum ps_page_state */
    {"alignment", {"2MiB", "page", "1GiB"}}, /* in the order of enum ps_alignment */
    {"neighbours", {"idle", "spinning", "reading"}}, /* in the order of readers.c, as the next */
    {"reads", {"moving", "resting", "missing"}},
    {"numa", {"any", "local", "remote", "interleave"}}, /* in the order of numa.c */
#undef X
};

static const char *const counter_names[] = {
#define X(name) #name,
    PS_COUNTERS(X)
#undef X
};

/* A window changes what is seen through it, and its pages stay. */
static const struct {
    const char *name;
    int moves_pages;
} families[] = {
    [PS_COPY] = {"copy", 1},
    [PS_REMAP] = {"remap", 1},
    [PS_WINDOW] = {"window", 0},
    [PS_CONTROL] = {"control", 0},
};

static int family_count(void)
{
    return (int)(sizeof families / sizeof *families);
}

const char *ps_family_name(int index)
{
    return index < 0 || index >= family_count() ? NULL : families[index].name;
}

int ps_family_moves_pages(int index)
{
    return index >= 0 && index < family_count() && families[index].moves_pages;
}

int ps_family_is_control(int index)
{
    return index == PS_CONTROL;
}

int ps_moves_pages(const struct ps_method *method)
{
    return families[method->family].moves_pages;
}

int ps_method_count(void)
{
    return (int)(sizeof methods / sizeof *methods);
}

const char *ps_workload_name(int index)
{
    return index < 0 || index >= PS_WORKLOAD_COUNT ? NULL : workloads[index]->name;
}

const char *ps_counter_name(int index)
{
    return index < 0 || index >= PS_COUNTER_COUNT ? NULL : counter_names[index];
}

const char *ps_word_field(int index)
{
    return index < 0 || (size_t)index >= sizeof words / sizeof *words ? NULL : words[index].field;
}

const char *ps_word_level(const char *field, int index)
{
    for (size_t word = 0; word < sizeof words / sizeof *words; word++)
        if (strcmp(words[word].field, field) == 0)
            return index < 0 || index > PS_MOST_LEVELS ? NULL : words[word].levels[index];
    return NULL;
}

int ps_word_find(const char *field, const char *level)
{
    const char *known;

    if (!level)
        return 0;
    for (int i = 0; (known = ps_word_level(field, i)); i++)
        if (strcmp(known, level) == 0)
            return i;
    return -1;
}

const struct ps_method *ps_method_find(const char *name)
{
    for (int i = 0; i < ps_method_count(); i++)
        if (strcmp(methods[i]->name, name) == 0)
            return methods[i];
    return NULL;
}

const struct ps_workload_ops *ps_workload_find(const char *name)
{
    for (int i = 0; i < PS_WORKLOAD_COUNT; i++)
        if (strcmp(workloads[i]->name, name) == 0)
            return workloads[i];
    return NULL;
}

int ps_method_probe(const struct ps_method *method, ps_error *why)
{
    if (method->unavailable)
        return ps_unavailable(why, ENOSYS, method->unavailable);
    const int failed = ps_cpu_probe(method->cpu_features, why);

    if (failed)
        return failed;
    return method->probe ? method->probe(why) : 0;
}

int ps_scratch_is_memory(const struct ps_method *method, const struct ps_workload_ops *workload)
{
    return (workload->hooks_use_scratch && method->scratch == PS_SCRATCH_MEMORY) ||
           (workload->moves_use_scratch && method->move_many && !method->permute &&
            method->scratch != PS_SCRATCH_ADDRESSES);
}

int ps_method_describe(int index, ps_method_info *info)
{
    ps_error why = {0};

    if (index < 0 || index >= ps_method_count())
        return -ENOENT;
    const struct ps_method *const method = methods[index];

    memset(info, 0, sizeof *info);
    info->name = method->name;
    info->summary = method->summary;
    info->family = families[method->family].name;
    for (unsigned i = 0; i < PS_WORKLOAD_COUNT; i++)
        info->workloads |= workloads[i]->can(method) ? 1u << i : 0;
    for (unsigned i = 0; i < PS_WORKLOAD_COUNT; i++)
        info->without_scratch |= workloads[i]->can(method) && !ps_scratch_is_memory(method, workloads[i]) ? 1u << i : 0;
    info->backings = ps_backings_of(method);
    info->splits_mappings = (method->flags & PS_SPLITS_MAPPINGS) != 0;
    info->available = (method->probe ? ps_method_probe_apart : ps_method_probe)(method, &why) == 0;
    (void)snprintf(info->reason, sizeof info->reason, "%s", why.detail);
    return 0;
}
