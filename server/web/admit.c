#include "server/web/admit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/config/config.h"

/* person.state (0001-practice.sql) */
#define STATE_ACTIVE 1
#define STATE_MERGED 3

/* The window of limits.messages-per-minute. */
#define RATE_WINDOW_MS PST_MINUTE_MS
/* Most rows that one message's facts count: a higher limit is kept in a shorter window. */
#define RATE_ROWS_MAX 128

/* ---- members and their keys --------------------------------------------- */

static bool key_live(const struct pst_thread_key *key, int64_t now_ms)
{
    return key->owner_state == STATE_ACTIVE && (key->until_ms == 0 || now_ms < key->until_ms);
}

/*
 * Whoever has an account in use is a member. A representative without one is
 * left out; a patient without one is too when a representative is there.
 */
static void keep_members(struct pst_thread_keys *keys, int64_t now_ms)
{
    size_t kept = 0;
    for (size_t i = 0; i < keys->count; i++)
        if (key_live(&keys->keys[i], now_ms))
            keys->keys[kept++] = keys->keys[i];
    keys->count = kept;
}

static size_t count_of(const struct pst_thread_keys *keys, enum pst_key_owner kind)
{
    size_t count = 0;
    for (size_t i = 0; i < keys->count; i++)
        count += keys->keys[i].kind == kind ? 1 : 0;
    return count;
}

static int by_text(const void *a, const void *b)
{
    return pst_key_id_compare_text(a, b);
}

static int by_id(const void *a, const void *b)
{
    return pst_uuid_compare(a, b);
}

/* Is this the member for whom the sender writes? */
static bool written_for(const struct pst_admit_result *result, const struct pst_thread_key *key,
                        const struct pst_uuid *sender)
{
    if (key->kind == PST_KEY_TEAM)
        return result->thread.as == PST_THREAD_AS_TEAM;
    return pst_uuid_equal(&key->owner, sender);
}

static void list_recipients(struct pst_admit_result *result, const struct pst_uuid *sender)
{
    for (size_t i = 0; i < result->keys.count; i++) {
        const struct pst_thread_key *key = &result->keys.keys[i];
        result->key_ids[result->key_ids_count++] = key->id;
        if (key->kind != PST_KEY_RECORDS && !written_for(result, key, sender))
            result->to[result->to_count++] = key->owner;
    }
    qsort(result->key_ids, result->key_ids_count, sizeof result->key_ids[0], by_text);
    qsort(result->to, result->to_count, sizeof result->to[0], by_id);
}

static bool recipients_exact(const struct pst_admit_result *result,
                             const struct pst_envelope_header *header)
{
    if (header->keys_count != result->key_ids_count || header->to_count != result->to_count)
        return false;
    for (size_t i = 0; i < result->key_ids_count; i++)
        if (!pst_key_id_equal(&header->keys[i], &result->key_ids[i]))
            return false;
    for (size_t i = 0; i < result->to_count; i++)
        if (!pst_uuid_equal(&header->to[i], &result->to[i]))
            return false;
    return true;
}

/* ---- facts --------------------------------------------------------------- */

static enum pst_admit_enrolment patient_enrolment(const struct pst_admit_result *result,
                                                  bool patient_live)
{
    const struct pst_thread_facts *thread = &result->thread;
    if (thread->patient_merged || thread->patient_state == STATE_MERGED)
        return PST_ADMIT_ENROLMENT_MERGED;
    if (thread->patient_ended || thread->patient_state > STATE_ACTIVE || !thread->team_active)
        return PST_ADMIT_ENROLMENT_DISABLED;
    bool person = patient_live || (thread->patient_state < STATE_ACTIVE &&
                                   count_of(&result->keys, PST_KEY_REPRESENTATIVE) > 0);
    bool complete = person && count_of(&result->keys, PST_KEY_TEAM) == 1 &&
                    count_of(&result->keys, PST_KEY_RECORDS) == 1;
    return complete ? PST_ADMIT_ENROLMENT_COMPLETE : PST_ADMIT_ENROLMENT_MISSING;
}

static void relation_facts(const struct pst_clinician_facts *team, struct pst_admit_result *result)
{
    struct pst_facts *facts = &result->facts;
    bool checked = team->credential_until_days != PST_FACT_NO_DAY;
    int64_t credential_ms = checked ? pst_admit_day_end_ms(team->credential_until_days) : 0;
    int64_t visit = team->visit_days > team->specialty_visit_days ? team->visit_days
                                                                  : team->specialty_visit_days;
    facts->credential =
        pst_admit_credential_of(/* active= */ true, checked, credential_ms, facts->now_ms);
    facts->credential_until_ms = credential_ms;
    facts->break_glass_until_ms = team->break_glass_until_ms;
    result->by_same_clinician = team->visit_days == visit;
    if (visit == PST_FACT_NO_DAY)
        return;
    struct pst_date date;
    pst_date_from_days(visit, &date);
    facts->established_until_ms = pst_admit_established_until_ms(&date);
}

static void consent_facts(struct pst_admit_result *result)
{
    const struct pst_thread_facts *thread = &result->thread;
    bool representative = thread->as == PST_THREAD_AS_REPRESENTATIVE;
    result->facts.consent = (struct pst_admit_consent){
        .recorded = thread->has_consent,
        .decision = (enum pst_decision)thread->consent_decision,
        .purposes = thread->consent_purposes,
        .expires_ms = thread->consent_expires_ms,
        .superseded_ms = thread->terms_superseded_ms,
        .addresses_match = !representative || thread->consent_proxy,
        .inbound_address_matches = false,
    };
}

static void take_members(const struct pst_admit_ask *ask, const struct pst_uuid *sender,
                         struct pst_admit_result *result)
{
    keep_members(&result->keys, result->facts.now_ms);
    list_recipients(result, sender);
    result->facts.recipients_exact =
        ask->head != NULL && recipients_exact(result, &ask->head->header);
}

static enum pst_err patient_facts(struct pst_tx *tx, const struct pst_admit_ask *ask,
                                  const struct pst_uuid *sender, struct pst_admit_result *result)
{
    const struct pst_thread_facts *thread = &result->thread;
    struct pst_clinician_facts team;
    bool clinician = thread->as == PST_THREAD_AS_TEAM;
    const struct pst_facts_members_of of = {.patient = &thread->patient,
                                            .team = &thread->team,
                                            .writer = clinician ? sender : NULL,
                                            .now_ms = result->facts.now_ms};
    enum pst_err r = pst_facts_members(tx, &of, &result->keys, &team);
    if (r == PST_OK)
        take_members(ask, sender, result);
    if (r == PST_OK && ask->mode == PST_ADMIT_THREAD)
        r = pst_thread_answerable(tx, &ask->thread, &thread->patient, clinician, thread->last_seq,
                                  &result->facts.answers);
    if (r != PST_OK)
        return r;
    relation_facts(&team, result);
    consent_facts(result);
    if (ask->mode != PST_ADMIT_THREAD)
        result->facts.answers = thread->has_answered && thread->answered_consented &&
                                thread->answered_by_patient == clinician;
    result->facts.unrestricted = !thread->no_messages && !thread->not_team;
    result->facts.enrolment =
        patient_enrolment(result, count_of(&result->keys, PST_KEY_PATIENT) > 0);
    return PST_OK;
}

/* Everybody in a room needs a credential, and a key. */
static enum pst_err room_facts(struct pst_tx *tx, const struct pst_admit_ask *ask,
                               const struct pst_uuid *sender, struct pst_admit_result *result)
{
    int64_t members = 0;
    int64_t fit = 0;
    enum pst_err r = pst_facts_room_keys(tx, &ask->thread, &result->keys);
    if (r == PST_OK)
        take_members(ask, sender, result);
    if (r == PST_OK)
        r = pst_facts_room(tx, &ask->thread, result->facts.now_ms, &members, &fit);
    if (r != PST_OK)
        return r;
    bool all_keys = (int64_t)count_of(&result->keys, PST_KEY_COLLEAGUE) == members &&
                    count_of(&result->keys, PST_KEY_RECORDS) == 1;
    result->facts.credential =
        members > 0 && fit == members ? PST_ADMIT_CREDENTIAL_GOOD : PST_ADMIT_CREDENTIAL_UNVERIFIED;
    result->facts.unrestricted = true;
    result->facts.enrolment = all_keys ? PST_ADMIT_ENROLMENT_COMPLETE : PST_ADMIT_ENROLMENT_MISSING;
    return PST_OK;
}

static enum pst_admit_earlier earlier_of(const struct pst_admit_ask *ask,
                                         const struct pst_thread_facts *thread,
                                         const struct pst_uuid *sender)
{
    if (!thread->has_earlier)
        return PST_ADMIT_EARLIER_NONE;
    if (!pst_uuid_equal(&thread->earlier_sender, sender) ||
        !pst_uuid_equal(&thread->earlier_thread, &ask->thread))
        return PST_ADMIT_EARLIER_OTHER;
    /* Of an upload under way only its end tells whether it is the same. */
    if (ask->hash == NULL)
        return ask->mode == PST_ADMIT_HEADER ? PST_ADMIT_EARLIER_NONE : PST_ADMIT_EARLIER_OTHER;
    return pst_sha256_equal(ask->hash, &thread->earlier_hash) ? PST_ADMIT_EARLIER_SAME
                                                              : PST_ADMIT_EARLIER_OTHER;
}

/* A key that was replaced or ran out since the signature was checked signs no more. */
static enum pst_admit_signature signature_now(const struct pst_admit_ask *ask,
                                              const struct pst_thread_facts *thread, int64_t now_ms)
{
    if (ask->signature != PST_ADMIT_SIGNATURE_GOOD || ask->head == NULL)
        return ask->signature;
    bool current = thread->has_sign_key &&
                   pst_key_id_equal(&thread->sign_key, &ask->head->signer) &&
                   now_ms < thread->sign_key_until_ms;
    return current ? PST_ADMIT_SIGNATURE_GOOD : PST_ADMIT_SIGNATURE_REPLACED;
}

/* So many messages, within so long a time. */
struct rate {
    int64_t messages;
    int64_t window_ms;
};

static struct rate rate_of(const struct pst_config *config)
{
    int64_t limit = config->limits.messages_per_minute;
    if (limit <= RATE_ROWS_MAX)
        return (struct rate){limit, RATE_WINDOW_MS};
    return (struct rate){RATE_ROWS_MAX, RATE_WINDOW_MS * RATE_ROWS_MAX / limit};
}

static void limit_facts(const struct pst_config *config, struct pst_admit_result *result)
{
    struct rate rate = rate_of(config);
    struct pst_facts *facts = &result->facts;
    const struct pst_thread_facts *thread = &result->thread;
    int64_t left = config->limits.quota_bytes - thread->used_bytes;
    facts->within_rate = thread->sent_lately < rate.messages;
    facts->retry_ms = rate.window_ms;
    facts->size_max_bytes = (uint64_t)config->limits.message_size_bytes;
    facts->attachments_max = (uint32_t)config->limits.attachments;
    facts->quota_left_bytes = left > 0 ? (uint64_t)left : 0;
    facts->grace_ms = config->consent.grace_ms;
    facts->reply_window_ms = config->consent.reply_after_lapse_ms;
}

/* ---- exchange ------------------------------------------------------------- */

static void ask_exchange(const struct pst_request *request, const struct pst_admit_ask *ask,
                         struct pst_admit_result *result)
{
    struct pst_exchange *exchange = &result->exchange;
    const struct pst_envelope_header *header = ask->head != NULL ? &ask->head->header : NULL;
    bool room = pst_uuid_is_nil(&result->thread.patient);
    bool representative = result->thread.as == PST_THREAD_AS_REPRESENTATIVE ||
                          count_of(&result->keys, PST_KEY_REPRESENTATIVE) > 0;
    uint32_t images = header != NULL ? (uint32_t)header->images : ask->images;
    exchange->mode = ask->mode;
    exchange->place = room ? PST_ADMIT_ROOM : PST_ADMIT_PATIENT;
    exchange->passage = PST_ADMIT_SAFE;
    const struct pst_handover *passage = pst_request_passage(request);
    if (passage != NULL) {
        exchange->tls_version = passage->tls_version;
        exchange->tls_aead = passage->aead;
    }
    exchange->size_bytes = ask->size_bytes;
    exchange->attachments = header != NULL ? (uint32_t)header->attachments : 0;
    exchange->sent_ms = header != NULL ? header->sent_ms : 0;
    exchange->seal = ask->seal;
    exchange->signature = signature_now(ask, &result->thread, result->facts.now_ms);
    exchange->purposes = pst_admit_purposes(images, representative) | ask->purposes;
}

static enum pst_err read_facts(struct pst_tx *tx, const struct pst_request *request,
                               const struct pst_admit_ask *ask, struct pst_admit_result *result)
{
    const struct pst_uuid *sender = &request->caller.person;
    struct rate rate = rate_of(request->config);
    struct pst_facts_of of = {.thread = ask->thread,
                              .sender = *sender,
                              .now_ms = request->now_ms,
                              .rate_since_ms = request->now_ms - rate.window_ms,
                              .rate_max = rate.messages};
    if (ask->mode != PST_ADMIT_THREAD && ask->head != NULL) {
        of.message = ask->head->header.id;
        if (ask->head->header.has_replyto)
            of.replyto = ask->head->header.replyto;
    }
    enum pst_err r = pst_facts_thread(tx, &of, &result->thread);
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    limit_facts(request->config, result);
    result->facts.earlier = earlier_of(ask, &result->thread, sender);
    if (r == PST_ERR_NOT_FOUND || result->thread.as == PST_THREAD_AS_NONE) {
        result->facts.sight = PST_ADMIT_ABSENT;
        return PST_OK;
    }
    result->facts.sight = PST_ADMIT_SEEN;
    return pst_uuid_is_nil(&result->thread.patient) ? room_facts(tx, ask, sender, result)
                                                    : patient_facts(tx, ask, sender, result);
}

enum pst_err pst_admit_thread(struct pst_tx *tx, const struct pst_request *request,
                              const struct pst_admit_ask *ask, struct pst_admit_result *ret_result)
{
    memset(ret_result, 0, sizeof *ret_result);
    ret_result->facts.now_ms = request->now_ms;
    ret_result->facts.session =
        request->caller.signed_in ? PST_ADMIT_SESSION_FULL : PST_ADMIT_SESSION_NONE;
    enum pst_err r = read_facts(tx, request, ask, ret_result);
    if (r != PST_OK)
        return r;
    ret_result->facts.store_up = true;
    ask_exchange(request, ask, ret_result);
    ret_result->repeat = ask->mode == PST_ADMIT_MESSAGE &&
                         pst_admit_may_repeat(&ret_result->exchange, &ret_result->facts);
    ret_result->verdict = pst_admit(&ret_result->exchange, &ret_result->facts);
    return PST_OK;
}

enum pst_viewer pst_admit_viewer(const struct pst_request *request,
                                 const struct pst_admit_result *result)
{
    enum pst_thread_as as = result->thread.as;
    if (as == PST_THREAD_AS_PATIENT || as == PST_THREAD_AS_REPRESENTATIVE)
        return PST_VIEWER_PATIENT;
    if (as == PST_THREAD_AS_NONE && !pst_request_is(request, PST_WEB_STAFF))
        return PST_VIEWER_PATIENT;
    return PST_VIEWER_STAFF;
}

/* ---- event ---------------------------------------------------------------- */

static uint32_t role_of(enum pst_key_owner kind)
{
    switch (kind) {
    case PST_KEY_PATIENT:
        return PST_ROLE_PATIENT;
    case PST_KEY_REPRESENTATIVE:
        return PST_ROLE_REPRESENTATIVE;
    case PST_KEY_COLLEAGUE:
        return PST_ROLE_CLINICIAN;
    default:
        return 0;
    }
}

static void event_to(const struct pst_admit_result *result, struct pst_event *event)
{
    for (size_t i = 0; i < result->to_count && event->to_count < PST_EVENT_TO_MAX; i++) {
        struct pst_event_party *party = &event->to[event->to_count++];
        party->id = result->to[i];
        for (size_t k = 0; k < result->keys.count; k++)
            if (pst_uuid_equal(&result->keys.keys[k].owner, &party->id))
                party->role = role_of(result->keys.keys[k].kind);
    }
    if (event->to_count > 0)
        event->has |= PST_EVENT_HAS_TO;
}

static void event_thread(const struct pst_admit_ask *ask, const struct pst_admit_result *result,
                         struct pst_event *event)
{
    const struct pst_thread_facts *thread = &result->thread;
    bool room = pst_uuid_is_nil(&thread->patient);
    event->has |= PST_EVENT_HAS_THREAD | PST_EVENT_HAS_DIRECTION;
    event->thread = ask->thread;
    event->direction = room                               ? PST_DIRECTION_INTERNAL
                       : thread->as == PST_THREAD_AS_TEAM ? PST_DIRECTION_OUT
                                                          : PST_DIRECTION_IN;
    event->role = thread->as == PST_THREAD_AS_PATIENT          ? PST_ROLE_PATIENT
                  : thread->as == PST_THREAD_AS_REPRESENTATIVE ? PST_ROLE_REPRESENTATIVE
                                                               : PST_ROLE_CLINICIAN;
    if (!room) {
        event->has |= PST_EVENT_HAS_PATIENT;
        event->patient = thread->patient;
    }
    if (thread->has_consent) {
        event->has |= PST_EVENT_HAS_CONSENT;
        event->consent = thread->consent;
        event->consent_version = thread->consent_version;
    }
    event_to(result, event);
}

static void event_header(const struct pst_admit_ask *ask, struct pst_event *event)
{
    const struct pst_envelope_header *header = &ask->head->header;
    event->has |= PST_EVENT_HAS_MESSAGE | PST_EVENT_HAS_CATEGORY | PST_EVENT_HAS_ATTACHMENTS;
    event->message = header->id;
    event->category = header->category;
    event->attachments = header->attachments;
    event->images = header->images;
    if (header->via == PST_VIA_REDIRECT)
        event->channel = PST_CHANNEL_REDIRECT;
}

static void event_basis(const struct pst_admit_result *result, struct pst_event *event)
{
    event->has |= PST_EVENT_HAS_BASIS;
    if (result->verdict.basis == PST_ADMIT_BASIS_ROOM)
        event->basis = PST_BASIS_ROOM;
    else if (result->verdict.relation == PST_ADMIT_RELATION_BREAK_GLASS)
        event->basis = PST_BASIS_BREAK_GLASS;
    else
        event->basis = result->by_same_clinician ? PST_BASIS_CLINICIAN : PST_BASIS_SPECIALTY;
}

void pst_admit_event(const struct pst_request *request, const struct pst_admit_ask *ask,
                     const struct pst_admit_result *result, struct pst_event *ret_event)
{
    pst_request_event_init(request, PST_EVENT_EXCHANGE, ret_event);
    ret_event->has |= PST_EVENT_HAS_CHANNEL | PST_EVENT_HAS_CODE | PST_EVENT_HAS_FROM;
    ret_event->channel = PST_CHANNEL_PORTAL;
    ret_event->from = request->caller.person;
    if (result->facts.sight == PST_ADMIT_SEEN)
        event_thread(ask, result, ret_event);
    if (ask->head != NULL)
        event_header(ask, ret_event);
    if (ask->mode == PST_ADMIT_MESSAGE) {
        ret_event->has |= PST_EVENT_HAS_SIZE;
        ret_event->size = ask->size_bytes;
    }
    if (ask->hash != NULL) {
        ret_event->has |= PST_EVENT_HAS_SHA256;
        ret_event->sha256 = *ask->hash;
    }
    if (result->verdict.code == PST_REFUSAL_NONE)
        event_basis(result, ret_event);
    (void)snprintf(ret_event->code, sizeof ret_event->code, "%s",
                   pst_refusal_code(result->verdict.code));
}
