/*
 * Closed lists of words that stand in records, envelopes, events and answers,
 * each an enum with one table of texts. Static; any thread.
 *
 * Every NAME has:
 *   const char *pst_NAME_name(value)     text, NULL out of range
 *   bool pst_NAME_parse(text, ret)       exact; false leaves *ret untouched
 */
#ifndef POSTERN_NAMES_H
#define POSTERN_NAMES_H

#include <jansson.h>
#include <stdbool.h>
#include <stdint.h>

#include "postern/err.h"
#include "postern/uuid.h"

/* Roles are bits, since a person can have several. */
enum pst_role {
    PST_ROLE_PATIENT = 1 << 0,
    PST_ROLE_REPRESENTATIVE = 1 << 1,
    PST_ROLE_INTAKE = 1 << 2,
    PST_ROLE_CLINICIAN = 1 << 3,
    PST_ROLE_COMPLIANCE = 1 << 4,
    PST_ROLE_ADMINISTRATOR = 1 << 5,
    PST_ROLE_EDGE = 1 << 6,
};
#define PST_ROLES_COUNT 7
#define PST_ROLES_ALL ((uint32_t)((1U << PST_ROLES_COUNT) - 1U))
/* Those who need a second factor. */
#define PST_ROLES_STAFF                                                                            \
    ((uint32_t)(PST_ROLE_INTAKE | PST_ROLE_CLINICIAN | PST_ROLE_COMPLIANCE |                       \
                PST_ROLE_ADMINISTRATOR))

const char *pst_role_name(enum pst_role role);
bool pst_role_parse(const char *text, enum pst_role *ret_role);

/* A set of role names (sorted, no repeats, known, not empty) and its mask. */
PST_MUST_CHECK enum pst_err pst_roles_decode(const json_t *array, uint32_t *ret_roles);
PST_MUST_CHECK enum pst_err pst_roles_encode(uint32_t roles, json_t **ret_array);

/*
 * Roles whom one with these roles may certify: administrator certifies intake,
 * clinician, compliance, edge; intake certifies patient, representative. The
 * root certifies administrators: PST_ROOT_CERTIFIES.
 */
uint32_t pst_roles_certifies(uint32_t roles);
#define PST_ROOT_CERTIFIES ((uint32_t)PST_ROLE_ADMINISTRATOR)

enum pst_category {
    PST_CATEGORY_GENERAL,
    PST_CATEGORY_APPOINTMENT,
    PST_CATEGORY_REFILL,
    PST_CATEGORY_RESULT,
    PST_CATEGORY_FORM,
    PST_CATEGORY_ADMINISTRATIVE,
    PST_CATEGORY__MAX
};
const char *pst_category_name(enum pst_category category);
bool pst_category_parse(const char *text, enum pst_category *ret_category);

/* How an envelope came about; PST_VIA_NONE has no text: the member is absent. */
enum pst_via { PST_VIA_NONE, PST_VIA_SUBMISSION, PST_VIA_INBOUND, PST_VIA_REDIRECT, PST_VIA__MAX };
const char *pst_via_name(enum pst_via via);
bool pst_via_parse(const char *text, enum pst_via *ret_via);

enum pst_channel {
    PST_CHANNEL_PORTAL,
    PST_CHANNEL_SUBMISSION,
    PST_CHANNEL_INBOUND,
    PST_CHANNEL_REDIRECT,
    PST_CHANNEL_SMS,
    PST_CHANNEL_SOCIAL,
    PST_CHANNEL_PHONE,
    PST_CHANNEL__MAX
};
const char *pst_channel_name(enum pst_channel channel);
bool pst_channel_parse(const char *text, enum pst_channel *ret_channel);

/* Seen from the practice. */
enum pst_direction {
    PST_DIRECTION_IN,
    PST_DIRECTION_OUT,
    PST_DIRECTION_INTERNAL,
    PST_DIRECTION__MAX
};
const char *pst_direction_name(enum pst_direction direction);
bool pst_direction_parse(const char *text, enum pst_direction *ret_direction);

enum pst_purpose {
    PST_PURPOSE_MESSAGES,
    PST_PURPOSE_IMAGES,
    PST_PURPOSE_EMAIL_NOTICE,
    PST_PURPOSE_SMS_NOTICE,
    PST_PURPOSE_EMAIL_INBOUND,
    PST_PURPOSE_PROXY,
    PST_PURPOSE__MAX
};
const char *pst_purpose_name(enum pst_purpose purpose);
bool pst_purpose_parse(const char *text, enum pst_purpose *ret_purpose);

/*
 * As written in a consent: the name, and for proxy the person after a colon
 * (proxy:<uuid>). ret_person is nil for all others.
 */
bool pst_purpose_decode(const char *text, enum pst_purpose *ret_purpose,
                        struct pst_uuid *ret_person);

/* Whether the purpose names an address (notices, inbound mail). */
bool pst_purpose_has_address(enum pst_purpose purpose);

enum pst_decision {
    PST_DECISION_GIVEN,
    PST_DECISION_REFUSED,
    PST_DECISION_WITHDRAWN,
    PST_DECISION__MAX
};
const char *pst_decision_name(enum pst_decision decision);
bool pst_decision_parse(const char *text, enum pst_decision *ret_decision);

/* How a consent was captured; stop: the patient answered a notice with STOP. */
enum pst_method {
    PST_METHOD_IN_PERSON,
    PST_METHOD_TELEPHONE,
    PST_METHOD_PAPER,
    PST_METHOD_PATIENT,
    PST_METHOD_STOP,
    PST_METHOD__MAX
};
const char *pst_method_name(enum pst_method method);
bool pst_method_parse(const char *text, enum pst_method *ret_method);

#endif
