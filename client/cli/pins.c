#include "client/cli/pins.h"

#include <string.h>

#include "client/cli/self.h"
#include "client/cli/state.h"
#include "postern/fingerprint.h"
#include "postern/time.h"

void pst_pins_fingerprint(const struct pst_record *record, char *ret_text)
{
    const struct pst_statement *statement = pst_record_statement(record);
    const struct pst_roster *roster = pst_record_roster(record);
    const struct pst_records_key *records = pst_record_records_key(record);
    const uint8_t *key = statement != NULL ? statement->recipient_key
                         : roster != NULL  ? roster->recipient_key
                                           : records->recipient_key;
    pst_fingerprint(statement != NULL ? &statement->sign : NULL, key, ret_text);
}

static void read_pin(const struct pst_record *record, struct pst_pin *ret_pin)
{
    const struct pst_statement *statement = pst_record_statement(record);
    const struct pst_roster *roster = pst_record_roster(record);
    *ret_pin = (struct pst_pin){.hash = *pst_record_hash(record)};
    if (statement != NULL) {
        ret_pin->id = statement->person;
        ret_pin->serial = statement->serial;
    } else if (roster != NULL) {
        ret_pin->id = roster->team;
        ret_pin->serial = roster->serial;
    } else {
        /* The records key is nobody's and a practice has one: the nil id. */
        ret_pin->serial = pst_record_records_key(record)->serial;
    }
}

/* Who signed the invitation behind a statement, by name; NULL when it cannot be told. */
static const char *certifier_of(const struct pst_cli *cli, const struct pst_record *record)
{
    const struct pst_statement *statement = pst_record_statement(record);
    const struct pst_chain *chain = cli->self->chain;
    for (size_t i = 0; statement->has_invitation && i < pst_chain_count(chain); i++) {
        const struct pst_record *invitation = pst_chain_record(chain, i);
        if (pst_record_invitation(invitation) == NULL ||
            !pst_sha256_equal(pst_record_hash(invitation), &statement->invitation))
            continue;
        for (size_t k = 0; k < pst_record_signature_count(invitation); k++) {
            const struct pst_record *by = pst_chain_statement_by_key(
                chain, pst_record_signature_key(invitation, k), pst_record_at_ms(invitation));
            if (by != NULL)
                return pst_record_statement(by)->name;
        }
    }
    return NULL;
}

static enum pst_err say_invited_anew(struct pst_cli *cli, const struct pst_record *record,
                                     const char *name)
{
    char fingerprint[PST_FINGERPRINT_TEXT_SIZE];
    char at[PST_TIME_TEXT_SIZE];
    const char *by = certifier_of(cli, record);
    pst_pins_fingerprint(record, fingerprint);
    pst_time_format(pst_record_at_ms(record), at);
    pst_cli_note(cli,
                 "The keys of %s are new since %.10s, certified by %s.\n"
                 "  Fingerprint now: %s",
                 name, at, by != NULL ? by : "the practice's root", fingerprint);
    if (pst_cli_has(cli, "accept-changed-key"))
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_CHAIN,
                        "Nothing was sealed to the new keys. Ask %s by telephone or in person "
                        "whether they enrolled again; if so, use --accept-changed-key.",
                        name);
}

static enum pst_err say_changed(struct pst_cli *cli, const struct pst_record *record,
                                const struct pst_pin *old, const struct pst_pin *new,
                                const char *name)
{
    if (new->serial < old->serial ||
        (new->serial == old->serial && !pst_sha256_equal(&new->hash, &old->hash)))
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "WARNING: the server shows an older or a second key of %s than the "
                            "one seen before. Nothing was sealed to it. Tell the practice's "
                            "administrator.",
                            name);
    const struct pst_statement *statement = pst_record_statement(record);
    if (statement != NULL && statement->has_invitation)
        return say_invited_anew(cli, record, name);
    const char *by = statement != NULL                   ? "their own earlier key"
                     : pst_record_roster(record) != NULL ? "one of its members"
                                                         : "the practice's root";
    pst_cli_note(cli, "The keys of %s changed, signed by %s.", name, by);
    return PST_OK;
}

enum pst_err pst_pins_see(struct pst_cli *cli, const struct pst_record *record, const char *name)
{
    struct pst_pin pin;
    read_pin(record, &pin);
    const struct pst_pin *old = pst_keyring_pin(cli->self->ring, &pin.id);
    if (old != NULL && old->serial == pin.serial && pst_sha256_equal(&old->hash, &pin.hash))
        return PST_OK;
    enum pst_err err = PST_OK;
    if (old != NULL)
        err = say_changed(cli, record, old, &pin, name);
    if (err == PST_OK)
        err = pst_keyring_pin_set(cli->self->ring, &pin);
    if (err == PST_OK)
        cli->self->ring_changed = true;
    return err;
}

/* Every certified statement of the chain is pinned, or may be. */
static enum pst_err check_known(struct pst_cli *cli, bool new_device)
{
    const struct pst_self *self = cli->self;
    for (size_t i = 0; i < pst_chain_count(self->chain); i++) {
        const struct pst_record *record = pst_chain_record(self->chain, i);
        const struct pst_statement *statement = pst_record_statement(record);
        if (statement == NULL || pst_chain_reason(self->chain, i) != PST_CHAIN_CERTIFIED)
            continue;
        if (new_device && pst_keyring_pin(self->ring, &statement->person) == NULL)
            return pst_cli_fail(cli, PST_ERR_CHAIN,
                                "WARNING: the server shows people who certified you whom your key "
                                "ring does not know. You were not signed in. Call the practice.");
    }
    return PST_OK;
}

/* Is one of the ring's signing keys the one with this id? */
static bool holds_key(const struct pst_keyring *ring, const struct pst_key_id *id)
{
    for (size_t i = 0; i < ring->signing_count; i++) {
        struct pst_signer *signer = NULL;
        bool is = pst_signer_from_seed(ring->signing[i], &signer) == PST_OK &&
                  pst_key_id_equal(&signer->id, id);
        pst_signer_free(&signer);
        if (is)
            return true;
    }
    return false;
}

enum pst_err pst_pins_check_own_chain(struct pst_cli *cli)
{
    struct pst_self *self = cli->self;
    bool new_device = pst_state_get(cli, "root") == NULL;
    enum pst_err err = pst_self_fetch_person(cli, &self->person);
    if (err != PST_OK)
        return err;
    const struct pst_record *own =
        pst_chain_statement_at(self->chain, &self->person, pst_net_now_ms(cli));
    if (own == NULL)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "Your own keys are not certified up to the practice's root, or have "
                            "expired. Ask the practice for a new invitation.");
    if (!holds_key(self->ring, &pst_record_statement(own)->sign_id))
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "WARNING: the server shows keys of yours that you did not make. Call "
                            "the practice, and do not use this until they have explained it.");
    err = check_known(cli, new_device);
    if (err != PST_OK || !new_device)
        return err;
    char root[PST_KEY_ID_TEXT_SIZE];
    pst_key_id_format(&self->root_id, root);
    err = pst_state_set(cli, "root", root);
    if (err == PST_OK)
        err = pst_state_set(cli, "origin", self->origin);
    return err == PST_OK ? pst_state_save(cli) : err;
}
