/* What methods and readers ask of the CPU. Included by pageswap.h. */
#ifndef PAGESWAP_CPU_FEATURES_H
#define PAGESWAP_CPU_FEATURES_H

/* One line registers a feature; cpu_features.c knows how to ask for it. Bit numbers follow the order. */
#define PS_CPU_FEATURES(X) \
    X(avx2)                \
    X(avx512f)             \
    X(prefetchw)           \
    X(nonstop_tsc)

enum ps_cpu_feature {
#define X(name) PS_CPU_FEATURE_##name,
    PS_CPU_FEATURES(X)
#undef X
        PS_CPU_FEATURE_COUNT
};

#define PS_CPU(name) (1u << PS_CPU_FEATURE_##name)

/* Tells whether all these PS_CPU() bits can be used: the CPU has them, the kernel saves their registers, and
 * PAGESWAP_CPU_FEATURES does not take them away. */
int ps_cpu_has(unsigned features);

/* Returns 0 when ps_cpu_has(features), else a negative errno after ps_unavailable() named the first one that is
 * missing, why, and the cure. */
int ps_cpu_probe(unsigned features, ps_error *why);

#endif
