#include "server/door/plain.h"

#include <jansson.h>
#include <string.h>

#include "unit.h"

START_TEST(tells_tls_from_http_from_anything_else)
{
    static const struct {
        const char *first;
        size_t len;
        enum pst_door_speech speech;
    } cases[] = {
        {"", 0, PST_DOOR_SPEECH_UNKNOWN},
        {"\x16", 1, PST_DOOR_SPEECH_UNKNOWN},
        {"\x16\x03", 2, PST_DOOR_SPEECH_TLS},
        {"\x16\x03\x01\x02\x00", 5, PST_DOOR_SPEECH_TLS},
        {"\x16\x02", 2, PST_DOOR_SPEECH_OTHER},
        {"\x80\x2e\x01", 3, PST_DOOR_SPEECH_OTHER}, /* SSL 2 */
        {"G", 1, PST_DOOR_SPEECH_UNKNOWN},
        {"GET", 3, PST_DOOR_SPEECH_UNKNOWN},
        {"GET ", 4, PST_DOOR_SPEECH_HTTP},
        {"POST /v1/session", 16, PST_DOOR_SPEECH_HTTP},
        {"M-SEARCH *", 10, PST_DOOR_SPEECH_HTTP},
        {"PRI * HTTP/2.0", 14, PST_DOOR_SPEECH_HTTP},
        {"VERSION-CONTROL ", 16, PST_DOOR_SPEECH_HTTP},
        {" GET", 4, PST_DOOR_SPEECH_OTHER},
        {"get ", 4, PST_DOOR_SPEECH_OTHER},
        {"GET\r\n", 5, PST_DOOR_SPEECH_OTHER},
        {"GET\0", 4, PST_DOOR_SPEECH_OTHER},
        {"AAAAAAAAAAAAAAAA", 16, PST_DOOR_SPEECH_UNKNOWN},
        {"AAAAAAAAAAAAAAAAA", 17, PST_DOOR_SPEECH_OTHER},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(pst_door_speech(pst_bytes(cases[i].first, cases[i].len)) == cases[i].speech,
                      "case %zu", i);
}
END_TEST

/* More than PST_DOOR_SPEECH_BYTES is never looked at: by then it must be decided. */
START_TEST(decides_with_what_it_looks_at)
{
    for (int byte = 0; byte < 256; byte++) {
        uint8_t first[PST_DOOR_SPEECH_BYTES];
        memset(first, byte, sizeof first);
        ck_assert_int_ne(pst_door_speech(pst_bytes(first, sizeof first)), PST_DOOR_SPEECH_UNKNOWN);
    }
}
END_TEST

START_TEST(answers_426_with_a_whole_problem)
{
    struct pst_buf answer;
    pst_buf_init(&answer, 4096);
    ck_assert_int_eq(pst_door_plain_answer(&answer), PST_OK);
    const char *text = pst_buf_str(&answer);
    ck_assert_ptr_eq(strstr(text, "HTTP/1.1 426 Upgrade Required\r\n"), text);
    ck_assert_ptr_nonnull(strstr(text, "\r\nUpgrade: TLS/1.3, HTTP/1.1\r\n"));
    ck_assert_ptr_nonnull(strstr(text, "close\r\n"));
    const char *body = strstr(text, "\r\n\r\n") + 4;
    const char *length = strstr(text, "Content-Length: ");
    ck_assert_int_eq((int)strtol(length + 16, NULL, 10), (int)strlen(body));
    json_t *problem = json_loads(body, 0, NULL);
    ck_assert_str_eq(json_string_value(json_object_get(problem, "code")), "tls-required");
    ck_assert_int_eq(json_integer_value(json_object_get(problem, "status")), 426);
    json_decref(problem);
    pst_buf_free(&answer);
}
END_TEST

PST_UNIT_MAIN("door_plain", tells_tls_from_http_from_anything_else, decides_with_what_it_looks_at,
              answers_426_with_a_whole_problem)
