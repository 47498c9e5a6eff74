/* Threads that read beside the one that moves, and how long each of their reads takes. */
#ifndef PAGESWAP_READERS_H
#define PAGESWAP_READERS_H

#include "counters.h"

enum ps_reads { PS_READS_NOTHING, PS_READS_MOVING, PS_READS_RESTING, PS_READS_MISSING };
enum ps_reads ps_reads_of(const ps_trial *trial);

/* Starts readers that rest, one on each of the CPUs; NULL after an error. They will read the areas of so many works. */
struct ps_readers;
struct ps_readers *ps_readers_start(const int32_t *cpus, uint32_t count, uint32_t areas, uint64_t seed,
                                    ps_error *error);

/* Lets them read for a while, alone: what they are compared with. */
void ps_readers_alone(struct ps_readers *readers, const struct ps_work *works);

/* Returns when each of them reads, or waits for its first page; what they read from then on, until they are told to
 * rest, is counted. */
void ps_readers_begin(struct ps_readers *readers, const struct ps_work *works);
void ps_readers_rest(struct ps_readers *readers);

/* Fills the counters from PS_COUNTER_reads_per_s on, once they rest; percentiles only where reads enough were made.
 * Returns 0, or a negative errno where the counter did not run at one rate, so that no time is known. */
int ps_readers_count(struct ps_readers *readers, uint64_t *counters, ps_error *error);

/* Once nothing keeps one in a read any more. */
void ps_readers_stop(struct ps_readers *readers);

#endif
