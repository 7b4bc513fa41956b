#include "postern/names.h"

#include <string.h>

#include "unit.h"

#define ROUND_TRIP(name, first, max)                                                               \
    for (unsigned i = (first); i < (unsigned)(max); i++) {                                         \
        enum pst_##name value = (enum pst_##name)(max);                                            \
        const char *text = pst_##name##_name((enum pst_##name)i);                                  \
        ck_assert_ptr_nonnull(text);                                                               \
        ck_assert(pst_##name##_parse(text, &value));                                               \
        ck_assert_uint_eq((unsigned)value, i);                                                     \
        ck_assert(!pst_##name##_parse("unheard-of", &value));                                      \
        ck_assert_uint_eq((unsigned)value, i);                                                     \
    }                                                                                              \
    ck_assert_ptr_null(pst_##name##_name((enum pst_##name)(max)))

START_TEST(every_word_reads_back)
{
    ROUND_TRIP(category, 0, PST_CATEGORY__MAX);
    ROUND_TRIP(via, 1, PST_VIA__MAX);
    ROUND_TRIP(channel, 0, PST_CHANNEL__MAX);
    ROUND_TRIP(direction, 0, PST_DIRECTION__MAX);
    ROUND_TRIP(purpose, 0, PST_PURPOSE__MAX);
    ROUND_TRIP(decision, 0, PST_DECISION__MAX);
    ROUND_TRIP(method, 0, PST_METHOD__MAX);
    ck_assert_ptr_null(pst_via_name(PST_VIA_NONE));
}
END_TEST

START_TEST(role_sets_and_masks)
{
    for (uint32_t roles = 1; roles <= PST_ROLES_ALL; roles++) {
        json_t *array = NULL;
        uint32_t again = 0;
        ck_assert_int_eq(pst_roles_encode(roles, &array), PST_OK);
        ck_assert_int_eq(pst_roles_decode(array, &again), PST_OK);
        ck_assert_uint_eq(roles, again);
        json_decref(array);
    }
    json_t *none = NULL;
    ck_assert_int_eq(pst_roles_encode(0, &none), PST_ERR_INVALID);
    ck_assert_int_eq(pst_roles_encode(PST_ROLES_ALL + 1, &none), PST_ERR_INVALID);
}
END_TEST

START_TEST(role_sets_that_are_none_are_refused)
{
    static const char *const bad[] = {
        "[]", "[\"king\"]", "[\"patient\",\"intake\"]", "[\"intake\",\"intake\"]", "[1]",
    };
    for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
        uint32_t roles = 99;
        json_t *array = json_loads(bad[i], 0, NULL);
        ck_assert_ptr_nonnull(array);
        ck_assert_int_ne(pst_roles_decode(array, &roles), PST_OK);
        ck_assert_uint_eq(roles, 99);
        json_decref(array);
    }
}
END_TEST

START_TEST(who_certifies_whom)
{
    static const struct {
        uint32_t by;
        uint32_t want;
    } cases[] = {
        {PST_ROLE_ADMINISTRATOR,
         PST_ROLE_INTAKE | PST_ROLE_CLINICIAN | PST_ROLE_COMPLIANCE | PST_ROLE_EDGE},
        {PST_ROLE_INTAKE, PST_ROLE_PATIENT | PST_ROLE_REPRESENTATIVE},
        {PST_ROLE_CLINICIAN, 0},
        {PST_ROLE_COMPLIANCE, 0},
        {PST_ROLE_PATIENT, 0},
        {PST_ROLE_REPRESENTATIVE, 0},
        {PST_ROLE_EDGE, 0},
    };
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++)
        ck_assert_uint_eq(pst_roles_certifies(cases[i].by), cases[i].want);
    ck_assert_uint_eq(pst_roles_certifies(PST_ROLES_ALL) & PST_ROLE_ADMINISTRATOR, 0);
}
END_TEST

START_TEST(purposes_name_a_proxy)
{
    enum pst_purpose purpose = PST_PURPOSE__MAX;
    struct pst_uuid person;
    ck_assert(pst_purpose_decode("proxy:0190a0b0-0000-7000-8000-0000000000aa", &purpose, &person));
    ck_assert_int_eq(purpose, PST_PURPOSE_PROXY);
    ck_assert_uint_eq(person.bytes[15], 0xaa);
    ck_assert(pst_purpose_decode("images", &purpose, &person));
    ck_assert(pst_uuid_is_nil(&person));
    ck_assert(!pst_purpose_decode("proxy", &purpose, &person));
    ck_assert(!pst_purpose_decode("proxy:", &purpose, &person));
    ck_assert(!pst_purpose_decode("proxy:x", &purpose, &person));
    ck_assert(pst_purpose_has_address(PST_PURPOSE_SMS_NOTICE));
    ck_assert(!pst_purpose_has_address(PST_PURPOSE_MESSAGES));
}
END_TEST

PST_UNIT_MAIN("names", every_word_reads_back, role_sets_and_masks,
              role_sets_that_are_none_are_refused, who_certifies_whom, purposes_name_a_proxy)
