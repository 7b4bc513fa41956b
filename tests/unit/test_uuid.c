#include "postern/uuid.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "unit.h"

static void fill_ff(void *ctx, void *ret_bytes, size_t len)
{
    (void)ctx;
    memset(ret_bytes, 0xff, len);
}

static const struct pst_random all_ones = {.fill = fill_ff};

START_TEST(v7_holds_time_version_and_variant)
{
    struct pst_uuid uuid;
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_v7(INT64_C(0x0190a0b0c0d0), &all_ones, &uuid);
    pst_uuid_format(&uuid, text);
    ck_assert_str_eq(text, "0190a0b0-c0d0-7fff-bfff-ffffffffffff");
    ck_assert(pst_uuid_is_v7(&uuid));
    ck_assert_int_eq(pst_uuid_v7_ms(&uuid), INT64_C(0x0190a0b0c0d0));
}
END_TEST

START_TEST(two_from_the_system_differ_and_sort_by_time)
{
    struct pst_uuid a;
    struct pst_uuid b;
    struct pst_uuid later;
    pst_uuid_v7(1000, NULL, &a);
    pst_uuid_v7(1000, NULL, &b);
    pst_uuid_v7(1001, NULL, &later);
    ck_assert(!pst_uuid_equal(&a, &b));
    ck_assert_int_lt(pst_uuid_compare(&a, &later), 0);
}
END_TEST

/* More than one fetch of random bytes brings (random.c). */
#define MANY 1000

static void *make_many(void *arg)
{
    struct pst_uuid *uuids = arg;
    for (size_t i = 0; i < MANY; i++)
        pst_uuid_v7(1000, NULL, &uuids[i]);
    return NULL;
}

static int by_value(const void *a, const void *b)
{
    return pst_uuid_compare(a, b);
}

static void check_all_differ(struct pst_uuid *uuids, size_t count)
{
    qsort(uuids, count, sizeof *uuids, by_value);
    for (size_t i = 1; i < count; i++)
        ck_assert_msg(!pst_uuid_equal(&uuids[i - 1], &uuids[i]), "%zu", i);
}

START_TEST(those_of_two_threads_differ)
{
    static struct pst_uuid uuids[2 * MANY];
    pthread_t other;
    ck_assert_int_eq(pthread_create(&other, NULL, make_many, uuids), 0);
    make_many(uuids + MANY);
    pthread_join(other, NULL);
    check_all_differ(uuids, 2 * MANY);
}
END_TEST

/* Both begin with what the thread that forked had fetched and not used. */
START_TEST(those_of_parent_and_child_differ)
{
    static struct pst_uuid uuids[2 * MANY + 1];
    int ends[2], status = 0;
    pst_uuid_v7(1000, NULL, &uuids[2 * MANY]);
    ck_assert_int_eq(pipe(ends), 0);
    pid_t child = fork();
    if (child == 0) {
        make_many(uuids);
        _exit(write(ends[1], uuids, MANY * sizeof *uuids) != (ssize_t)(MANY * sizeof *uuids));
    }
    make_many(uuids);
    ck_assert_int_eq(read(ends[0], uuids + MANY, MANY * sizeof *uuids), MANY * sizeof *uuids);
    waitpid(child, &status, 0);
    ck_assert_int_eq(status, 0);
    check_all_differ(uuids, 2 * MANY + 1);
}
END_TEST

START_TEST(one_spelling_alone_is_read)
{
    static const struct {
        const char *text;
        enum pst_err want;
    } cases[] = {
        {"0190a0b0-0000-7000-8000-0000000000aa", PST_OK},
        {"0190A0B0-0000-7000-8000-0000000000AA", PST_ERR_SYNTAX},
        {"0190a0b0-0000-7000-8000-0000000000a", PST_ERR_SYNTAX},
        {"0190a0b0-0000-7000-8000-0000000000aa0", PST_ERR_SYNTAX},
        {"0190a0b000000-7000-8000-0000000000aa", PST_ERR_SYNTAX},
        {"0190a0b0-0000-7000-8000-0000000000ag", PST_ERR_SYNTAX},
        {"{190a0b0-0000-7000-8000-0000000000a}", PST_ERR_SYNTAX},
        {"", PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_uuid uuid = {{9}};
        char again[PST_UUID_TEXT_SIZE];
        ck_assert_int_eq(pst_uuid_parse(cases[i].text, strlen(cases[i].text), &uuid),
                         cases[i].want);
        if (cases[i].want != PST_OK) {
            ck_assert_uint_eq(uuid.bytes[0], 9);
            continue;
        }
        pst_uuid_format(&uuid, again);
        ck_assert_str_eq(again, cases[i].text);
    }
}
END_TEST

START_TEST(version_4_is_not_7_and_zero_is_nil)
{
    struct pst_uuid uuid = {{0}};
    ck_assert(pst_uuid_is_nil(&uuid));
    ck_assert_int_eq(pst_uuid_parse("0190a0b0-0000-4000-8000-0000000000aa", 36, &uuid), PST_OK);
    ck_assert(!pst_uuid_is_v7(&uuid));
    ck_assert(!pst_uuid_is_nil(&uuid));
    ck_assert_int_eq(pst_uuid_parse("0190a0b0-0000-7000-c000-0000000000aa", 36, &uuid), PST_OK);
    ck_assert(!pst_uuid_is_v7(&uuid));
}
END_TEST

PST_UNIT_MAIN("uuid", v7_holds_time_version_and_variant,
              two_from_the_system_differ_and_sort_by_time, those_of_two_threads_differ,
              those_of_parent_and_child_differ, one_spelling_alone_is_read,
              version_4_is_not_7_and_zero_is_nil)
