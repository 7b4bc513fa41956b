#include "histogram.h"

#include <stddef.h>

#define CELLS_A_POWER (1u << HISTOGRAM_CELL_BITS)

/* Below CELLS_A_POWER each value has a cell of its own; above, its top bits name the cell. */
static size_t cell_of(uint64_t value)
{
    if (value < CELLS_A_POWER)
        return (size_t)value;
    unsigned power = 63 - (unsigned)__builtin_clzll(value) - HISTOGRAM_CELL_BITS;
    size_t in_power = (size_t)(value >> power) - CELLS_A_POWER;
    return ((size_t)power + 1) * CELLS_A_POWER + in_power;
}

static uint64_t cell_top(size_t cell)
{
    if (cell < CELLS_A_POWER)
        return cell;
    unsigned power = (unsigned)(cell / CELLS_A_POWER) - 1;
    uint64_t bottom = (CELLS_A_POWER + cell % CELLS_A_POWER) << power;
    return bottom + (UINT64_C(1) << power) - 1;
}

void histogram_add(struct histogram *histogram, uint64_t value_ns)
{
    histogram->count++;
    histogram->sum_ns += value_ns;
    if (value_ns > histogram->max_ns)
        histogram->max_ns = value_ns;
    histogram->cells[cell_of(value_ns)]++;
}

uint64_t histogram_at(const struct histogram *histogram, double share)
{
    double exactly = (double)histogram->count * share;
    uint64_t wanted = (uint64_t)exactly;
    wanted += (double)wanted < exactly;
    uint64_t passed = 0;
    for (size_t cell = 0; cell < HISTOGRAM_CELLS; cell++) {
        passed += histogram->cells[cell];
        if (passed >= wanted && passed > 0)
            return cell_top(cell) < histogram->max_ns ? cell_top(cell) : histogram->max_ns;
    }
    return histogram->max_ns;
}
