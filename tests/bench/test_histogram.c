#include "histogram.h"

#include <stdlib.h>

#include "../unit/unit.h"

static struct histogram histogram;

static void start(void)
{
    histogram = (struct histogram){0};
}

START_TEST(nothing_counted_is_zero)
{
    start();
    ck_assert_uint_eq(histogram_at(&histogram, 0.99), 0);
}
END_TEST

START_TEST(percentiles_are_those_of_the_values_within_a_hundredth)
{
    start();
    for (uint64_t i = 1; i <= 100000; i++)
        histogram_add(&histogram, i * 1000);
    static const double shares[] = {0.001, 0.5, 0.9, 0.99, 0.999};
    for (size_t i = 0; i < sizeof shares / sizeof shares[0]; i++) {
        double truth = shares[i] * 100000 * 1000;
        double found = (double)histogram_at(&histogram, shares[i]);
        ck_assert_double_ge(found, truth);
        ck_assert_double_le(found, truth * 1.01);
    }
    ck_assert_uint_eq(histogram_at(&histogram, 1), 100000000);
    ck_assert_uint_eq(histogram.max_ns, 100000000);
    ck_assert_uint_eq(histogram.count, 100000);
}
END_TEST

START_TEST(small_values_are_exact_and_the_greatest_fit)
{
    start();
    histogram_add(&histogram, 0);
    ck_assert_uint_eq(histogram_at(&histogram, 1), 0);
    start();
    histogram_add(&histogram, 127);
    histogram_add(&histogram, 128);
    ck_assert_uint_eq(histogram_at(&histogram, 0.5), 127);
    histogram_add(&histogram, UINT64_MAX);
    ck_assert_uint_eq(histogram_at(&histogram, 1), UINT64_MAX);
}
END_TEST

START_TEST(one_slow_answer_among_many_shows_in_the_last_percentile_alone)
{
    start();
    for (int i = 0; i < 999; i++)
        histogram_add(&histogram, 1000000);
    histogram_add(&histogram, 5000000000);
    ck_assert_uint_le(histogram_at(&histogram, 0.99), 1010000);
    ck_assert_uint_eq(histogram_at(&histogram, 1), 5000000000);
}
END_TEST

PST_UNIT_MAIN("histogram", nothing_counted_is_zero,
              percentiles_are_those_of_the_values_within_a_hundredth,
              small_values_are_exact_and_the_greatest_fit,
              one_slow_answer_among_many_shows_in_the_last_percentile_alone)
