/* The core's whole interface. It is read twice, by the C compiler through pageswap.h and by cffi,
 * so that the two cannot disagree; therefore no preprocessor directive may stand here.
 *
 * Every function returns 0 or a negative errno and fills *error with the call that failed. The library
 * never prints or aborts, and exits only in a process that it forked. Sizes are bytes, times nanoseconds. */

typedef struct {
    int32_t errnum;   /* positive errno, 0 when nothing failed */
    char call[48];    /* the system call or check that failed */
    char detail[208]; /* what is missing and the cure, or empty */
} ps_error;

typedef struct {
    const char *name;
    const char *summary;
    const char *family;       /* "copy", "remap", "window" or "control" */
    uint32_t workloads;       /* bit i: the workload ps_workload_name(i) */
    uint32_t backings;        /* bit i: the backing that ps_backing_describe(i) tells of */
    uint32_t without_scratch; /* bit i: it does this workload without a page of scratch memory a thread */
    int32_t splits_mappings;  /* 1 when every moved page may become a mapping of its own */
    int32_t available;        /* 0: `reason` says what is missing and the cure */
    char reason[256];
} ps_method_info;

typedef struct {
    const char *name;
    uint64_t kernel_page_bytes; /* the least that the kernel maps, and so moves, at once */
    uint64_t fault_bytes;       /* the most that one fault brings */
    uint64_t folio_bytes; /* of the large folios (mTHP) that it is made of, which a setting allows; 0: of none */
    int32_t is_reserved; /* 1: its pages are of the pool of huge pages that the host keeps apart */
} ps_backing_info;

/* A line of a trace: `pages` neighbouring pages go from one slot on to another one on. No pages: a batch ends. */
typedef struct {
    uint32_t to;
    uint32_t from;
    uint32_t pages;
} ps_trace_line;

/* Beside what places it, a field is a factor's level: for a size `page_bytes` of page_size, else of the factor's name.
 * Of a word NULL is the first that ps_word_level() has; a number that only some workloads use is 1 where it is 0, where
 * nothing else is said. */
typedef struct {
    const char *method;
    const char *workload;
    const char *backing;
    uint64_t page_bytes;
    uint64_t region_bytes;
    uint64_t iterations;
    uint64_t seed;            /* of the schedule and of the stamps */
    uint32_t threads;         /* each works on its own share of the slots and of the iterations */
    uint32_t rounds;
    const char *touch;        /* "moved": read every moved page inside the timed region; "every": each 4 KiB of it;
                                 "new": write to each 4 KiB that `grow` adds */
    const char *pattern;      /* of the pairs: "random", "sequential" or "strided" */
    uint64_t distance;        /* in pages: between a pair's partners (sequential), or from pair to pair (strided) */
    uint64_t run_pages;       /* neighbouring pages that move together: each of a pair, for `swap` and `permute` */
    const char *release;      /* "source": memory that a move leaves is given back inside the timed region;
                                 "both": and where it goes there was none */
    uint64_t occupancy;       /* of `compact`: the percentage of pages that live, 1 to 99 */
    uint64_t batch;           /* swaps that are handed over at once, for the workload `permute`; 0: a round's */
    uint64_t doublings; /* of a block in an iteration of `grow` */
    const char *pages; /* of `swap`, `permute`, `move`: "fresh": without memory when a round begins; "forked": a
                          child shares them; "mlocked": they are locked */
    const char *alignment; /* "page": the region starts one base page beyond a 2 MiB border; "1GiB": at a border of
                              1 GiB, as does the scratch */
    const char *neighbours; /* "spinning": the host's other allowed CPUs spin in threads of this process; "reading":
                               they read random places, and how long each read takes is counted */
    const char *reads; /* of readers: "moving": the region; "resting": as much memory that nobody moves; "missing": the
                          empty places that moves bring pages to, whether these have come or not */
    const char *numa; /* "local": the region lies on the NUMA node of the CPU that moves it; "remote": on another;
                         "interleave": page by page on all */
    const int32_t *cpus; /* the CPUs to pin to, thread 0's first; NULL: the last ones allowed */
    uint32_t cpu_count;
    const char *folder; /* where the file of the backing `file` lies; NULL: the current one */
    const uint32_t *given_a; /* a schedule of `iterations` pairs of slots instead of a random one, or NULL; */
    const uint32_t *given_b; /* for one thread only */
    const ps_trace_line *trace; /* of `replay`: each thread plays it once on its share, in one round; the iterations */
    uint64_t trace_lines; /* are its moves, once for each thread */
    uint64_t *begins_ns; /* where it is left when each round began, by CLOCK_MONOTONIC_RAW; NULL: nowhere */
} ps_trial;

typedef struct {
    uint64_t elapsed_ns; /* the sum of the rounds */
    uint64_t setup_ns; /* mapping, stamping, the schedule, the method's own set-up */
    uint64_t verify_ns; /* comparing with the model, counting mappings between rounds */
    uint64_t minor_faults; /* inside the timed rounds only, as all counters below */
    uint64_t major_faults;
    uint64_t voluntary_switches;
    uint64_t involuntary_switches;
    uint64_t vmas_peak; /* most mappings of the process seen at the borders of rounds */
    uint64_t counters[71]; /* by ps_counter_name(); UINT64_MAX where the host does not count it */
    int32_t cpu;
    int32_t verified; /* 0: a page is not what the model says; the next four tell which */
    uint64_t wrong_slot;
    uint64_t wrong_offset; /* of the first wrong 8-byte word in that page */
    uint64_t found_word;
    uint64_t expected_word;
    int32_t is_misplaced; /* 1: the two are NUMA nodes, that where the page lies and that where it should */
} ps_result;

int ps_method_count(void);
int ps_method_describe(int index, ps_method_info *info);
/* Of all that give a name by an index: NULL from the end on. */
const char *ps_workload_name(int index);
int ps_backing_count(void);
int ps_backing_describe(int index, ps_backing_info *info);
const char *ps_family_name(int index);
int ps_family_moves_pages(int index); /* 0: its methods leave every page where it is */
int ps_family_is_control(int index); /* 1: its methods are no way to move pages, but there for comparison */

const char *ps_counter_name(int index);
/* Which fields of ps_trial are one of a few words, and which words. */
const char *ps_word_field(int index);
const char *ps_word_level(const char *field, int index);

/* Runs one trial in the calling process, which it pins and whose mappings it changes: call it in a
 * process of its own. rounds_ns has room for trial->rounds values. */
int ps_run_trial(const ps_trial *trial, ps_result *result, uint64_t *rounds_ns, ps_error *error);

/* Asks this host for what the trial needs, CPUs, address space, reserved pages and its backing, and gives it back;
 * a region is mapped, not filled. Call it in a process of its own. */
int ps_check_trial(const ps_trial *trial, ps_error *error);

/* What a child process gets before it begins. */
typedef struct {
    const int32_t *cpus; /* the CPUs that it may run on; with cpu_count 0 those of its parent */
    uint32_t cpu_count;
    uint64_t address_bytes; /* the most addresses that it may map; 0: as its parent */
    const char *group; /* the cgroup.procs file of the control group to enter, or NULL */
} ps_conditions;

/* Makes this process, a fork of `parent`, one that dies with it, in a process group of its own, without its signal
 * handlers and its descriptors but the standard three, first in line for the OOM killer, and under `conditions`. */
int ps_enter_child(const ps_conditions *conditions, int32_t parent, ps_error *error);

enum { PS_TRIAL_UNFINISHED = 0, PS_TRIAL_MEASURED = 1, PS_TRIAL_FAILED = 2 };

/* What a child leaves, in memory that its parent shares: a result and its rounds, or an error. */
typedef struct {
    uint64_t state; /* PS_TRIAL_UNFINISHED as long as neither is there */
    ps_result result;
    ps_error error;
    uint64_t rounds_ns[]; /* has room for the trial's rounds */
} ps_outcome;

/* Forks a child that enters `conditions`, runs the trial, and ends, whatever happens, without returning here. */
int ps_start_trial(const ps_trial *trial, const ps_conditions *conditions, ps_outcome *outcome, int32_t *pid,
                   ps_error *error);
