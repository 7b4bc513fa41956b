#include "server/vault/normal.h"

#include <string.h>

#include "unit.h"

typedef enum pst_err normalise(struct pst_bytes text, struct pst_buf *out);

static const struct {
    const char *what;
    normalise *normalise;
    const char *text;
    const char *expected; /* NULL: refused */
} texts[] = {
    {"case and spaces", pst_normal_name, "  Ada   EXAMPLE ", "ada example"},
    {"composed and not", pst_normal_name, "Jose\xcc\x81", "jos\xc3\xa9"},
    {"full width", pst_normal_name, "\xef\xbc\xa1\xef\xbd\x84\xef\xbd\x81", "ada"},
    {"sharp s", pst_normal_name,
     "Stra\xc3\x9f"
     "e",
     "strasse"},
    {"no-break space", pst_normal_name,
     "Ada\xc2\xa0"
     "Example",
     "ada example"},
    {"only spaces", pst_normal_name, "   ", NULL},
    {"line feed", pst_normal_name, "Ada\nExample", NULL},
    {"not UTF-8", pst_normal_name, "Ada\xff", NULL},
    {"plain", pst_normal_email, "Ada.Example@Home.EXAMPLE", "ada.example@home.example"},
    {"tag is kept", pst_normal_email, "ada+x@home.example", "ada+x@home.example"},
    {"no at", pst_normal_email, "ada.example", NULL},
    {"two ats", pst_normal_email, "ada@home@example.org", NULL},
    {"no local part", pst_normal_email, "@home.example", NULL},
    {"no domain", pst_normal_email, "ada@", NULL},
    {"one label", pst_normal_email, "ada@home", NULL},
    {"empty label", pst_normal_email, "ada@home..example", NULL},
    {"ends in a dot", pst_normal_email, "ada@home.example.", NULL},
    {"hyphen at an end", pst_normal_email, "ada@-home.example", NULL},
    {"underscore in domain", pst_normal_email, "ada@ho_me.example", NULL},
    {"two addresses", pst_normal_email, "ada@a.example,bea@b.example", NULL},
    {"a name before", pst_normal_email, "Ada <ada@home.example>", NULL},
    {"a line after", pst_normal_email, "ada@home.example\r\nBcc: x@y.example", NULL},
    {"space", pst_normal_email, "ada @home.example", NULL},
    {"as people write it", pst_normal_phone, "+1 (555) 010-0142", "+15550100142"},
    {"dots", pst_normal_phone, "+49.30.1234567", "+49301234567"},
    {"no country", pst_normal_phone, "555-0142", NULL},
    {"country code 0", pst_normal_phone, "+0 555 0100142", NULL},
    {"too short", pst_normal_phone, "+123456", NULL},
    {"too long", pst_normal_phone, "+1234567890123456", NULL},
    {"letters", pst_normal_phone, "+1 555 CALL NOW", NULL},
    {"second plus", pst_normal_phone, "+1+5550100142", NULL},
    {"a login", pst_normal_login, "Ada", "ada"},
    {"a login with a space", pst_normal_login, "ada example", NULL},
    {"an empty login", pst_normal_login, "", NULL},
};

START_TEST(every_case_is_as_listed)
{
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++) {
        struct pst_buf out = {.max = 4096};
        ck_assert_int_eq(pst_buf_append_str(&out, "="), PST_OK);
        enum pst_err r = texts[i].normalise(pst_bytes_str(texts[i].text), &out);
        ck_assert_msg((r == PST_OK) == (texts[i].expected != NULL), "%s: %s", texts[i].what,
                      pst_err_name(r));
        ck_assert_msg(
            strcmp(pst_buf_str(&out) + 1, texts[i].expected != NULL ? texts[i].expected : "") == 0,
            "%s: %s", texts[i].what, pst_buf_str(&out));
        pst_buf_free(&out);
    }
}
END_TEST

START_TEST(too_long_is_refused_before_anything_else)
{
    char text[PST_NORMAL_MAX_BYTES + 2];
    struct pst_buf out = {.max = 4096};
    normalise *const all[] = {pst_normal_name, pst_normal_email, pst_normal_login,
                              pst_normal_phone};
    memset(text, 'a', sizeof text);
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        ck_assert_int_eq(all[i](pst_bytes(text, sizeof text), &out), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(out.len, 0);
}
END_TEST

PST_UNIT_MAIN("normal", every_case_is_as_listed, too_long_is_refused_before_anything_else)
