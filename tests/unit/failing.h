/*
 * Allocations that fail on demand, for programs linked with
 * -Wl,--wrap=malloc,--wrap=calloc,--wrap=realloc,--wrap=sodium_malloc (see
 * failing_dep in tests/unit/meson.build): those of libpostern and of the test,
 * not those inside other libraries.
 *
 *     for (failing_begin(0); ; failing_begin(n)) ... until !failing_end()
 */
#ifndef POSTERN_TESTS_FAILING_H
#define POSTERN_TESTS_FAILING_H

#include <stdbool.h>
#include <stddef.h>

void *__real_malloc(size_t size);
void *__real_calloc(size_t count, size_t size);
void *__real_realloc(void *old, size_t size);
void *__real_sodium_malloc(size_t size);
void *__wrap_malloc(size_t size);
void *__wrap_calloc(size_t count, size_t size);
void *__wrap_realloc(void *old, size_t size);
void *__wrap_sodium_malloc(size_t size);

/* Allocations until one fails, counted down; negative: none does. */
static long failing_left = -1;
static bool failing_hit;

static bool failing_now(void)
{
    if (failing_left < 0 || failing_left-- > 0)
        return false;
    failing_hit = true;
    return true;
}

void *__wrap_malloc(size_t size)
{
    return failing_now() ? NULL : __real_malloc(size);
}

void *__wrap_calloc(size_t count, size_t size)
{
    return failing_now() ? NULL : __real_calloc(count, size);
}

void *__wrap_realloc(void *old, size_t size)
{
    return failing_now() ? NULL : __real_realloc(old, size);
}

void *__wrap_sodium_malloc(size_t size)
{
    return failing_now() ? NULL : __real_sodium_malloc(size);
}

/* The allocation after nth others fails, once. */
static inline void failing_begin(long nth)
{
    failing_left = nth;
    failing_hit = false;
}

/* Did one fail since failing_begin? None does from here on. */
static inline bool failing_end(void)
{
    failing_left = -1;
    return failing_hit;
}

#endif
