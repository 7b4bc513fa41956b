#include "postern/buf.h"

#include "unit.h"

START_TEST(grows_and_terminates)
{
    struct pst_buf buf;
    pst_buf_init(&buf, 10000);
    for (int i = 0; i < 10000; i++)
        ck_assert_int_eq(pst_buf_append_byte(&buf, 'a'), PST_OK);
    ck_assert_uint_eq(buf.len, 10000);
    ck_assert_uint_eq(strlen(pst_buf_str(&buf)), 10000);
    pst_buf_free(&buf);
    ck_assert_str_eq(pst_buf_str(&buf), "");
}
END_TEST

START_TEST(refuses_beyond_max_and_keeps_content)
{
    struct pst_buf buf;
    pst_buf_init(&buf, 4);
    ck_assert_int_eq(pst_buf_append_str(&buf, "abc"), PST_OK);
    ck_assert_int_eq(pst_buf_append_str(&buf, "de"), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_buf_append(&buf, "d", SIZE_MAX), PST_ERR_TOO_LONG);
    ck_assert_str_eq(pst_buf_str(&buf), "abc");
    ck_assert_int_eq(pst_buf_printf(&buf, "%d", 7), PST_OK);
    ck_assert_str_eq(pst_buf_str(&buf), "abc7");
    pst_buf_free(&buf);
}
END_TEST

START_TEST(consumes_from_the_front)
{
    struct pst_buf buf;
    pst_buf_init(&buf, 100);
    ck_assert_int_eq(pst_buf_append_str(&buf, "hello world"), PST_OK);
    pst_buf_consume(&buf, 6);
    ck_assert_str_eq(pst_buf_str(&buf), "world");
    pst_buf_consume(&buf, 600);
    ck_assert_uint_eq(buf.len, 0);
    pst_buf_free(&buf);
}
END_TEST

PST_UNIT_MAIN("buf", grows_and_terminates, refuses_beyond_max_and_keeps_content,
              consumes_from_the_front)
