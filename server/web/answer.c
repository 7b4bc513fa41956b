#include "server/web/answer.h"

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/names.h"
#include "postern/time.h"

/* A sealed key ring is the longest binary that an answer holds. */
#define BINARY_TEXT_MAX_BYTES ((size_t)4 * 1024 * 1024)

json_t *pst_answer_id(const struct pst_uuid *id)
{
    char text[PST_UUID_TEXT_SIZE];
    pst_uuid_format(id, text);
    return json_string(text);
}

json_t *pst_answer_time(int64_t at_ms)
{
    char text[PST_TIME_TEXT_SIZE];
    pst_time_format(at_ms, text);
    return json_string(text);
}

json_t *pst_answer_date(int64_t days)
{
    struct pst_date date;
    char text[PST_DATE_TEXT_SIZE];
    pst_date_from_days(days, &date);
    pst_date_format(&date, text);
    return json_string(text);
}

json_t *pst_answer_binary(struct pst_bytes bytes)
{
    PST_BUF struct pst_buf text = {.max = BINARY_TEXT_MAX_BYTES};
    if (pst_base64url_append(&text, bytes) != PST_OK)
        return NULL;
    return json_string(pst_buf_str(&text));
}

json_t *pst_answer_text(struct pst_bytes text)
{
    return json_stringn((const char *)text.ptr, text.len);
}

json_t *pst_answer_roles(uint32_t roles)
{
    json_t *array = NULL;
    if (pst_roles_encode(roles, &array) != PST_OK)
        return NULL;
    return array;
}
