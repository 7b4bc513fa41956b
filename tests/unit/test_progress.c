/* The bar that postern and posternd draw: what it says, and that it never lies beyond its ends. */
#include "postern/progress.h"

#include <string.h>

#include "unit.h"

static const char *text_of(struct pst_progress progress)
{
    static char text[PST_PROGRESS_TEXT_SIZE];
    pst_progress_format(&progress, text);
    return text;
}

START_TEST(the_bar_says_how_far_and_how_long)
{
    static const struct {
        struct pst_progress progress;
        const char *text;
    } cases[] = {
        {{"Sending", 0, 100, 0, 0}, "Sending [                              ]   0 %"},
        {{"Sending", 50, 100, 0, 2000}, "Sending [###############               ]  50 %, 2 s left"},
        {{"Sending", 100, 100, 0, 9000},
         "Sending [##############################] 100 %, 0 s left"},
        {{"Copying", 10, 100, 0, 60000},
         "Copying [###                           ]  10 %, 9 min left"},
        {{"Copying", 1, 1000, 0, 60000},
         "Copying [                              ]   0 %, 17 h left"},
        {{"Copying", 90, 100, 80, 1000},
         "Copying [###########################   ]  90 %, 1 s left"},
        {{"Copying", 80, 100, 80, 5000}, "Copying [########################      ]  80 %"},
        {{"Copying", 500, 100, 0, 5000},
         "Copying [##############################] 100 %, 0 s left"},
        {{"Copying", -5, 100, 0, 5000}, "Copying [                              ]   0 %"},
        {{"Copying", 5, 0, 0, 5000}, "Copying [                              ]   0 %"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_str_eq(text_of(cases[i].progress), cases[i].text);
}
END_TEST

START_TEST(it_shows_what_takes_long_and_has_an_end)
{
    ck_assert(!pst_progress_shows(&(struct pst_progress){"a", 1, 2, 0, PST_PROGRESS_AFTER_MS - 1}));
    ck_assert(pst_progress_shows(&(struct pst_progress){"a", 1, 2, 0, PST_PROGRESS_AFTER_MS}));
    ck_assert(!pst_progress_shows(&(struct pst_progress){"a", 1, 0, 0, PST_PROGRESS_AFTER_MS}));
}
END_TEST

START_TEST(the_longest_fits_in_a_line)
{
    const struct pst_progress longest = {"A word that is far too long for it", INT64_MAX - 1,
                                         INT64_MAX, 0, INT64_MAX};
    ck_assert_uint_lt(strlen(text_of(longest)), PST_PROGRESS_TEXT_SIZE);
    ck_assert_int_eq(pst_progress_percent(&longest), 100);
}
END_TEST

PST_UNIT_MAIN("progress", the_bar_says_how_far_and_how_long,
              it_shows_what_takes_long_and_has_an_end, the_longest_fits_in_a_line)
