#include "postern/names.h"

#include <stddef.h>
#include <string.h>

#include "postern/json.h"

/* Index of text among names; count when it is none of them. */
static size_t find(const char *const *names, size_t count, const char *text)
{
    for (size_t i = 0; i < count; i++) {
        if (names[i] != NULL && strcmp(names[i], text) == 0)
            return i;
    }
    return count;
}

/* Defines pst_NAME_name and pst_NAME_parse over a table of the same name. */
#define NAMES(name, max)                                                                           \
    const char *pst_##name##_name(enum pst_##name value)                                           \
    {                                                                                              \
        return (unsigned)value < (unsigned)(max) ? name##_names[value] : NULL;                     \
    }                                                                                              \
    bool pst_##name##_parse(const char *text, enum pst_##name *ret_value)                          \
    {                                                                                              \
        size_t i = find(name##_names, (max), text);                                                \
        if (i < (size_t)(max))                                                                     \
            *ret_value = (enum pst_##name)i;                                                       \
        return i < (size_t)(max);                                                                  \
    }

static const char *const category_names[PST_CATEGORY__MAX] = {
    [PST_CATEGORY_GENERAL] = "general", [PST_CATEGORY_APPOINTMENT] = "appointment",
    [PST_CATEGORY_REFILL] = "refill",   [PST_CATEGORY_RESULT] = "result",
    [PST_CATEGORY_FORM] = "form",       [PST_CATEGORY_ADMINISTRATIVE] = "administrative",
};
NAMES(category, PST_CATEGORY__MAX)

static const char *const via_names[PST_VIA__MAX] = {
    [PST_VIA_SUBMISSION] = "submission",
    [PST_VIA_INBOUND] = "inbound",
    [PST_VIA_REDIRECT] = "redirect",
};
NAMES(via, PST_VIA__MAX)

static const char *const channel_names[PST_CHANNEL__MAX] = {
    [PST_CHANNEL_PORTAL] = "portal",   [PST_CHANNEL_SUBMISSION] = "submission",
    [PST_CHANNEL_INBOUND] = "inbound", [PST_CHANNEL_REDIRECT] = "redirect",
    [PST_CHANNEL_SMS] = "sms",         [PST_CHANNEL_SOCIAL] = "social",
    [PST_CHANNEL_PHONE] = "phone",
};
NAMES(channel, PST_CHANNEL__MAX)

static const char *const direction_names[PST_DIRECTION__MAX] = {
    [PST_DIRECTION_IN] = "in",
    [PST_DIRECTION_OUT] = "out",
    [PST_DIRECTION_INTERNAL] = "internal",
};
NAMES(direction, PST_DIRECTION__MAX)

static const char *const purpose_names[PST_PURPOSE__MAX] = {
    [PST_PURPOSE_MESSAGES] = "messages",           [PST_PURPOSE_IMAGES] = "images",
    [PST_PURPOSE_EMAIL_NOTICE] = "email-notice",   [PST_PURPOSE_SMS_NOTICE] = "sms-notice",
    [PST_PURPOSE_EMAIL_INBOUND] = "email-inbound", [PST_PURPOSE_PROXY] = "proxy",
};
NAMES(purpose, PST_PURPOSE__MAX)

static const char *const decision_names[PST_DECISION__MAX] = {
    [PST_DECISION_GIVEN] = "given",
    [PST_DECISION_REFUSED] = "refused",
    [PST_DECISION_WITHDRAWN] = "withdrawn",
};
NAMES(decision, PST_DECISION__MAX)

static const char *const method_names[PST_METHOD__MAX] = {
    [PST_METHOD_IN_PERSON] = "in-person", [PST_METHOD_TELEPHONE] = "telephone",
    [PST_METHOD_PAPER] = "paper",         [PST_METHOD_PATIENT] = "patient",
    [PST_METHOD_STOP] = "stop",
};
NAMES(method, PST_METHOD__MAX)

/* By number of the bit. */
static const char *const role_names[PST_ROLES_COUNT] = {
    "patient", "representative", "intake", "clinician", "compliance", "administrator", "edge",
};

const char *pst_role_name(enum pst_role role)
{
    for (size_t i = 0; i < PST_ROLES_COUNT; i++) {
        if ((uint32_t)role == 1U << i)
            return role_names[i];
    }
    return NULL;
}

bool pst_role_parse(const char *text, enum pst_role *ret_role)
{
    size_t i = find(role_names, PST_ROLES_COUNT, text);
    if (i < PST_ROLES_COUNT)
        *ret_role = (enum pst_role)(1U << i);
    return i < PST_ROLES_COUNT;
}

enum pst_err pst_roles_decode(const json_t *array, uint32_t *ret_roles)
{
    uint32_t roles = 0;
    size_t i = 0;
    json_t *item = NULL;
    enum pst_err r = pst_json_set_check(array);
    if (r != PST_OK)
        return r;
    json_array_foreach(array, i, item)
    {
        enum pst_role role = PST_ROLE_PATIENT;
        if (!pst_role_parse(json_string_value(item), &role))
            return PST_ERR_SYNTAX;
        roles |= (uint32_t)role;
    }
    if (roles == 0)
        return PST_ERR_SYNTAX;
    *ret_roles = roles;
    return PST_OK;
}

enum pst_err pst_roles_encode(uint32_t roles, json_t **ret_array)
{
    const char *names[PST_ROLES_COUNT];
    size_t count = 0;
    if (roles == 0 || (roles & ~PST_ROLES_ALL) != 0)
        return PST_ERR_INVALID;
    for (size_t i = 0; i < PST_ROLES_COUNT; i++) {
        if ((roles & 1U << i) != 0)
            names[count++] = role_names[i];
    }
    return pst_json_set_new(names, count, ret_array);
}

uint32_t pst_roles_certifies(uint32_t roles)
{
    uint32_t certified = 0;
    if ((roles & PST_ROLE_ADMINISTRATOR) != 0)
        certified |= PST_ROLE_INTAKE | PST_ROLE_CLINICIAN | PST_ROLE_COMPLIANCE | PST_ROLE_EDGE;
    if ((roles & PST_ROLE_INTAKE) != 0)
        certified |= PST_ROLE_PATIENT | PST_ROLE_REPRESENTATIVE;
    return certified;
}

bool pst_purpose_decode(const char *text, enum pst_purpose *ret_purpose,
                        struct pst_uuid *ret_person)
{
    static const char proxy[] = "proxy:";
    size_t prefix = sizeof proxy - 1;
    struct pst_uuid person = {{0}};
    enum pst_purpose purpose = PST_PURPOSE__MAX;
    if (strncmp(text, proxy, prefix) == 0) {
        if (pst_uuid_parse(text + prefix, strlen(text + prefix), &person) != PST_OK)
            return false;
        purpose = PST_PURPOSE_PROXY;
    } else if (!pst_purpose_parse(text, &purpose) || purpose == PST_PURPOSE_PROXY) {
        return false;
    }
    *ret_purpose = purpose;
    *ret_person = person;
    return true;
}

bool pst_purpose_has_address(enum pst_purpose purpose)
{
    return purpose == PST_PURPOSE_EMAIL_NOTICE || purpose == PST_PURPOSE_SMS_NOTICE ||
           purpose == PST_PURPOSE_EMAIL_INBOUND;
}
