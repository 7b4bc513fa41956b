/*
 * Refusals and problems: one list of codes, statuses and plain sentences.
 *
 * refusal.def feeds HTTP, SMTP, the ledger, exports, the command line and the
 * portal; problem.def the errors that are no refusals. This module decides
 * nothing (server/admission does) and holds no state: any thread. Strings
 * returned are static. Objects are RFC 9457 problem details.
 */
#ifndef POSTERN_REFUSAL_H
#define POSTERN_REFUSAL_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/err.h"

/* In rule order: a smaller value is tried, and answered, before a greater. */
enum pst_refusal {
    PST_REFUSAL_NONE = 0,
#define X(name, ...) PST_REFUSAL_##name,
#include "postern/refusal.def"
#undef X
    PST_REFUSAL__MAX
};

enum pst_problem {
#define X(name, ...) PST_PROBLEM_##name,
#include "postern/problem.def"
#undef X
    PST_PROBLEM__MAX
};

/* For whom a sentence is written. Patients' representatives read as patients. */
enum pst_viewer {
    PST_VIEWER_STRANGER = 0, /* nobody signed in: shown nothing about anybody */
    PST_VIEWER_PATIENT,
    PST_VIEWER_STAFF,
    PST_VIEWER__MAX
};

/* Who can do what cures it. */
enum pst_cure {
    PST_CURE_NOBODY = 0,
    PST_CURE_SENDER,
    PST_CURE_PATIENT,
    PST_CURE_STAFF,
    PST_CURE_INTAKE,
    PST_CURE_ADMINISTRATOR,
    PST_CURE__MAX
};

/* "accepted" for PST_REFUSAL_NONE, as events and exports say it. */
const char *pst_refusal_code(enum pst_refusal refusal);

/*
 * The refusal of a code, "accepted" included.
 *   code   NUL-terminated, borrowed
 * Returns PST_OK; PST_ERR_NOT_FOUND.
 */
PST_MUST_CHECK enum pst_err pst_refusal_by_code(const char *code, enum pst_refusal *ret_refusal);

/*
 * HTTP status. 200 for none. not-permitted is 404, the same for absent and
 * invisible; the caller says 403 itself where a role may never use the route.
 */
int pst_refusal_http(enum pst_refusal refusal);

/* SMTP reply code; 250 for none; 0 where the rule cannot apply to mail. */
int pst_refusal_smtp(enum pst_refusal refusal);

/* SMTP enhanced status (RFC 3463), "2.0.0" for none, "" where smtp is 0. */
const char *pst_refusal_smtp_enhanced(enum pst_refusal refusal);

/*
 * What this viewer may be told: a stranger is told only what concerns the
 * connection, the form of what was sent, or the service; all else becomes
 * not-permitted, so that no answer confirms that someone is a patient.
 */
enum pst_refusal pst_refusal_shown(enum pst_refusal refusal, enum pst_viewer viewer);

/* Sentences for people, after pst_refusal_shown(); "" for none. */
const char *pst_refusal_title(enum pst_refusal refusal, enum pst_viewer viewer);
const char *pst_refusal_detail(enum pst_refusal refusal, enum pst_viewer viewer);
const char *pst_refusal_cure(enum pst_refusal refusal, enum pst_viewer viewer);
enum pst_cure pst_refusal_cure_who(enum pst_refusal refusal, enum pst_viewer viewer);

/* "patient", "intake" and the like. */
const char *pst_cure_name(enum pst_cure who);

const char *pst_problem_code(enum pst_problem problem);
int pst_problem_http(enum pst_problem problem);

/* What an answer may carry beside its code; zeroed: nothing. All borrowed. */
struct pst_problem_extra {
    int status;              /* instead of the list's; 0: the list's */
    const char *detail;      /* instead of the list's; our own words, never the input's; or NULL */
    const char *event;       /* UUID of the ledger event; NULL: none was recorded */
    const char *const *keys; /* wrong-recipients: the right key ids */
    size_t keys_count;
    int64_t retry_s;   /* rate-limited: seconds to wait, as in Retry-After; 0: not said */
    const char *allow; /* method: the methods allowed, "GET, POST"; or NULL */
    json_t *extra;     /* an object whose members are added where the name is free; or NULL */
};

/*
 * {"type","title","status","detail","code","cure":{"who","what"},"event"?} and
 * "keys", "retry", "allow" where given.
 *   more          borrowed, may be NULL
 *   ret_problem   given to the caller: json_decref()
 * Returns PST_OK; PST_ERR_INVALID for PST_REFUSAL_NONE or a value outside the list; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_refusal_json(enum pst_refusal refusal, enum pst_viewer viewer,
                                             const struct pst_problem_extra *more,
                                             json_t **ret_problem);
PST_MUST_CHECK enum pst_err pst_problem_json(enum pst_problem problem,
                                             const struct pst_problem_extra *more,
                                             json_t **ret_problem);

/* The status line's number for the object above: more->status or the list's. */
int pst_problem_status(int listed, const struct pst_problem_extra *more);

/*
 * What GET /v1/threads/{id}/admission answers:
 * {"admitted":true,"until"?} or {"admitted":false,"code","title","detail","cure"}.
 *   until         RFC 3339 time, borrowed; NULL: no end is known
 *   ret_answer    given to the caller
 * Returns PST_OK; PST_ERR_NOMEM.
 */
PST_MUST_CHECK enum pst_err pst_refusal_admission_json(enum pst_refusal refusal,
                                                       enum pst_viewer viewer, const char *until,
                                                       json_t **ret_answer);

/*
 * The only sentence mail from an unknown or unproven sender is answered with,
 * after "550 5.7.1 ". Confirms nothing, and carries the emergency sentence.
 */
const char *pst_refusal_stranger_sentence(void);

#endif
