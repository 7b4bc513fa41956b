#include "server/log/log.h"

#include <errno.h>
#include <stdbool.h>
#include <string.h>
#include <unistd.h>

#include "postern/refusal.h"
#include "unit.h"

#define AT_MS 1795297463123 /* 2026-11-21T21:44:23.123Z */

#define FIELDS(...)                                                                                \
    (const struct pst_log_field[])                                                                 \
    {                                                                                              \
        __VA_ARGS__, PST_LOG_COUNT("", 0)                                                          \
    }

static const char uuid[] = "01890a5d-ac96-774b-bcce-b302099a8057";

static void check_fields(const struct pst_log_field *fields, const char *expected)
{
    char line[PST_LOG_LINE_MAX + 1];
    size_t len = pst_log_line(AT_MS, "web", 0, PST_LOG_EVENT_REQUEST, fields, line);
    static const char prefix[] = "time=2026-11-21T21:44:23.123Z level=info role=web event=request";
    ck_assert_uint_eq(len, strlen(line));
    ck_assert_uint_eq(strncmp(line, prefix, strlen(prefix)), 0);
    ck_assert_str_eq(line + strlen(prefix), expected);
}

START_TEST(each_field_type_has_its_form)
{
    check_fields(FIELDS(PST_LOG_ID("thread", uuid)),
                 " thread=01890a5d-ac96-774b-bcce-b302099a8057\n");
    check_fields(FIELDS(PST_LOG_COUNT("status", 201)), " status=201\n");
    check_fields(FIELDS(PST_LOG_BYTES("size", 4096)), " size=4096B\n");
    check_fields(FIELDS(PST_LOG_MS("took", 3)), " took=3ms\n");
    check_fields(FIELDS(PST_LOG_HASH("address", 0xc0ffee)), " address=0000000000c0ffee\n");
    check_fields(FIELDS(PST_LOG_ENUM("code", pst_refusal_code, PST_REFUSAL_CLOCK)),
                 " code=clock\n");
    check_fields(FIELDS(PST_LOG_WORD("route", "/v1/session")), " route=/v1/session\n");
    check_fields(FIELDS(PST_LOG_ERR(PST_ERR_NOMEM)), " err=NOMEM\n");
    check_fields(FIELDS(PST_LOG_ERRNO(ENOSPC)), " errno=ENOSPC\n");
    check_fields(FIELDS(PST_LOG_ERRNO(100000)), " errno=unknown\n");
    check_fields(FIELDS(PST_LOG_COUNT("a", 1), PST_LOG_COUNT("b", 2)), " a=1 b=2\n");
}
END_TEST

static const char *forged_name(int value)
{
    return value == 0 ? "ada@example.org x=1\nlevel=error" : NULL;
}

START_TEST(text_from_outside_cannot_be_written)
{
    static const char *const forged[] = {
        "ada@example.org",
        "",
        "01890A5D-AC96-774B-BCCE-B302099A8057",
        "01890a5d-ac96-774b-bcce-b302099a805",
        "01890a5d-ac96-774b-bcce-b302099a80570",
        "01890a5dxac96-774b-bcce-b302099a8057",
        "01890a5d-ac96-774b-bcce-b302099a80\n7",
    };
    for (size_t i = 0; i < sizeof forged / sizeof forged[0]; i++)
        check_fields(FIELDS(PST_LOG_ID("person", forged[i])), " person=invalid\n");
    check_fields(FIELDS(PST_LOG_ID("person", NULL)), " person=invalid\n");
    check_fields(FIELDS(PST_LOG_ENUM("kind", forged_name, 0)), " kind=invalid\n");
    check_fields(FIELDS(PST_LOG_ENUM("kind", forged_name, 1)), " kind=invalid\n");
}
END_TEST

START_TEST(a_session_stands_before_the_event)
{
    char line[PST_LOG_LINE_MAX + 1];
    (void)pst_log_line(AT_MS, "door", 0xc0ffee00c0ffeeULL, PST_LOG_EVENT_PLAINTEXT_REFUSED,
                       FIELDS(PST_LOG_COUNT("port", 443)), line);
    ck_assert_str_eq(line, "time=2026-11-21T21:44:23.123Z level=info role=door "
                           "session=00c0ffee00c0ffee event=plaintext-refused port=443\n");
    uint64_t first = pst_log_session_new();
    ck_assert(first != 0 && first != pst_log_session_new());
}
END_TEST

START_TEST(a_long_line_is_cut_at_a_field_and_says_so)
{
    struct pst_log_field fields[65];
    for (int i = 0; i < 64; i++)
        fields[i] = PST_LOG_ID("person", uuid);
    fields[64] = PST_LOG_END;
    char line[PST_LOG_LINE_MAX + 1];
    size_t len = pst_log_line(AT_MS, "web", 0, PST_LOG_EVENT_REQUEST, fields, line);
    ck_assert_uint_le(len, PST_LOG_LINE_MAX);
    ck_assert_str_eq(line + len - strlen("8057 cut=1\n"), "8057 cut=1\n");
}
END_TEST

START_TEST(every_event_has_a_unique_plain_name)
{
    for (int i = 0; i < PST_LOG_EVENT__MAX; i++) {
        const char *name = pst_log_event_name((enum pst_log_event)i);
        ck_assert_uint_eq(strspn(name, "abcdefghijklmnopqrstuvwxyz-"), strlen(name));
        for (int j = 0; j < i; j++)
            ck_assert_str_ne(name, pst_log_event_name((enum pst_log_event)j));
        ck_assert_uint_lt(pst_log_event_level((enum pst_log_event)i), PST_LOG__LEVEL_MAX);
    }
}
END_TEST

START_TEST(levels_have_names_both_ways)
{
    enum pst_log_level level = PST_LOG_WARN;
    ck_assert_int_eq(pst_log_level_parse("loud", &level), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(level, PST_LOG_WARN);
    for (int i = 0; i < PST_LOG__LEVEL_MAX; i++) {
        ck_assert_int_eq(pst_log_level_parse(pst_log_level_name((enum pst_log_level)i), &level),
                         PST_OK);
        ck_assert_int_eq((int)level, i);
    }
}
END_TEST

START_TEST(lines_below_the_level_are_not_written)
{
    int ends[2];
    char text[4096];
    ck_assert_int_eq(pipe(ends), 0);
    pst_log_open("door", PST_LOG_WARN, ends[1]);
    pst_log_session_set(7);
    PST_LOG(CONNECTION, PST_LOG_COUNT("n", 1));
    PST_LOG(STARTED);
    PST_LOG(LIMIT_REACHED, PST_LOG_WORD("limit", "connections"));
    pst_log_session_set(0);
    PST_LOG(PANIC);
    pst_log_open("start", PST_LOG_INFO, STDERR_FILENO);
    ssize_t got = read(ends[0], text, sizeof text - 1);
    ck_assert_int_gt(got, 0);
    text[got] = '\0';
    ck_assert_ptr_nonnull(strstr(text, " level=warn role=door session=0000000000000007 "
                                       "event=limit-reached limit=connections\ntime="));
    ck_assert_ptr_nonnull(strstr(text, " level=error role=door event=panic\n"));
    ck_assert_ptr_null(strstr(text, "event=started"));
    ck_assert_ptr_null(strstr(text, "event=connection"));
    (void)close(ends[0]);
    (void)close(ends[1]);
}
END_TEST

PST_UNIT_MAIN("log", each_field_type_has_its_form, text_from_outside_cannot_be_written,
              a_session_stands_before_the_event, a_long_line_is_cut_at_a_field_and_says_so,
              every_event_has_a_unique_plain_name, levels_have_names_both_ways,
              lines_below_the_level_are_not_written)
