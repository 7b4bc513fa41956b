#include "server/store/facts.h"

#include <string.h>

#include "postern/established.h"
#include "postern/time.h"
#include "server/store/sql.h"

static int64_t day_of(int64_t at_ms)
{
    return at_ms / PST_DAY_MS;
}

/* The first day on which a visit can still count: a day more than the rule, which decides. */
static int64_t first_visit_day(int64_t now_ms)
{
    struct pst_date today;
    struct pst_date first;
    pst_date_of_ms(now_ms, &today);
    pst_date_add_years(&today, -PST_ESTABLISHED_YEARS, &first);
    return pst_date_days(&first) - 1;
}

/* ---- the thread -------------------------------------------------------- */

/* Columns of FACTS_THREAD (statements/admission.def). */
enum thread_column {
    COL_AS,
    COL_PATIENT,
    COL_TEAM,
    COL_CLOSED,
    COL_LAST_SEQ,
    COL_SIGN_KEY,
    COL_SIGN_KEY_UNTIL,
    COL_PATIENT_STATE,
    COL_MERGED,
    COL_ENDED,
    COL_TEAM_STATE,
    COL_CONSENT,
    COL_DECISION,
    COL_PURPOSES,
    COL_VERSION,
    COL_EXPIRES,
    COL_PROXY,
    COL_SUPERSEDED,
    COL_NO_MESSAGES,
    COL_NOT_TEAM,
    COL_NO_EMAIL,
    COL_NO_SMS,
    COL_SENT,
    COL_ANSWERED_SEQ,
    COL_ANSWERED_CONSENT,
    COL_ANSWERED_BY_PATIENT,
    COL_EARLIER_SENDER,
    COL_EARLIER_THREAD,
    COL_EARLIER_HASH,
    COL_EARLIER_SEQ,
    COL_EARLIER_AT,
    COL_EARLIER_EVENT,
    COL_USED,
};

static enum pst_err take_sender(struct pst_rows *rows, struct pst_thread_facts *facts)
{
    facts->as = (enum pst_thread_as)pst_row_int(rows, COL_AS);
    facts->has_sign_key = !pst_row_is_null(rows, COL_SIGN_KEY);
    facts->sign_key_until_ms = pst_row_int(rows, COL_SIGN_KEY_UNTIL);
    facts->sent_lately = pst_row_int(rows, COL_SENT);
    if (!facts->has_sign_key)
        return PST_OK;
    return pst_row_array(rows, COL_SIGN_KEY, facts->sign_key.bytes, sizeof facts->sign_key.bytes);
}

static void take_thread(struct pst_rows *rows, struct pst_thread_facts *facts)
{
    pst_row_uuid(rows, COL_PATIENT, &facts->patient);
    pst_row_uuid(rows, COL_TEAM, &facts->team);
    facts->closed = pst_row_int(rows, COL_CLOSED) == PST_THREAD_CLOSED;
    facts->last_seq = pst_row_int(rows, COL_LAST_SEQ);
    facts->used_bytes = pst_row_int(rows, COL_USED);
    facts->patient_state = pst_row_int(rows, COL_PATIENT_STATE);
    facts->patient_merged = !pst_row_is_null(rows, COL_MERGED);
    facts->patient_ended = !pst_row_is_null(rows, COL_ENDED);
    facts->team_active = pst_row_int(rows, COL_TEAM_STATE) == 1;
    facts->no_messages = pst_row_int(rows, COL_NO_MESSAGES) != 0;
    facts->not_team = pst_row_int(rows, COL_NOT_TEAM) != 0;
    facts->no_email_notice = pst_row_int(rows, COL_NO_EMAIL) != 0;
    facts->no_sms_notice = pst_row_int(rows, COL_NO_SMS) != 0;
}

static void take_consent(struct pst_rows *rows, struct pst_thread_facts *facts)
{
    facts->has_consent = !pst_row_is_null(rows, COL_CONSENT);
    pst_row_uuid(rows, COL_CONSENT, &facts->consent);
    facts->consent_decision = pst_row_int(rows, COL_DECISION);
    facts->consent_purposes = (uint32_t)pst_row_int(rows, COL_PURPOSES);
    facts->consent_version = pst_row_int(rows, COL_VERSION);
    facts->consent_expires_ms = pst_row_int(rows, COL_EXPIRES);
    facts->consent_proxy = pst_row_int(rows, COL_PROXY) != 0;
    facts->terms_superseded_ms = pst_row_int(rows, COL_SUPERSEDED);
}

static enum pst_err take_messages(struct pst_rows *rows, struct pst_thread_facts *facts)
{
    facts->has_answered = !pst_row_is_null(rows, COL_ANSWERED_SEQ);
    facts->answered_consented = !pst_row_is_null(rows, COL_ANSWERED_CONSENT);
    facts->answered_by_patient = pst_row_int(rows, COL_ANSWERED_BY_PATIENT) != 0;
    facts->has_earlier = !pst_row_is_null(rows, COL_EARLIER_SENDER);
    if (!facts->has_earlier)
        return PST_OK;
    pst_row_uuid(rows, COL_EARLIER_SENDER, &facts->earlier_sender);
    pst_row_uuid(rows, COL_EARLIER_THREAD, &facts->earlier_thread);
    facts->earlier_seq = pst_row_int(rows, COL_EARLIER_SEQ);
    facts->earlier_accepted_ms = pst_row_int(rows, COL_EARLIER_AT);
    pst_row_uuid(rows, COL_EARLIER_EVENT, &facts->earlier_event);
    return pst_row_array(rows, COL_EARLIER_HASH, facts->earlier_hash.bytes,
                         sizeof facts->earlier_hash.bytes);
}

enum pst_err pst_facts_lock(struct pst_tx *tx, const struct pst_uuid *thread,
                            const struct pst_uuid *sender)
{
    enum pst_err r = pst_sql_lock(tx, PST_STMT_FACTS_LOCK_THREAD, PST_V_UUID(thread));
    if (r == PST_OK)
        r = pst_sql_lock(tx, PST_STMT_FACTS_LOCK_PEOPLE, PST_V_UUID(thread), PST_V_UUID(sender));
    return r;
}

enum pst_err pst_facts_thread(struct pst_tx *tx, const struct pst_facts_of *of,
                              struct pst_thread_facts *ret_facts)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_thread_facts facts = {0};
    enum pst_err r = pst_sql_first(tx, PST_STMT_FACTS_THREAD, &rows, PST_V_UUID(&of->thread),
                                   PST_V_UUID(&of->sender), PST_V_INT(day_of(of->now_ms)),
                                   PST_V_INT(of->now_ms), PST_V_UUID(&of->message),
                                   PST_V_UUID_IF(!pst_uuid_is_nil(&of->replyto), &of->replyto),
                                   PST_V_INT(of->rate_since_ms), PST_V_INT(of->rate_max));
    if (r != PST_OK)
        return r;
    r = take_sender(rows, &facts);
    take_thread(rows, &facts);
    take_consent(rows, &facts);
    if (r == PST_OK)
        r = take_messages(rows, &facts);
    if (r == PST_OK)
        *ret_facts = facts;
    return r;
}

/* ---- clinicians -------------------------------------------------------- */

static int64_t day_or_none(struct pst_rows *rows, int column)
{
    return pst_row_is_null(rows, column) ? PST_FACT_NO_DAY : pst_row_int(rows, column);
}

static enum pst_err take_team(struct pst_rows *rows, struct pst_clinician_facts *ret_facts)
{
    enum pst_err r = pst_sql_next(rows);
    if (r != PST_OK)
        return r;
    *ret_facts = (struct pst_clinician_facts){
        .credential_until_days = day_or_none(rows, 0),
        .visit_days = day_or_none(rows, 1),
        .specialty_visit_days = day_or_none(rows, 2),
        .break_glass_until_ms = pst_row_int(rows, 3),
    };
    return PST_OK;
}

enum pst_err pst_facts_room(struct pst_tx *tx, const struct pst_uuid *thread, int64_t now_ms,
                            int64_t *ret_members, int64_t *ret_fit)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_FACTS_ROOM, &rows, PST_V_UUID(thread),
                                   PST_V_INT(day_of(now_ms)));
    if (r != PST_OK)
        return r;
    *ret_members = pst_row_int(rows, 0);
    *ret_fit = pst_row_int(rows, 1);
    return PST_OK;
}

/* ---- keys -------------------------------------------------------------- */

static enum pst_err take_key(struct pst_rows *rows, struct pst_thread_key *ret_key)
{
    struct pst_thread_key key = {.kind = (enum pst_key_owner)pst_row_int(rows, 0)};
    pst_row_uuid(rows, 1, &key.owner);
    key.owner_state = pst_row_int(rows, 2);
    key.until_ms = pst_row_int(rows, 5);
    enum pst_err r = pst_row_array(rows, 3, key.id.bytes, sizeof key.id.bytes);
    if (r == PST_OK)
        r = pst_row_array(rows, 4, key.recipient, sizeof key.recipient);
    if (r == PST_OK)
        *ret_key = key;
    return r;
}

static enum pst_err take_keys(struct pst_rows *rows, enum pst_err r,
                              struct pst_thread_keys *ret_keys)
{
    ret_keys->count = 0;
    while (pst_sql_each(rows, &r)) {
        if (ret_keys->count == PST_FACT_KEYS_MAX)
            return PST_ERR_TOO_LONG;
        r = take_key(rows, &ret_keys->keys[ret_keys->count]);
        ret_keys->count++;
    }
    return r;
}

enum pst_err pst_facts_members(struct pst_tx *tx, const struct pst_facts_members_of *of,
                               struct pst_thread_keys *ret_keys,
                               struct pst_clinician_facts *ret_team)
{
    PST_ROWS struct pst_rows *keys = NULL;
    PST_ROWS struct pst_rows *team = NULL;
    int64_t today = day_of(of->now_ms);
    /* Both are asked before either is read: the way to the database is gone once. */
    enum pst_err r = pst_sql_query(tx, PST_STMT_FACTS_KEYS, &keys, PST_V_UUID(of->patient),
                                   PST_V_UUID(of->team), PST_V_INT(today));
    if (r == PST_OK)
        r = pst_sql_query(tx, PST_STMT_FACTS_TEAM, &team, PST_V_UUID(of->patient),
                          PST_V_UUID(of->team), PST_V_INT(today),
                          PST_V_INT(first_visit_day(of->now_ms)), PST_V_INT(of->now_ms),
                          PST_V_UUID(of->writer));
    if (r == PST_OK)
        r = take_keys(keys, r, ret_keys);
    return r == PST_OK ? take_team(team, ret_team) : r;
}

enum pst_err pst_facts_room_keys(struct pst_tx *tx, const struct pst_uuid *thread,
                                 struct pst_thread_keys *ret_keys)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_query(tx, PST_STMT_FACTS_ROOM_KEYS, &rows, PST_V_UUID(thread));
    return take_keys(rows, r, ret_keys);
}

enum pst_err pst_key_owner_of(struct pst_tx *tx, const struct pst_key_id *id,
                              struct pst_thread_key *ret_key)
{
    PST_ROWS struct pst_rows *rows = NULL;
    struct pst_thread_key key = {.id = *id};
    enum pst_err r = pst_sql_first(tx, PST_STMT_KEY_OWNER, &rows, PST_V_ARRAY(id->bytes));
    if (r != PST_OK)
        return r;
    key.kind = (enum pst_key_owner)pst_row_int(rows, 0);
    pst_row_uuid(rows, 1, &key.owner);
    r = pst_row_array(rows, 2, key.recipient, sizeof key.recipient);
    if (r == PST_OK)
        *ret_key = key;
    return r;
}

enum pst_err pst_sign_key_newest(struct pst_tx *tx, const struct pst_uuid *person,
                                 struct pst_sign_public *ret_key, int64_t *ret_until_ms)
{
    PST_ROWS struct pst_rows *rows = NULL;
    enum pst_err r = pst_sql_first(tx, PST_STMT_SIGN_KEY_NEWEST, &rows, PST_V_UUID(person));
    if (r != PST_OK)
        return r;
    r = pst_row_array(rows, 0, ret_key->bytes, sizeof ret_key->bytes);
    if (r == PST_OK)
        *ret_until_ms = pst_row_int(rows, 1);
    return r;
}
