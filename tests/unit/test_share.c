#include "postern/share.h"

#include <stdlib.h>
#include <string.h>

#include "unit.h"
#include "vectors.h"

#define COUNT_MAX 8

static struct pst_secret *texts[COUNT_MAX];

static struct pst_bytes bytes_of(const struct pst_secret *text)
{
    return pst_bytes_str((const char *)pst_secret_bytes(text));
}

static struct pst_secret *records_key(void)
{
    return vectors_secret("keys.records.secret", 32);
}

static void split(size_t count, size_t threshold)
{
    struct pst_secret *identity = records_key();
    ck_assert_int_eq(pst_share_split(identity, count, threshold, NULL, texts), PST_OK);
    pst_secret_free(&identity);
}

static void drop(size_t count)
{
    for (size_t i = 0; i < count; i++)
        pst_secret_free(&texts[i]);
}

START_TEST(every_pair_of_three_gives_the_key)
{
    struct pst_secret *want = records_key();
    split(3, 2);
    for (size_t a = 0; a < 3; a++) {
        for (size_t b = 0; b < 3; b++) {
            struct pst_secret *identity = NULL;
            struct pst_bytes two[] = {bytes_of(texts[a]), bytes_of(texts[b])};
            size_t which = 99;
            enum pst_share_problem problem = pst_share_combine(two, 2, &identity, &which, NULL);
            ck_assert_int_eq(problem, a == b ? PST_SHARE_REPEATED : PST_SHARE_OK);
            if (a == b) {
                ck_assert_uint_eq(which, 1);
                continue;
            }
            ck_assert(pst_secret_equal(identity, want));
            pst_secret_free(&identity);
        }
    }
    drop(3);
    pst_secret_free(&want);
}
END_TEST

START_TEST(a_share_is_five_lines)
{
    struct pst_share_facts facts;
    char id[PST_KEY_ID_TEXT_SIZE];
    split(5, 3);
    const char *text = (const char *)pst_secret_bytes(texts[3]);
    ck_assert_int_eq(strncmp(text, "postern.share/1\n3 5 4\nS4TmpD_rwBXEnqyL_rbP1A\n", 45), 0);
    size_t lines = 0;
    for (const char *at = text; *at != 0; at++)
        lines += *at == '\n' ? 1 : 0;
    ck_assert_uint_eq(lines, 5);
    ck_assert_int_eq(pst_share_read(bytes_of(texts[3]), &facts), PST_SHARE_OK);
    ck_assert_uint_eq(facts.threshold, 3);
    ck_assert_uint_eq(facts.count, 5);
    ck_assert_uint_eq(facts.number, 4);
    pst_key_id_format(&facts.key, id);
    ck_assert_str_eq(id, vectors_text("keys.records.id"));
    drop(5);
}
END_TEST

START_TEST(too_few_mixed_and_none_are_told_apart)
{
    struct pst_secret *identity = NULL;
    struct pst_secret *other = NULL;
    struct pst_secret *others[3];
    size_t which = 99;
    size_t need = 99;
    split(5, 3);
    struct pst_bytes two[] = {bytes_of(texts[0]), bytes_of(texts[1])};
    ck_assert_int_eq(pst_share_combine(two, 2, &identity, NULL, &need), PST_SHARE_TOO_FEW);
    ck_assert_uint_eq(need, 3);
    ck_assert_int_eq(pst_share_combine(NULL, 0, &identity, NULL, NULL), PST_SHARE_TOO_FEW);
    ck_assert_int_eq(pst_secret_random(32, &other), PST_OK);
    ck_assert_int_eq(pst_share_split(other, 3, 3, NULL, others), PST_OK);
    struct pst_bytes mixed[] = {bytes_of(texts[0]), bytes_of(texts[1]), bytes_of(others[2])};
    ck_assert_int_eq(pst_share_combine(mixed, 3, &identity, &which, NULL), PST_SHARE_MIXED);
    ck_assert_uint_eq(which, 2);
    ck_assert_ptr_null(identity);
    for (size_t i = 0; i < 3; i++)
        pst_secret_free(&others[i]);
    pst_secret_free(&other);
    drop(5);
}
END_TEST

START_TEST(shares_of_two_splittings_do_not_give_the_key)
{
    struct pst_secret *first = NULL;
    struct pst_secret *identity = NULL;
    split(3, 2);
    ck_assert_int_eq(pst_secret_copy(texts[0], &first), PST_OK);
    drop(3);
    split(3, 2);
    struct pst_bytes two[] = {bytes_of(first), bytes_of(texts[1])};
    ck_assert_int_eq(pst_share_combine(two, 2, &identity, NULL, NULL), PST_SHARE_WRONG);
    ck_assert_ptr_null(identity);
    pst_secret_free(&first);
    drop(3);
}
END_TEST

START_TEST(every_changed_character_is_found)
{
    struct pst_share_facts facts;
    split(2, 2);
    char *text = (char *)pst_secret_mut(texts[0]);
    size_t len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        char was = text[i];
        text[i] = was == 'x' ? 'y' : 'x';
        enum pst_share_problem problem = pst_share_read(pst_bytes(text, len), &facts);
        bool last = i == len - 1;
        ck_assert_msg(problem == (i < 15 ? PST_SHARE_NOT_SHARE : PST_SHARE_DAMAGED),
                      "character %zu%s: %d", i, last ? " (last)" : "", problem);
        text[i] = was;
    }
    for (size_t cut = 0; cut + 1 < len; cut++)
        ck_assert_int_ne(pst_share_read(pst_bytes(text, cut), &facts), PST_SHARE_OK);
    drop(2);
}
END_TEST

START_TEST(copies_with_other_line_ends_are_read)
{
    struct pst_share_facts facts;
    char copy[PST_SHARE_TEXT_MAX_BYTES] = "";
    size_t len = 0;
    split(2, 2);
    const char *text = (const char *)pst_secret_bytes(texts[0]);
    for (const char *at = text; *at != 0; at++) {
        if (*at == '\n')
            copy[len++] = '\r';
        copy[len++] = *at;
    }
    ck_assert_int_eq(pst_share_read(pst_bytes(copy, len), &facts), PST_SHARE_OK);
    ck_assert_int_eq(pst_share_read(pst_bytes(text, strlen(text) - 1), &facts), PST_SHARE_OK);
    ck_assert_int_eq(pst_share_read(pst_bytes_str("age1something"), &facts), PST_SHARE_NOT_SHARE);
    ck_assert_int_eq(pst_share_read(pst_bytes(NULL, 0), &facts), PST_SHARE_NOT_SHARE);
    drop(2);
}
END_TEST

START_TEST(numbers_out_of_range_are_refused)
{
    struct pst_secret *identity = records_key();
    ck_assert_int_eq(pst_share_split(identity, 3, 1, NULL, texts), PST_ERR_INVALID);
    ck_assert_int_eq(pst_share_split(identity, 3, 4, NULL, texts), PST_ERR_INVALID);
    ck_assert_int_eq(pst_share_split(identity, 256, 2, NULL, texts), PST_ERR_INVALID);
    pst_secret_free(&identity);
}
END_TEST

START_TEST(as_many_as_can_be)
{
    struct pst_secret *identity = records_key();
    struct pst_secret *again = NULL;
    struct pst_secret **many = calloc(PST_SHARES_MAX, sizeof *many);
    struct pst_bytes given[PST_SHARES_MAX];
    ck_assert_int_eq(pst_share_split(identity, PST_SHARES_MAX, 17, NULL, many), PST_OK);
    for (size_t i = 0; i < PST_SHARES_MAX; i++)
        given[i] = bytes_of(many[PST_SHARES_MAX - 1 - i]);
    ck_assert_int_eq(pst_share_combine(given, PST_SHARES_MAX, &again, NULL, NULL), PST_SHARE_OK);
    ck_assert(pst_secret_equal(identity, again));
    for (size_t i = 0; i < PST_SHARES_MAX; i++)
        pst_secret_free(&many[i]);
    free(many);
    pst_secret_free(&again);
    pst_secret_free(&identity);
}
END_TEST

START_TEST(problems_have_sentences)
{
    for (unsigned i = 0; i <= PST_SHARE__MAX; i++)
        ck_assert_uint_gt(strlen(pst_share_problem_text((enum pst_share_problem)i)), 10);
}
END_TEST

PST_UNIT_MAIN("share", every_pair_of_three_gives_the_key, a_share_is_five_lines,
              too_few_mixed_and_none_are_told_apart, shares_of_two_splittings_do_not_give_the_key,
              every_changed_character_is_found, copies_with_other_line_ends_are_read,
              numbers_out_of_range_are_refused, as_many_as_can_be, problems_have_sentences)
