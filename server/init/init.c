#include "server/init/init.h"

#include <stdio.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "postern/age_key.h"
#include "postern/cleanup.h"
#include "postern/enrol.h"
#include "postern/event.h"
#include "postern/record.h"
#include "postern/time.h"
#include "server/config/config.h"
#include "server/init/ledger_key.h"
#include "server/init/qr.h"
#include "server/role/run.h"
#include "server/store/events.h"
#include "server/store/invitations.h"
#include "server/store/keys.h"
#include "server/store/people.h"
#include "server/store/practice.h"
#include "server/store/terms.h"
#include "server/vault/fields.h"

struct init {
    struct pst_config *config;
    struct pst_vault *vault;
    struct pst_store *store;
    const char *name;
    int64_t now_ms;
    struct pst_records_row records;
    struct pst_secret *code;
    struct pst_person administrator;
    struct pst_invitation_row invitation;
    struct pst_buf record;     /* the invitation's text */
    struct pst_buf record_enc; /* and as the vault sealed it */
    struct pst_buf verifier;
};

static void init_free(struct init *init)
{
    pst_buf_free(&init->record);
    pst_buf_free(&init->record_enc);
    pst_buf_free(&init->verifier);
    pst_secret_free(&init->code);
    pst_store_close(&init->store);
    pst_vault_free(&init->vault);
    pst_config_free(&init->config);
}

static int fail(int status, const char *what, enum pst_err r)
{
    (void)fprintf(stderr, "posternd: %s: %s\n", what, pst_err_text(r));
    return status;
}

/* ---- what goes into the store ------------------------------------------ */

static enum pst_err records_parse(const char *text, struct pst_records_row *ret_records)
{
    struct pst_age_recipient recipient;
    struct pst_records_row records = {.serial = 0};
    enum pst_err r = pst_age_recipient_parse(pst_bytes_str(text), &recipient);
    if (r != PST_OK)
        return r;
    memcpy(records.recipient, recipient.bytes, sizeof records.recipient);
    r = pst_key_id_of(records.recipient, &records.recipient_id);
    if (r == PST_OK)
        *ret_records = records;
    return r;
}

/* The record says who may enrol; that it is unsigned is why there is a root at all. */
static enum pst_err invitation_build(struct init *init)
{
    struct pst_signer *signer = NULL;
    enum pst_err r = pst_code_new(NULL, &init->code);
    if (r == PST_OK)
        r = pst_enrol_signer(init->code, &signer);
    if (r != PST_OK)
        return r;
    const struct pst_invitation body = {
        .name = init->name,
        .person = init->administrator.id,
        .roles = PST_ROLE_ADMINISTRATOR,
        .key = signer->public_key,
        .until_ms = init->now_ms + PST_INVITATION_MAX_MS,
    };
    pst_signer_free(&signer);
    init->invitation.key = body.key;
    init->invitation.until_ms = body.until_ms;
    return pst_record_build(PST_RECORD_INVITATION, init->config->origin, init->now_ms, &body, NULL,
                            0, &init->record);
}

static enum pst_err invitation_make(struct init *init)
{
    struct pst_record *record = NULL;
    pst_uuid_v7(init->now_ms, NULL, &init->invitation.id);
    init->invitation.person = init->administrator.id;
    enum pst_err r = invitation_build(init);
    if (r == PST_OK)
        r = pst_record_parse(pst_buf_bytes(&init->record), &record);
    if (r != PST_OK)
        return r;
    init->invitation.hash = *pst_record_hash(record);
    pst_record_free(&record);
    return pst_vault_field_seal(init->vault,
                                pst_field_of(PST_FIELD_INVITATION_RECORD, &init->invitation.id),
                                pst_buf_bytes(&init->record), &init->record_enc);
}

static enum pst_err administrator_make(struct init *init)
{
    PST_BUF struct pst_buf name = {.max = PST_SEALED_TEXT_MAX_BYTES};
    struct pst_person *person = &init->administrator;
    pst_uuid_v7(init->now_ms, NULL, &person->id);
    person->roles = PST_ROLE_ADMINISTRATOR;
    person->state = PST_PERSON_INVITED;
    person->created_at_ms = init->now_ms;
    enum pst_err r =
        pst_vault_field_seal(init->vault, pst_field_of(PST_FIELD_PERSON_NAME, &person->id),
                             pst_bytes_str(init->name), &name);
    return r == PST_OK ? pst_sealed_text_set(&person->name, pst_buf_bytes(&name)) : r;
}

static enum pst_err event_put(struct pst_tx *tx, const struct init *init, enum pst_event_kind kind,
                              const struct pst_sha256 *record)
{
    PST_BUF struct pst_buf line = {.max = PST_EVENT_MAX_BYTES};
    struct pst_event event;
    pst_event_init(&event, kind, init->now_ms, NULL);
    if (record != NULL) {
        event.has |= PST_EVENT_HAS_RECORD;
        event.record = *record;
    }
    enum pst_err r = pst_event_write(&event, &line);
    return r == PST_OK ? pst_event_insert(tx, &event.id, pst_buf_str(&line)) : r;
}

static enum pst_err practice_write(struct pst_tx *tx, void *ctx)
{
    const struct init *init = ctx;
    enum pst_err r = pst_practice_insert(tx, init->config->origin, init->now_ms);
    if (r == PST_OK)
        r = pst_terms_insert_builtin(tx, init->now_ms);
    if (r == PST_OK)
        r = pst_records_insert(tx, &init->records, NULL, init->now_ms);
    if (r == PST_OK)
        r = pst_person_insert(tx, &init->administrator);
    if (r == PST_OK)
        r = pst_invitation_insert(tx, &init->invitation, pst_buf_bytes(&init->record_enc),
                                  init->now_ms);
    if (r == PST_OK)
        r = event_put(tx, init, PST_EVENT_CONFIG, NULL);
    return r == PST_OK ? event_put(tx, init, PST_EVENT_INVITATION, &init->invitation.hash) : r;
}

/* ---- steps -------------------------------------------------------------- */

static int vault_open(struct init *init)
{
    enum pst_err r = pst_vault_create(init->config->vault_key);
    if (r == PST_OK || r == PST_ERR_EXISTS)
        r = pst_vault_load(init->config->vault_key, &init->vault);
    return r == PST_OK ? EX_OK : fail(EX_CANTCREAT, "the vault's key cannot be made", r);
}

static enum pst_err practice_look(struct pst_tx *tx, void *ctx)
{
    struct pst_practice practice;
    (void)ctx;
    return pst_practice_get(tx, &practice);
}

static int store_make(struct init *init)
{
    struct pst_store_problem problem = {{0}};
    const char *url = init->config->store;
    enum pst_err r = pst_store_migrate(url, NULL, NULL, &problem);
    if (r == PST_OK)
        r = pst_store_open(url, PST_STORE_TOOL, &init->store, &problem);
    if (r != PST_OK)
        return fail(EX_CANTCREAT, problem.text, r);
    r = pst_store_read(init->store, practice_look, NULL);
    if (r == PST_ERR_NOT_FOUND)
        return EX_OK;
    if (r != PST_OK)
        return fail(EX_CANTCREAT, "the store cannot be read", r);
    (void)fprintf(stderr, "posternd: this practice was initialised before; nothing was changed\n");
    return EX_CANTCREAT;
}

static int practice_make(struct init *init)
{
    enum pst_err r = administrator_make(init);
    if (r == PST_OK)
        r = invitation_make(init);
    if (r == PST_OK)
        r = pst_ledger_key_make(init->config, &init->verifier);
    if (r == PST_OK)
        r = pst_store_write(init->store, practice_write, init);
    return r == PST_OK ? EX_OK : fail(EX_CANTCREAT, "the practice cannot be made", r);
}

static enum pst_err link_text(const struct init *init, struct pst_secret **ret_text)
{
    struct pst_enrol_link link = {.invitation = init->invitation.id, .has_root = false};
    (void)snprintf(link.host, sizeof link.host, "%s", init->config->origin);
    enum pst_err r = pst_secret_copy(init->code, &link.code);
    if (r == PST_OK)
        r = pst_enrol_link_format(&link, ret_text);
    pst_enrol_link_free(&link);
    return r;
}

static int say(const struct init *init)
{
    PST_SECRET struct pst_secret *text = NULL;
    enum pst_err r = link_text(init, &text);
    if (r != PST_OK)
        return fail(EX_SOFTWARE, "the link cannot be written", r);
    const char *link = (const char *)pst_secret_bytes(text);
    (void)printf("The practice is ready.\n\n"
                 "Ledger key, for everybody who checks the record:\n  %s\n\n"
                 "The first administrator enrols with this link, within 72 hours.\n"
                 "It is shown once. Whoever has it becomes the administrator.\n  %s\n",
                 pst_buf_str(&init->verifier), link);
    if (isatty(STDOUT_FILENO) != 0 && pst_qr_print(stdout, link) != PST_OK)
        return EX_IOERR;
    return fflush(stdout) == 0 ? EX_OK : EX_IOERR;
}

static int init_run(struct init *init, const char *config_path, const char *records_key)
{
    static int (*const steps[])(struct init *) = {vault_open, store_make, practice_make};
    if (strlen(init->name) == 0 || strlen(init->name) > PST_NAME_MAX_BYTES)
        return fail(EX_DATAERR, "the name", PST_ERR_INVALID);
    enum pst_err r = records_parse(records_key, &init->records);
    if (r != PST_OK)
        return fail(EX_DATAERR, "the records key (age1...)", r);
    /* Certificates may come later; what init makes cannot be there yet. */
    if (pst_role_config_read(config_path, /* files= */ false, &init->config) != PST_OK)
        return EX_CONFIG;
    r = pst_role_folders_make(init->config);
    if (r != PST_OK)
        return fail(EX_CANTCREAT, "the data folder cannot be made", r);
    for (size_t i = 0; i < sizeof steps / sizeof steps[0]; i++) {
        int status = steps[i](init);
        if (status != EX_OK)
            return status;
    }
    return say(init);
}

int pst_init_run(const char *config_path, const char *records_key, const char *name)
{
    struct init init = {
        .name = name == NULL ? "Administrator" : name,
        .now_ms = pst_clock_now(NULL),
        .record = {.max = PST_RECORD_MAX_BYTES},
        .record_enc = {.max = PST_RECORD_MAX_BYTES},
        .verifier = {.max = PST_LEDGER_KEY_TEXT_MAX},
    };
    int status = init_run(&init, config_path, records_key);
    init_free(&init);
    return status;
}
