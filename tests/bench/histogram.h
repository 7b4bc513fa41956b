/*
 * Latencies counted in cells that grow with the value, as HdrHistogram does:
 * 128 cells for each power of two, so that a percentile is never more than
 * 1 % above the truth, whatever the range, in 60 KiB. One thread.
 */
#ifndef POSTERN_TESTS_BENCH_HISTOGRAM_H
#define POSTERN_TESTS_BENCH_HISTOGRAM_H

#include <stdint.h>

#define HISTOGRAM_CELL_BITS 7
#define HISTOGRAM_CELLS ((64 - HISTOGRAM_CELL_BITS + 1) << HISTOGRAM_CELL_BITS)

struct histogram {
    uint64_t count;
    uint64_t sum_ns;
    uint64_t max_ns;
    uint64_t cells[HISTOGRAM_CELLS];
};

/* Starts as all zero. */
void histogram_add(struct histogram *histogram, uint64_t value_ns);

/*
 * The value that this share (0 < share <= 1) of all did not exceed: the top of
 * its cell, at most max_ns; 0 when nothing was counted.
 */
uint64_t histogram_at(const struct histogram *histogram, double share);

#endif
