#include "postern/json.h"

#include <stddef.h>
#include <string.h>

#include "postern/cleanup.h"
#include "unit.h"

static enum pst_err parse(const char *text)
{
    PST_JSON json_t *json = NULL;
    return pst_json_parse(pst_bytes_str(text), PST_JSON_MAX_BYTES, &json);
}

START_TEST(parsing_is_strict)
{
    static const struct {
        const char *text;
        enum pst_err want;
    } cases[] = {
        {"{}", PST_OK},
        {" {\"a\" : [1, true, null, \"x\"]}\n", PST_OK},
        {"{\"a\":9007199254740991}", PST_OK},
        {"{\"a\":-9007199254740991}", PST_OK},
        {"{\"a\":9007199254740992}", PST_ERR_SYNTAX},
        {"{\"a\":99999999999999999999}", PST_ERR_SYNTAX},
        {"{\"a\":1.0}", PST_ERR_SYNTAX},
        {"{\"a\":[{\"b\":1e3}]}", PST_ERR_SYNTAX},
        {"{\"a\":1,\"a\":1}", PST_ERR_SYNTAX},
        {"{\"a\":\"\\u0000\"}", PST_ERR_SYNTAX},
        {"{\"a\":\"\xff\"}", PST_ERR_SYNTAX},
        {"{\"a\":\"\\ud800\"}", PST_ERR_SYNTAX},
        {"{} {}", PST_ERR_SYNTAX},
        {"{}x", PST_ERR_SYNTAX},
        {"1", PST_ERR_SYNTAX},
        {"", PST_ERR_SYNTAX},
        {"{\"a\":01}", PST_ERR_SYNTAX},
        {"{'a':1}", PST_ERR_SYNTAX},
        {"[1,]", PST_ERR_SYNTAX},
        {"[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]", PST_OK},
        {"[[[[[[[[[[[[[[[[[]]]]]]]]]]]]]]]]]", PST_ERR_SYNTAX},
        {"[\"[[[[[[[[[[[[[[[[[[[[\\\"[[[\"]", PST_OK},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(parse(cases[i].text) == cases[i].want, "%s: %d", cases[i].text,
                      parse(cases[i].text));
    PST_JSON json_t *json = NULL;
    ck_assert_int_eq(pst_json_parse(pst_bytes_str("[1,2]"), 4, &json), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_json_parse(pst_bytes("{}\0", 3), 9, &json), PST_ERR_SYNTAX);
}
END_TEST

START_TEST(canonical_text_alone_passes)
{
    static const struct {
        const char *text;
        enum pst_err want;
    } cases[] = {
        {"{}", PST_OK},
        {"[]", PST_OK},
        {"{\"a\":1,\"b\":[true,false,-5,\"\"]}", PST_OK},
        {"{\"B\":1,\"_\":1,\"a\":1}", PST_OK},
        {"{\"a\":\"\\b\\t\\n\\f\\r\\\"\\\\\\u001f/\x7f\xc2\xa1\xe2\x82\xac\"}", PST_OK},
        {"{\"b\":1,\"a\":1}", PST_ERR_NOT_CANONICAL},
        {"{\"a\": 1}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":1}\n", PST_ERR_NOT_CANONICAL},
        {"{\"a\":\"\\u001F\"}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":\"\\u0009\"}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":\"\\/\"}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":\"\\u00a1\"}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":-0}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":null}", PST_ERR_NOT_CANONICAL},
        {"{\"\xc3\xa9\":1}", PST_ERR_NOT_CANONICAL},
        {"{\"a\":1.5}", PST_ERR_SYNTAX},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(pst_json_canonical_check(pst_bytes_str(cases[i].text), 4096) == cases[i].want,
                      "%s", cases[i].text);
}
END_TEST

START_TEST(many_members_are_sorted)
{
    PST_BUF struct pst_buf out = {.max = 65536};
    PST_JSON json_t *object = json_object();
    for (int i = 199; i >= 0; i--) {
        char name[16];
        snprintf(name, sizeof name, "m%03d", i);
        json_object_set_new(object, name, json_integer(i));
    }
    ck_assert_int_eq(pst_json_write_canonical(object, &out), PST_OK);
    ck_assert_int_eq(pst_json_canonical_check(pst_buf_bytes(&out), 65536), PST_OK);
    ck_assert_int_eq(strncmp(pst_buf_str(&out), "{\"m000\":0,\"m001\":1,", 19), 0);
}
END_TEST

START_TEST(what_cannot_be_canonical_is_not_written)
{
    PST_BUF struct pst_buf out = {.max = 64};
    ck_assert_int_eq(pst_buf_append_str(&out, "before"), PST_OK);
    json_t *cases[] = {
        json_pack("[n]"),
        json_pack("[f]", 1.5),
        json_pack("[I]", (json_int_t)(PST_JSON_INT_MAX + 1)),
        json_pack("[s%]", "a\0b", (size_t)3),
        json_pack("{s:i}", "\xc3\xa9", 1),
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        ck_assert_ptr_nonnull(cases[i]);
        ck_assert_int_eq(pst_json_write_canonical(cases[i], &out), PST_ERR_INVALID);
        ck_assert_str_eq(pst_buf_str(&out), "before");
        json_decref(cases[i]);
    }
    PST_JSON json_t *large = json_pack("[s]", "0123456789012345678901234567890123456789"
                                              "0123456789012345678901234567890123456789");
    ck_assert_int_eq(pst_json_write_canonical(large, &out), PST_ERR_TOO_LONG);
    ck_assert_str_eq(pst_buf_str(&out), "before");
}
END_TEST

struct sample {
    const char *name;
    int64_t count;
    bool open;
    struct pst_uuid id;
    int64_t at_ms;
    uint8_t key[16];
    uint8_t hash[32];
    json_t *items;
    json_t *more;
};

static const struct pst_json_member sample_members[] = {
    {"at", PST_JSON_TIME, 0, offsetof(struct sample, at_ms), 0},
    {"count", PST_JSON_INT, 0, offsetof(struct sample, count), 0},
    {"hash", PST_JSON_BIN32, 0, offsetof(struct sample, hash), 0},
    {"id", PST_JSON_UUID7, 0, offsetof(struct sample, id), 0},
    {"items", PST_JSON_ARRAY, 0, offsetof(struct sample, items), 2},
    {"key", PST_JSON_BIN16, 0, offsetof(struct sample, key), 0},
    {"more", PST_JSON_OBJECT, 0, offsetof(struct sample, more), 0},
    {"name", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct sample, name), 8},
    {"open", PST_JSON_BOOL, 0, offsetof(struct sample, open), 0},
};
#define SAMPLE_MEMBERS (sizeof sample_members / sizeof sample_members[0])

static enum pst_err decode(const char *text, const char *want_wrong)
{
    struct sample sample;
    const char *wrong = NULL;
    PST_JSON json_t *json = json_loads(text, JSON_DECODE_ANY, NULL);
    ck_assert_ptr_nonnull(json);
    enum pst_err r = pst_json_decode(json, sample_members, SAMPLE_MEMBERS, &sample, NULL, &wrong);
    if (r != PST_OK)
        ck_assert_pstr_eq(wrong, want_wrong);
    return r;
}

START_TEST(objects_decode_by_table)
{
    static const struct {
        const char *text;
        const char *wrong; /* NULL: taken */
    } cases[] = {
        {"{\"name\":\"x\"}", NULL},
        {"{}", "name"},
        {"{\"name\":\"\"}", "name"},
        {"{\"name\":\"123456789\"}", "name"},
        {"{\"name\":1}", "name"},
        {"{\"name\":null}", "name"},
        {"{\"name\":\"x\",\"extra\":1}", "extra"},
        {"{\"name\":\"x\",\"count\":-1}", "count"},
        {"{\"name\":\"x\",\"count\":\"1\"}", "count"},
        {"{\"name\":\"x\",\"open\":1}", "open"},
        {"{\"name\":\"x\",\"id\":\"0190a0b0-0000-4000-8000-0000000000aa\"}", "id"},
        {"{\"name\":\"x\",\"at\":\"2026-11-21\"}", "at"},
        {"{\"name\":\"x\",\"key\":\"S4TmpD_rwBXEnqyL_rbP1B\"}", "key"},
        {"{\"name\":\"x\",\"hash\":\"S4TmpD_rwBXEnqyL_rbP1A\"}", "hash"},
        {"{\"name\":\"x\",\"items\":{}}", "items"},
        {"{\"name\":\"x\",\"items\":[1,2,3]}", "items"},
        {"{\"name\":\"x\",\"more\":[]}", "more"},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg((decode(cases[i].text, cases[i].wrong) == PST_OK) == (cases[i].wrong == NULL),
                      "%s", cases[i].text);
    ck_assert_int_eq(decode("[]", NULL), PST_ERR_SYNTAX);
}
END_TEST

START_TEST(what_is_encoded_decodes_to_the_same)
{
    static const char text[] =
        "{\"at\":\"2026-11-21T12:00:00.000Z\",\"count\":7,"
        "\"hash\":\"V4USIeVH8wNfN5-o0wnTsk-NCqLANSJLUF2mmxL-b24\","
        "\"id\":\"0190a0b0-0000-7000-8000-0000000000aa\",\"items\":[1],"
        "\"key\":\"S4TmpD_rwBXEnqyL_rbP1A\",\"more\":{\"a\":1},\"name\":\"Ada\",\"open\":true}";
    struct sample sample;
    uint64_t present = 0;
    PST_JSON json_t *json = NULL;
    PST_JSON json_t *again = NULL;
    PST_BUF struct pst_buf out = {.max = 4096};
    ck_assert_int_eq(pst_json_parse_canonical(pst_bytes_str(text), 4096, &json), PST_OK);
    ck_assert_int_eq(pst_json_decode(json, sample_members, SAMPLE_MEMBERS, &sample, &present, NULL),
                     PST_OK);
    ck_assert_uint_eq(present, (1U << SAMPLE_MEMBERS) - 1);
    ck_assert_str_eq(sample.name, "Ada");
    ck_assert_int_eq(sample.count, 7);
    ck_assert_int_eq(pst_json_encode(&sample, sample_members, SAMPLE_MEMBERS, present, &again),
                     PST_OK);
    ck_assert_int_eq(pst_json_write_canonical(again, &out), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), text);
}
END_TEST

static enum pst_err nested(const void *ctx, const struct pst_json_member *member,
                           struct pst_buf *out)
{
    const struct sample *sample = ctx;
    return pst_json_write_canonical(member->type == PST_JSON_ARRAY ? sample->items : sample->more,
                                    out);
}

static enum pst_err write_direct(const struct sample *sample, uint64_t present, struct pst_buf *out)
{
    return pst_json_direct_write(&(struct pst_json_direct){.from = sample,
                                                           .members = sample_members,
                                                           .count = SAMPLE_MEMBERS,
                                                           .present = present,
                                                           .nested = nested,
                                                           .ctx = sample},
                                 out);
}

/* Every subset of the members, with values at their edges, both ways. */
START_TEST(what_is_written_directly_is_what_the_tree_writes)
{
    static const char *const names[] = {"", "Ada", "\"\\\b\t\n\f\r\x01\x1f", "\xc3\xa9\x7f"};
    static const int64_t counts[] = {0, 9, 10, PST_JSON_INT_MAX};
    struct sample sample = {.items = json_pack("[i,s]", 1, "x"), .more = json_pack("{}")};
    memset(sample.key, 0xff, sizeof sample.key);
    for (uint64_t present = 0; present < 1U << SAMPLE_MEMBERS; present++) {
        PST_JSON json_t *tree = NULL;
        PST_BUF struct pst_buf want = {.max = 4096};
        PST_BUF struct pst_buf out = {.max = 4096};
        sample.name = names[present % 4];
        sample.count = counts[present / 4 % 4];
        sample.open = present % 3 == 0;
        sample.at_ms = (int64_t)present * 12345678901;
        ck_assert_int_eq(pst_json_encode(&sample, sample_members, SAMPLE_MEMBERS, present, &tree),
                         PST_OK);
        ck_assert_int_eq(pst_json_write_canonical(tree, &want), PST_OK);
        ck_assert_int_eq(write_direct(&sample, present, &out), PST_OK);
        ck_assert_str_eq(pst_buf_str(&out), pst_buf_str(&want));
    }
    json_decref(sample.items);
    json_decref(sample.more);
}
END_TEST

START_TEST(what_cannot_be_canonical_is_not_written_directly)
{
    enum { AT, COUNT, NAME = 7 };
    struct sample cases[] = {{.count = -1},  {.count = PST_JSON_INT_MAX + 1},
                             {.name = NULL}, {.name = "\xff"},
                             {.at_ms = -1},  {.at_ms = INT64_MAX}};
    static const int members[] = {COUNT, COUNT, NAME, NAME, AT, AT};
    PST_BUF struct pst_buf out = {.max = 32};
    struct pst_json_member unsorted[2] = {sample_members[COUNT], sample_members[AT]};
    ck_assert_str_eq(sample_members[NAME].name, "name");
    ck_assert_int_eq(pst_buf_append_str(&out, "before"), PST_OK);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_msg(write_direct(&cases[i], UINT64_C(1) << members[i], &out) == PST_ERR_INVALID,
                      "case %zu", i);
    cases[0].name = "0123456789012345678901234567890";
    ck_assert_int_eq(write_direct(&cases[0], UINT64_C(1) << NAME, &out), PST_ERR_TOO_LONG);
    struct pst_json_direct of = {.from = &cases[2], .members = unsorted, .count = 2, .present = 3};
    out.max = 4096;
    ck_assert_int_eq(pst_json_direct_write(&of, &out), PST_ERR_INTERNAL);
    ck_assert_str_eq(pst_buf_str(&out), "before");
}
END_TEST

START_TEST(sets_are_sorted_without_repeats)
{
    static const char *const texts[] = {"b", "a", "_", "b", "B"};
    PST_JSON json_t *set = NULL;
    PST_BUF struct pst_buf out = {.max = 64};
    ck_assert_int_eq(pst_json_set_new(texts, 5, &set), PST_OK);
    ck_assert_int_eq(pst_json_write_canonical(set, &out), PST_OK);
    ck_assert_str_eq(pst_buf_str(&out), "[\"B\",\"_\",\"a\",\"b\"]");
    ck_assert_int_eq(pst_json_set_check(set), PST_OK);
    json_array_append_new(set, json_string("b"));
    ck_assert_int_eq(pst_json_set_check(set), PST_ERR_NOT_CANONICAL);
    json_array_set_new(set, 4, json_integer(1));
    ck_assert_int_eq(pst_json_set_check(set), PST_ERR_SYNTAX);
}
END_TEST

START_TEST(uuid_sets_have_a_limit)
{
    struct pst_uuid items[2] = {{{1}}, {{2}}};
    struct pst_uuid again[2];
    size_t count = 9;
    PST_JSON json_t *set = NULL;
    ck_assert_int_eq(pst_json_uuid_set_new(items, 2, &set), PST_OK);
    ck_assert_int_eq(pst_json_uuid_set(set, again, 1, &count), PST_ERR_TOO_LONG);
    ck_assert_uint_eq(count, 9);
    ck_assert_int_eq(pst_json_uuid_set(set, again, 2, &count), PST_OK);
    ck_assert_uint_eq(count, 2);
    ck_assert(pst_uuid_equal(&again[1], &items[1]));
    items[1] = items[0];
    PST_JSON json_t *repeated = NULL;
    ck_assert_int_eq(pst_json_uuid_set_new(items, 2, &repeated), PST_ERR_INVALID);
}
END_TEST

PST_UNIT_MAIN("json", parsing_is_strict, canonical_text_alone_passes, many_members_are_sorted,
              what_cannot_be_canonical_is_not_written, objects_decode_by_table,
              what_is_encoded_decodes_to_the_same, what_is_written_directly_is_what_the_tree_writes,
              what_cannot_be_canonical_is_not_written_directly, sets_are_sorted_without_repeats,
              uuid_sets_have_a_limit)
