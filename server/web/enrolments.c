/*
 * Enrolment: a newcomer proves that they hold the code, gets what certifies
 * their inviter, and leaves their first key statement, account and ring.
 *
 * The server never sees the code. It checks what every client will check again:
 * the chain from the new statement to the practice's root. The first
 * administrator brings the root itself, which is accepted once.
 */
#include <string.h>

#include "postern/cleanup.h"
#include "server/store/invitations.h"
#include "server/store/keys.h"
#include "server/store/people.h"
#include "server/store/practice.h"
#include "server/store/sessions.h"
#include "server/web/answer.h"
#include "server/web/certify.h"
#include "server/web/chain_records.h"
#include "server/web/credential.h"
#include "server/web/enrolment_proof.h"
#include "server/web/factor_take.h"
#include "server/web/key_write.h"
#include "server/web/places.h"

#define LOGIN_MAX_BYTES 254
#define CODE_MAX_BYTES 16
/* Base64url of an Ed25519 signature. */
#define PROOF_TEXT_MAX 86
#define TOTP_TEXT_MAX 112
/* A ring comes as text inside a JSON body. */
#define RING_TEXT_MAX PST_JSON_MAX_BYTES

/* ---- what both routes read ---------------------------------------------- */

struct proof_body {
    struct pst_uuid invitation;
    int64_t at_ms;
    const char *proof;
};

/* An invitation and what stands above it, as one snapshot shows it. */
struct invited {
    const struct pst_vault *vault;
    struct pst_uuid id;
    int64_t now_ms;
    struct pst_invitation_row row;
    struct pst_person person;
    struct pst_practice practice;
    struct pst_buf record; /* the invitation's text */
    json_t *records;       /* the inviter's chain, without the invitation */
    bool renewed;          /* the person has statements already */
    struct pst_key_row newest;
};

static void invited_free(struct invited *invited)
{
    pst_buf_free(&invited->record);
    json_decref(invited->records);
    invited->records = NULL;
}

static enum pst_err invited_row(struct pst_tx *tx, struct invited *invited)
{
    PST_BUF struct pst_buf sealed = {.max = PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES};
    enum pst_err r = pst_invitation_get(tx, &invited->id, &invited->row, &sealed);
    if (r == PST_OK && (invited->row.used_at_ms != 0 || invited->row.until_ms <= invited->now_ms))
        r = PST_ERR_NOT_FOUND;
    if (r == PST_OK)
        r = pst_vault_field_open(invited->vault,
                                 pst_field_of(PST_FIELD_INVITATION_RECORD, &invited->id),
                                 pst_buf_bytes(&sealed), &invited->record);
    return r;
}

/* Who was disabled since has taken their invitations along. */
static enum pst_err inviter_check(struct pst_tx *tx, const struct invited *invited)
{
    struct pst_person inviter;
    if (pst_uuid_is_nil(&invited->row.inviter))
        return invited->practice.has_root ? PST_ERR_NOT_FOUND : PST_OK;
    enum pst_err r = pst_person_get(tx, &invited->row.inviter, &inviter);
    if (r == PST_OK && inviter.state != PST_PERSON_ACTIVE)
        r = PST_ERR_NOT_FOUND;
    return r;
}

static enum pst_err invited_read(struct pst_tx *tx, void *ctx)
{
    struct invited *invited = ctx;
    struct pst_chain_records chain = {.tx = tx, .vault = invited->vault};
    enum pst_err r = invited_row(tx, invited);
    if (r == PST_OK)
        r = pst_person_get(tx, &invited->row.person, &invited->person);
    if (r == PST_OK && invited->person.state > PST_PERSON_ACTIVE)
        r = PST_ERR_NOT_FOUND;
    if (r == PST_OK)
        r = pst_practice_get(tx, &invited->practice);
    if (r == PST_OK)
        r = inviter_check(tx, invited);
    if (r == PST_OK && !pst_uuid_is_nil(&invited->row.inviter))
        r = pst_chain_records_person(&chain, &invited->row.inviter);
    if (r == PST_OK)
        r = pst_chain_records_person(&chain, &invited->row.person);
    if (r != PST_OK)
        return r;
    r = pst_key_newest(tx, &invited->row.person, &invited->newest, NULL);
    invited->renewed = r == PST_OK;
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    return pst_chain_records_read(&chain, &invited->records);
}

/*
 * Nobody's key, for invitations that are not there: the public key of RFC 8032,
 * 7.1, test 1. A proof made with its published secret is refused all the same.
 */
static const struct pst_sign_public nobody = {{0xd7, 0x5a, 0x98, 0x01, 0x82, 0xb1, 0x0a, 0xb7,
                                               0xd5, 0x4b, 0xfe, 0xd3, 0xc9, 0x64, 0x07, 0x3a,
                                               0x0e, 0xe1, 0x72, 0xf3, 0xda, 0xa6, 0x23, 0x25,
                                               0xaf, 0x02, 0x1a, 0x68, 0xf7, 0x07, 0x51, 0x1a}};

static enum pst_err invited_key(struct pst_tx *tx, void *ctx)
{
    struct invited *invited = ctx;
    return pst_invitation_get(tx, &invited->id, &invited->row, NULL);
}

/*
 * Checks the proof, and only for who holds the code reads what stands above.
 * Unknown, used, over and wrong look the same, and cost the same: one statement
 * and one signature.
 */
static enum pst_err invited_find(struct pst_request *request, const struct proof_body *proof,
                                 struct invited *ret_invited)
{
    ret_invited->vault = request->vault;
    ret_invited->id = proof->invitation;
    ret_invited->now_ms = request->now_ms;
    ret_invited->record.max = PST_RECORD_MAX_BYTES;
    enum pst_err found = pst_store_read(request->store, invited_key, ret_invited);
    if (found != PST_OK && found != PST_ERR_NOT_FOUND)
        return found;
    enum pst_err r = pst_enrolment_proof_check(found == PST_OK ? &ret_invited->row.key : &nobody,
                                               request->origin, &proof->invitation, proof->at_ms,
                                               proof->proof, request->now_ms);
    if (r == PST_OK)
        r = found;
    return r == PST_OK ? pst_store_read(request->store, invited_read, ret_invited) : r;
}

/* ---- POST /v1/enrolments/params ----------------------------------------- */

#define PROOF(name) offsetof(struct proof_body, name)
static const struct pst_json_member proof_members[] = {
    {"invitation", PST_JSON_UUID, PST_JSON_REQUIRED, PROOF(invitation), 0},
    {"at", PST_JSON_TIME, PST_JSON_REQUIRED, PROOF(at_ms), 0},
    {"proof", PST_JSON_TEXT, PST_JSON_REQUIRED, PROOF(proof), PROOF_TEXT_MAX},
};

static void params_wipe(void *state)
{
    invited_free(state);
}

static enum pst_err params_prepare(struct pst_request *request)
{
    void *state = NULL;
    struct proof_body body;
    enum pst_err r = pst_request_state_new(request, sizeof(struct invited), params_wipe, &state);
    if (r == PST_OK)
        r = pst_request_decode(request, proof_members, 3, &body, NULL);
    return r == PST_OK ? invited_find(request, &body, state) : r;
}

static enum pst_err params_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct invited *invited = request->state;
    (void)tx;
    json_t *answer = json_pack(
        "{s:o, s:o, s:o, s:o, s:o, s:O}", "invitation",
        pst_answer_text(pst_buf_bytes(&invited->record)), "invitation_hash",
        pst_answer_binary(pst_bytes(invited->row.hash.bytes, sizeof invited->row.hash.bytes)),
        "person", pst_answer_id(&invited->person.id), "name",
        pst_person_name_json(request->vault, &invited->person), "roles",
        pst_answer_roles(invited->person.roles), "records", invited->records);
    if (answer != NULL && invited->practice.has_root &&
        json_object_set_new(answer, "root",
                            pst_answer_binary(pst_bytes(invited->practice.root.bytes,
                                                        PST_PUBLIC_KEY_BYTES))) != 0) {
        json_decref(answer);
        answer = NULL;
    }
    return pst_request_json(request, 200, answer);
}

/* ---- POST /v1/enrolments ------------------------------------------------- */

struct enrol_body {
    struct pst_uuid invitation;
    int64_t at_ms;
    const char *proof;
    const char *statement;
    const char *login;
    struct pst_keyring_body keyring;
    json_t *totp;
    uint8_t root[PST_PUBLIC_KEY_BYTES];
};

#define ENROL(name) offsetof(struct enrol_body, name)
#define MUST PST_JSON_REQUIRED
static const struct pst_json_member enrol_members[] = {
    {"invitation", PST_JSON_UUID, MUST, ENROL(invitation), 0},
    {"at", PST_JSON_TIME, MUST, ENROL(at_ms), 0},
    {"proof", PST_JSON_TEXT, MUST, ENROL(proof), PROOF_TEXT_MAX},
    {"statement", PST_JSON_TEXT, MUST, ENROL(statement), PST_RECORD_MAX_BYTES},
    {"login", PST_JSON_TEXT, MUST, ENROL(login), LOGIN_MAX_BYTES},
    {"credential", PST_JSON_OBJECT, MUST, ENROL(keyring.credential), 0},
    {"recovery", PST_JSON_OBJECT, 0, ENROL(keyring.recovery), 0},
    {"ring", PST_JSON_TEXT, MUST, ENROL(keyring.ring), RING_TEXT_MAX},
    {"wraps", PST_JSON_OBJECT, MUST, ENROL(keyring.wraps), 0},
    {"totp", PST_JSON_OBJECT, 0, ENROL(totp), 0},
    {"root", PST_JSON_BIN32, 0, ENROL(root), 0},
};
#define ENROL_COUNT (sizeof enrol_members / sizeof enrol_members[0])
#define ENROL_ROOT (ENROL_COUNT - 1)

static const struct pst_json_member totp_members[] = {
    {"secret", PST_JSON_TEXT, MUST, offsetof(struct pst_totp_body, secret), TOTP_TEXT_MAX},
    {"code", PST_JSON_TEXT, MUST, offsetof(struct pst_totp_body, code), CODE_MAX_BYTES},
};

struct enrol {
    struct enrol_body body;
    bool brings_root;
    struct invited invited;
    struct pst_record *record;
    struct pst_buf record_enc;
    struct pst_sealed_text name;
    struct pst_account account;
    struct pst_keyring_sealed sealed;
    struct pst_factor factor;
    bool has_factor;
};

static void enrol_wipe(void *state)
{
    struct enrol *enrol = state;
    invited_free(&enrol->invited);
    pst_record_free(&enrol->record);
    pst_buf_free(&enrol->record_enc);
    pst_keyring_sealed_free(&enrol->sealed);
}

/* The root of the practice; the first administrator's own where there is none yet. */
static enum pst_err root_of(struct pst_request *request, const struct enrol *enrol,
                            struct pst_sign_public *ret_root)
{
    bool first = !enrol->invited.practice.has_root;
    if (first != enrol->brings_root) {
        enum pst_err r = pst_request_bad(request, "root");
        return r == PST_OK ? PST_ERR_SYNTAX : r;
    }
    if (first)
        memcpy(ret_root->bytes, enrol->body.root, sizeof ret_root->bytes);
    else
        *ret_root = enrol->invited.practice.root;
    return PST_OK;
}

static enum pst_err chain_check(struct pst_request *request, const struct enrol *enrol)
{
    struct pst_sign_public root;
    PST_JSON json_t *records = json_copy(enrol->invited.records);
    json_t *invitation = pst_answer_text(pst_buf_bytes(&enrol->invited.record));
    if (json_array_append_new(records, invitation) != 0)
        return PST_ERR_NOMEM;
    enum pst_err r = root_of(request, enrol, &root);
    return r == PST_OK ? pst_certify_with(request->origin, &root, records, enrol->record) : r;
}

/* It says what the invitation says, follows what was there, and is of now. */
static bool statement_fits(const struct pst_request *request, const struct enrol *enrol)
{
    const struct pst_statement *statement = pst_record_statement(enrol->record);
    const struct invited *invited = &enrol->invited;
    int64_t serial = invited->renewed ? invited->newest.serial + 1 : 1;
    return pst_uuid_equal(&statement->person, &invited->person.id) &&
           statement->roles == invited->person.roles && statement->serial == serial &&
           statement->has_invitation &&
           pst_sha256_equal(&statement->invitation, &invited->row.hash) &&
           statement->until_ms > request->now_ms;
}

static enum pst_err statement_take(struct pst_request *request, struct enrol *enrol)
{
    enum pst_err r = pst_certify_parse(request, enrol->body.statement, PST_RECORD_STATEMENT,
                                       "statement", &enrol->record);
    if (r != PST_OK)
        return r;
    r = statement_fits(request, enrol) ? chain_check(request, enrol) : PST_ERR_CHAIN;
    if (r == PST_ERR_CHAIN &&
        pst_request_refuse(request, PST_REFUSAL_BAD_SIGNATURE, NULL) != PST_OK)
        return PST_ERR_NOMEM;
    const struct pst_statement *statement = pst_record_statement(enrol->record);
    pst_buf_init(&enrol->record_enc, PST_RECORD_MAX_BYTES + PST_VAULT_OVERHEAD_BYTES);
    if (r == PST_OK)
        r = pst_key_record_seal(request->vault, enrol->record, &enrol->record_enc);
    if (r == PST_OK)
        r = pst_sealed_text_seal(request->vault, PST_FIELD_PERSON_NAME, &statement->person,
                                 statement->name, &enrol->name);
    return r;
}

static enum pst_err bad(struct pst_request *request, const char *member)
{
    enum pst_err r = pst_request_bad(request, member);
    return r == PST_OK ? PST_ERR_SYNTAX : r;
}

static enum pst_err factor_take(struct pst_request *request, struct enrol *enrol)
{
    struct pst_totp_body body;
    bool staff = (enrol->invited.person.roles & PST_ROLES_STAFF) != 0;
    if (enrol->body.totp == NULL)
        return staff ? bad(request, "totp") : PST_OK;
    if (pst_json_decode(enrol->body.totp, totp_members, 2, &body, NULL, NULL) != PST_OK)
        return bad(request, "totp");
    enum pst_err r = pst_factor_take(request, &enrol->invited.person.id, &body, &enrol->factor);
    enrol->has_factor = r == PST_OK;
    return r;
}

static enum pst_err account_take(struct pst_request *request, struct enrol *enrol)
{
    struct pst_account *account = &enrol->account;
    const struct pst_uuid *person = &enrol->invited.person.id;
    account->person = *person;
    enum pst_err r =
        pst_signin_login_index(request->vault, enrol->body.login, account->login_index);
    if (r == PST_ERR_INVALID || r == PST_ERR_TOO_LONG)
        return bad(request, "login");
    if (r == PST_OK)
        r = pst_sealed_text_seal(request->vault, PST_FIELD_ACCOUNT_LOGIN, person, enrol->body.login,
                                 &account->login);
    if (r == PST_OK)
        r = pst_keyring_body_seal(request, &enrol->body.keyring, person, &enrol->sealed);
    if (r != PST_OK)
        return r;
    memcpy(account->auth_hash, enrol->sealed.auth_hash, sizeof account->auth_hash);
    account->params = enrol->sealed.params;
    account->has_recovery = enrol->sealed.has_recovery;
    memcpy(account->recovery_hash, enrol->sealed.recovery_hash, sizeof account->recovery_hash);
    account->ring_version = 1;
    return PST_OK;
}

static enum pst_err enrol_prepare(struct pst_request *request)
{
    void *state = NULL;
    uint64_t present = 0;
    enum pst_err r = pst_request_state_new(request, sizeof(struct enrol), enrol_wipe, &state);
    if (r != PST_OK)
        return r;
    struct enrol *enrol = state;
    r = pst_request_decode(request, enrol_members, ENROL_COUNT, &enrol->body, &present);
    if (r != PST_OK)
        return r;
    enrol->brings_root = PST_JSON_HAS(present, ENROL_ROOT);
    const struct proof_body proof = {enrol->body.invitation, enrol->body.at_ms, enrol->body.proof};
    r = invited_find(request, &proof, &enrol->invited);
    if (r == PST_OK)
        r = statement_take(request, enrol);
    if (r == PST_OK)
        r = factor_take(request, enrol);
    return r == PST_OK ? account_take(request, enrol) : r;
}

/* Who enrols anew loses what the old passphrase and devices opened. */
static enum pst_err account_write(struct pst_tx *tx, const struct enrol *enrol)
{
    static const struct pst_uuid none;
    const struct pst_uuid *person = &enrol->account.person;
    struct pst_account before;
    enum pst_err r = pst_account_get(tx, person, &before);
    if (r == PST_OK) {
        struct pst_account account = enrol->account;
        account.ring_version = before.ring_version + 1;
        r = pst_session_end_all(tx, person, &none);
        if (r == PST_OK)
            r = pst_factor_clear(tx, person);
        if (r == PST_OK)
            r = pst_account_replace(tx, &account, pst_buf_bytes(&enrol->sealed.ring));
    } else if (r == PST_ERR_NOT_FOUND) {
        r = pst_account_insert(tx, &enrol->account, pst_buf_bytes(&enrol->sealed.ring));
    }
    if (r == PST_OK)
        r = pst_keyring_wraps_put(tx, person, &enrol->sealed);
    if (r == PST_OK && enrol->has_factor)
        r = pst_factor_insert(tx, &enrol->factor);
    return r;
}

static enum pst_err person_write(struct pst_tx *tx, const struct enrol *enrol)
{
    struct pst_person person;
    enum pst_err r = pst_person_get(tx, &enrol->invited.person.id, &person);
    if (r != PST_OK)
        return r;
    if (person.state > PST_PERSON_ACTIVE || person.roles != enrol->invited.person.roles)
        return PST_ERR_CONFLICT;
    person.state = PST_PERSON_ACTIVE;
    person.name = enrol->name;
    return pst_person_update(tx, &person);
}

static enum pst_err enrol_write(struct pst_tx *tx, const struct pst_request *request)
{
    const struct enrol *enrol = request->state;
    struct pst_sign_public root;
    enum pst_err r = pst_invitation_use(tx, &enrol->invited.id, request->now_ms);
    memcpy(root.bytes, enrol->body.root, sizeof root.bytes);
    if (r == PST_OK && enrol->brings_root)
        r = pst_practice_set_root(tx, &root);
    if (r == PST_OK)
        r = person_write(tx, enrol);
    if (r == PST_OK)
        r = pst_key_write(tx, request, enrol->record, pst_buf_bytes(&enrol->record_enc),
                          &enrol->invited.id, enrol->invited.person.roles);
    return r == PST_OK ? account_write(tx, enrol) : r;
}

static enum pst_err enrol_run(struct pst_tx *tx, struct pst_request *request)
{
    const struct enrol *enrol = request->state;
    const struct pst_person *person = &enrol->invited.person;
    enum pst_err r = enrol_write(tx, request);
    if (r != PST_OK)
        return r;
    return pst_request_json(request, 201,
                            json_pack("{s:o, s:o, s:s}", "person", pst_answer_id(&person->id),
                                      "roles", pst_answer_roles(person->roles), "login",
                                      enrol->body.login));
}

const struct pst_route pst_routes_enrolments[] = {
    {.method = "POST",
     .path = "/v1/enrolments/params",
     .roles = PST_WEB_PUBLIC,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_READ,
     .prepare = params_prepare,
     .run = params_run},
    {.method = "POST",
     .path = "/v1/enrolments",
     .roles = PST_WEB_PUBLIC,
     .flags = PST_WEB_JSON,
     .kind = PST_WEB_WRITE,
     .prepare = enrol_prepare,
     .run = enrol_run},
    {0},
};
