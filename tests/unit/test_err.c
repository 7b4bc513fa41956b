#include "postern/err.h"

#include <sysexits.h>

#include "unit.h"

START_TEST(every_error_has_text_name_and_class)
{
    for (int err = 0; err < PST_ERR__MAX; err++) {
        ck_assert_ptr_nonnull(pst_err_text(err));
        ck_assert_ptr_nonnull(pst_err_name(err));
        ck_assert((err == PST_OK) == (pst_err_class(err) == PST_ERR_CLASS_OK));
        ck_assert((err == PST_OK) == (pst_err_http(err) == 200));
        ck_assert((err == PST_OK) == (pst_err_exit(err) == EX_OK));
    }
}
END_TEST

START_TEST(unknown_error_is_a_bug)
{
    ck_assert_int_eq(pst_err_class((enum pst_err)4711), PST_ERR_CLASS_BUG);
    ck_assert_int_eq(pst_err_http((enum pst_err) - 1), 500);
}
END_TEST

PST_UNIT_MAIN("err", every_error_has_text_name_and_class, unknown_error_is_a_bug)
