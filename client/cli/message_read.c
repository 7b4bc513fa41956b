#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include "client/cli/message.h"
#include "client/cli/self.h"
#include "client/cli/team.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/cleanup.h"
#include "postern/grant.h"

/* One's own keys and those of all one's teams. */
#define IDENTITIES_MAX (PST_KEYRING_KEYS_MAX + PST_SELF_TEAM_KEYS_MAX)

static void wipe(struct pst_buf *buf)
{
    if (buf->len > 0)
        sodium_memzero(buf->bytes, buf->len);
    pst_buf_free(buf);
}

void pst_incoming_free(struct pst_incoming *message)
{
    pst_buf_free(&message->envelope);
    wipe(&message->plain);
    pst_mime_message_free(&message->mime);
}

/* The first flaw counts; later checks may fail because of it. */
static void set_flaw(struct pst_incoming *m, enum pst_message_flaw flaw, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

static void set_flaw(struct pst_incoming *m, enum pst_message_flaw flaw, const char *format, ...)
{
    if (m->flaw != PST_MESSAGE_GENUINE)
        return;
    va_list args;
    va_start(args, format);
    vsnprintf(m->why, sizeof m->why, format, args);
    va_end(args);
    m->flaw = flaw;
}

static enum pst_err get(struct pst_cli *cli, const struct pst_uuid *id, const char *what,
                        const char *doing, struct pst_net_answer *answer)
{
    char text[PST_UUID_TEXT_SIZE];
    char path[128];
    pst_uuid_format(id, text);
    snprintf(path, sizeof path, "/v1/messages/%s%s", text, what);
    struct pst_net_request request = {
        .path = path, .doing = doing, .max_bytes = (size_t)PST_ENVELOPE_MAX_BYTES + 1024};
    return pst_net_send(cli, &request, answer);
}

/* Grammar, sizes and hash of the whole envelope, as the gateway checks them. */
static void check_sealed(struct pst_incoming *m)
{
    struct pst_envelope_check *check = NULL;
    struct pst_envelope_facts facts;
    enum pst_envelope_flaw flaw = PST_ENVELOPE_FAILED;
    if (pst_envelope_check_new(&check) == PST_OK) {
        flaw = pst_envelope_check_update(check, pst_buf_bytes(&m->envelope));
        if (flaw == PST_ENVELOPE_OK)
            flaw = pst_envelope_check_finish(check, &facts);
    }
    pst_envelope_check_free(&check);
    if (flaw != PST_ENVELOPE_OK)
        set_flaw(m, PST_MESSAGE_SIGNATURE, "It is not as it was signed: %s.",
                 pst_envelope_flaw_text(flaw));
}

/* Signed by whom it says, with a key of theirs that held at that time. */
static void check_signature(const struct pst_cli *cli, struct pst_incoming *m)
{
    const struct pst_envelope_header *h = &m->head.header;
    const struct pst_record *record =
        pst_chain_statement_by_key(cli->self->chain, &m->head.signer, h->sent_ms);
    if (record == NULL) {
        set_flaw(m, PST_MESSAGE_SIGNATURE,
                 "It is signed by a key that the practice did not certify for that time.");
        return;
    }
    const struct pst_statement *s = pst_record_statement(record);
    bool own = pst_uuid_equal(&s->person, &h->from);
    bool edge = (s->roles & PST_ROLE_EDGE) != 0;
    bool may = h->via == PST_VIA_NONE ? own : h->via == PST_VIA_REDIRECT ? own || edge : edge;
    if (!may)
        set_flaw(m, PST_MESSAGE_SIGNATURE, "It is signed by somebody else than its sender.");
    else if (pst_envelope_verify(&m->head, pst_buf_bytes(&m->envelope), &s->sign) != PST_OK)
        set_flaw(m, PST_MESSAGE_SIGNATURE, "Its signature does not verify.");
    const struct pst_record *sender =
        pst_chain_statement_at(cli->self->chain, &h->from, h->sent_ms);
    if (sender != NULL)
        snprintf(m->sender, sizeof m->sender, "%s", pst_record_statement(sender)->name);
}

static void check_place(const struct pst_cli *cli, const struct pst_uuid *id,
                        struct pst_incoming *m)
{
    const struct pst_envelope_header *h = &m->head.header;
    if (!pst_uuid_equal(&h->id, id))
        set_flaw(m, PST_MESSAGE_HEADERS, "The server gave another message than was asked for.");
    if (strcmp(h->origin, cli->self->origin) != 0)
        set_flaw(m, PST_MESSAGE_HEADERS, "It was written for another practice.");
}

/* ---- opening ---- */

/* All borrowed. */
struct identities {
    struct pst_secret *items[IDENTITIES_MAX];
    size_t count;
};

static void own_identities(const struct pst_cli *cli, struct identities *ids)
{
    const struct pst_keyring *ring = cli->self->ring;
    for (size_t i = 0; i < ring->identities_count; i++)
        ids->items[ids->count++] = ring->identities[i];
}

static enum pst_err team_identities(struct pst_cli *cli, struct identities *ids)
{
    enum pst_err err = pst_team_identities_all(cli);
    for (size_t i = 0; err == PST_OK && i < cli->self->team_identities_count; i++)
        ids->items[ids->count++] = cli->self->team_identities[i];
    return err;
}

static struct pst_bytes age_file(const struct pst_incoming *m)
{
    struct pst_bytes all = pst_buf_bytes(&m->envelope);
    return pst_bytes(all.ptr + m->head.len, all.len - m->head.len);
}

static enum pst_err try_open(const struct identities *ids, struct pst_incoming *m,
                             struct pst_secret **ret_file_key)
{
    struct pst_age_keys keys = {.identities = ids->items, .identity_count = ids->count};
    return pst_age_open_buf(&keys, age_file(m), &m->plain, ret_file_key);
}

/* Is one of these among the keys that the message says it is sealed to? */
static bool is_named(const struct identities *ids, const struct pst_envelope_header *h)
{
    for (size_t i = 0; i < ids->count; i++) {
        struct pst_age_recipient recipient;
        struct pst_key_id id;
        if (pst_age_identity_recipient(ids->items[i], &recipient) != PST_OK ||
            pst_key_id_of(recipient.bytes, &id) != PST_OK)
            continue;
        for (size_t k = 0; k < h->keys_count; k++)
            if (pst_key_id_equal(&id, &h->keys[k]))
                return true;
    }
    return false;
}

static void set_granter(const struct pst_cli *cli, struct pst_incoming *m,
                        const struct pst_uuid *granter, int64_t at_ms)
{
    const struct pst_record *by = pst_chain_statement_at(cli->self->chain, granter, at_ms);
    snprintf(m->granter, sizeof m->granter, "%s", pst_record_statement(by)->name);
    m->granted_ms = at_ms;
}

/* Each in turn until one opens; what was wrong with the last that did not is kept. */
static enum pst_grant_flaw try_grants(const struct pst_cli *cli, const struct identities *ids,
                                      const json_t *list, struct pst_incoming *m,
                                      struct pst_secret **ret_file_key)
{
    struct pst_grant_reading reading = {.chain = cli->self->chain,
                                        .origin = cli->self->origin,
                                        .header = &m->head.header,
                                        .file = age_file(m),
                                        .identities = ids->items,
                                        .identity_count = ids->count};
    enum pst_grant_flaw flaw = PST_GRANT_KIND;
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        struct pst_uuid granter;
        int64_t at_ms = 0;
        struct pst_bytes text =
            pst_bytes((const uint8_t *)json_string_value(item), json_string_length(item));
        flaw = pst_grant_open(text, &reading, ret_file_key, &granter, &at_ms);
        if (flaw == PST_GRANT_OK) {
            set_granter(cli, m, &granter, at_ms);
            break;
        }
    }
    return flaw;
}

static enum pst_err open_granted(struct pst_incoming *m, const struct pst_secret *file_key)
{
    struct pst_age_keys keys = {.file_key = file_key};
    return pst_age_open_buf(&keys, age_file(m), &m->plain, NULL);
}

/*
 * The file key out of a grant to one of these keys. PST_ERR_NO_KEY when there
 * is none; a grant that is not right is a flaw, since somebody made it so.
 */
static enum pst_err open_by_grant(struct pst_cli *cli, const struct identities *ids,
                                  struct pst_incoming *m, struct pst_secret **ret_file_key)
{
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = get(cli, &m->head.header.id, "/grants", NULL, &answer);
    if (err == PST_OK)
        err = pst_self_chain(cli, json_object_get(answer.json, "statements"));
    if (err != PST_OK)
        return err;
    const json_t *list = json_object_get(answer.json, "grants");
    bool damaged = json_integer_value(json_object_get(answer.json, "damaged")) > 0;
    if (json_array_size(list) == 0 && !damaged)
        return PST_ERR_NO_KEY;
    enum pst_grant_flaw flaw = try_grants(cli, ids, list, m, ret_file_key);
    if (flaw == PST_GRANT_FAILED)
        return PST_ERR_NOMEM;
    if (flaw == PST_GRANT_OK)
        return open_granted(m, *ret_file_key);
    set_flaw(m, PST_MESSAGE_STANZA, "It was given to you by a grant that is refused: %s.",
             json_array_size(list) == 0 ? "it was changed where it is stored"
                                        : pst_grant_flaw_text(flaw));
    return PST_ERR_CRYPTO;
}

/* A key that is named and opens nothing is the sender's doing, and no PST_ERR_NO_KEY. */
static enum pst_err open_it(struct pst_cli *cli, struct pst_incoming *m,
                            struct pst_secret **ret_file_key)
{
    struct identities ids = {0};
    own_identities(cli, &ids);
    enum pst_err err = try_open(&ids, m, ret_file_key);
    if (err == PST_ERR_NO_KEY) {
        err = team_identities(cli, &ids);
        if (err == PST_OK)
            err = try_open(&ids, m, ret_file_key);
    }
    if (err == PST_ERR_NO_KEY && is_named(&ids, &m->head.header)) {
        set_flaw(m, PST_MESSAGE_STANZA, "It says that it is sealed to you, and is not.");
        return PST_ERR_CRYPTO;
    }
    return err == PST_ERR_NO_KEY ? open_by_grant(cli, &ids, m, ret_file_key) : err;
}

/* The public key of an id, when the chain has it. */
static bool chain_recipient(const struct pst_cli *cli, const struct pst_key_id *id,
                            struct pst_age_recipient *ret_recipient)
{
    const struct pst_chain *chain = cli->self->chain;
    const struct pst_record *record = pst_chain_statement_by_recipient(chain, id);
    const uint8_t *key = NULL;
    if (record != NULL)
        key = pst_record_statement(record)->recipient_key;
    else if ((record = pst_chain_roster_by_recipient(chain, id)) != NULL)
        key = pst_record_roster(record)->recipient_key;
    else if ((record = pst_chain_records_by_recipient(chain, id)) != NULL)
        key = pst_record_records_key(record)->recipient_key;
    if (key != NULL)
        memcpy(ret_recipient->bytes, key, sizeof ret_recipient->bytes);
    return key != NULL;
}

/* Does the chain know its sender and all its keys already? Then nothing is asked about them. */
static bool knows_all(const struct pst_cli *cli, const struct pst_envelope_head *head)
{
    const struct pst_envelope_header *h = &head->header;
    struct pst_age_recipient recipient;
    if (cli->self->chain == NULL ||
        pst_chain_statement_by_key(cli->self->chain, &head->signer, h->sent_ms) == NULL)
        return false;
    for (size_t i = 0; i < h->keys_count; i++)
        if (!chain_recipient(cli, &h->keys[i], &recipient))
            return false;
    return true;
}

/* Recipients in the order of the header's keys, by the chain and the answer of /keys. */
static bool find_recipients(const struct pst_cli *cli, const struct pst_envelope_header *h,
                            const json_t *list, struct pst_age_recipient *ret_recipients)
{
    for (size_t i = 0; i < h->keys_count; i++) {
        bool found = chain_recipient(cli, &h->keys[i], &ret_recipients[i]);
        size_t k;
        json_t *item;
        json_array_foreach(list, k, item)
        {
            struct pst_key_id id;
            const char *text = pst_wire_get(item, "recipient");
            if (!found &&
                pst_age_recipient_parse(pst_bytes_str(text), &ret_recipients[i]) == PST_OK)
                found = pst_key_id_of(ret_recipients[i].bytes, &id) == PST_OK &&
                        pst_key_id_equal(&id, &h->keys[i]);
        }
        if (!found)
            return false;
    }
    return true;
}

/* Really sealed to each of its keys, the records key among them: each stanza made again. */
static void check_stanzas(struct pst_cli *cli, struct pst_incoming *m, const json_t *list,
                          const struct pst_secret *file_key)
{
    struct pst_age_recipient recipients[PST_ENVELOPE_KEYS_MAX];
    struct pst_bytes file = age_file(m);
    struct pst_age_header header;
    const struct pst_envelope_header *h = &m->head.header;
    if (!find_recipients(cli, h, list, recipients)) {
        set_flaw(m, PST_MESSAGE_STANZA, "It names keys that the server does not know.");
        return;
    }
    if (pst_age_header_inspect(file, &header) != PST_OK ||
        pst_age_header_check_stanzas(file, &header, file_key, recipients, h->keys_count) != PST_OK)
        set_flaw(m, PST_MESSAGE_STANZA,
                 "It is not really sealed to everybody whom it names: somebody who should be able "
                 "to read it cannot.");
    bool records = false;
    for (size_t i = 0; i < h->keys_count; i++)
        records = records || pst_chain_records_by_recipient(cli->self->chain, &h->keys[i]) != NULL;
    if (!records)
        set_flaw(m, PST_MESSAGE_STANZA, "It is not sealed to the practice's records key.");
}

static void check_inside(struct pst_incoming *m)
{
    if (pst_mime_parse(pst_buf_bytes(&m->plain), &m->mime) != PST_OK) {
        set_flaw(m, PST_MESSAGE_HEADERS, "What is inside is no well-formed message.");
        return;
    }
    const char *differs = pst_mime_mismatch(&m->mime, &m->head.header);
    if (differs != NULL)
        set_flaw(m, PST_MESSAGE_HEADERS,
                 "Inside it says something else than outside (%s): it may have been copied from "
                 "another conversation.",
                 differs);
}

static enum pst_err fetch_envelope(struct pst_cli *cli, const struct pst_uuid *id,
                                   struct pst_incoming *m)
{
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    enum pst_err err = get(cli, id, "", "Fetching", &answer);
    if (err != PST_OK)
        return err;
    m->envelope = answer.body;
    answer.body = (struct pst_buf){0};
    if (pst_envelope_head_parse(pst_buf_bytes(&m->envelope), &m->head) != PST_OK)
        return pst_cli_fail(cli, PST_ERR_SYNTAX,
                            "WARNING: what the server gave is no sealed message. Do not trust it; "
                            "call the practice.");
    return PST_OK;
}

enum pst_err pst_message_unseal(struct pst_cli *cli, const struct pst_uuid *id,
                                struct pst_incoming *m, struct pst_secret **ret_file_key)
{
    PST_NET_ANSWER struct pst_net_answer keys = {0};
    PST_SECRET struct pst_secret *file_key = NULL;
    pst_buf_init(&m->plain, (size_t)PST_ENVELOPE_MAX_BYTES);
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = fetch_envelope(cli, id, m);
    if (err == PST_OK && !knows_all(cli, &m->head)) {
        err = get(cli, id, "/keys", NULL, &keys);
        if (err == PST_OK)
            err = pst_self_chain(cli, json_object_get(keys.json, "statements"));
    }
    if (err != PST_OK)
        return err;
    check_sealed(m);
    check_place(cli, id, m);
    check_signature(cli, m);
    err = open_it(cli, m, &file_key);
    if (err == PST_ERR_NO_KEY)
        return err;
    if (pst_err_class(err) == PST_ERR_CLASS_TEMPORARY)
        return pst_cli_fail(cli, err, "The message could not be opened: %s.", pst_err_text(err));
    if (err != PST_OK && m->flaw == PST_MESSAGE_GENUINE)
        set_flaw(m, PST_MESSAGE_SIGNATURE, "It does not open: it was damaged or changed.");
    if (err != PST_OK)
        return PST_OK;
    check_stanzas(cli, m, json_object_get(keys.json, "keys"), file_key);
    check_inside(m);
    if (m->flaw == PST_MESSAGE_GENUINE) {
        *ret_file_key = file_key;
        file_key = NULL;
    }
    return PST_OK;
}

enum pst_err pst_message_fetch(struct pst_cli *cli, const struct pst_uuid *id,
                               struct pst_incoming *m)
{
    PST_SECRET struct pst_secret *file_key = NULL;
    enum pst_err err = pst_message_unseal(cli, id, m, &file_key);
    if (err != PST_ERR_NO_KEY)
        return err;
    return pst_cli_fail(cli, err,
                        "None of your keys opens this message. It was sealed before you joined, "
                        "or to earlier keys of yours; a member can give it to you: postern keys "
                        "grant.");
}

enum pst_err pst_message_acknowledge(struct pst_cli *cli, const struct pst_incoming *m)
{
    static const char *const words[PST_MESSAGE__MAX] = {[PST_MESSAGE_SIGNATURE] = "signature",
                                                        [PST_MESSAGE_STANZA] = "stanza",
                                                        [PST_MESSAGE_HEADERS] = "headers"};
    char id[PST_UUID_TEXT_SIZE];
    char path[128];
    PST_JSON json_t *body = NULL;
    pst_uuid_format(&m->head.header.id, id);
    snprintf(path, sizeof path, "/v1/messages/%s/receipts", id);
    if (m->flaw != PST_MESSAGE_GENUINE) {
        body = json_pack("{s:s}", "problem", words[m->flaw]);
    } else {
        struct pst_acknowledgement opened = {m->head.header.id, cli->self->person};
        PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
        enum pst_err err = pst_self_record(cli, PST_RECORD_OPENED, &opened, &record);
        if (err != PST_OK)
            return err;
        body = json_pack("{s:o}", "record", pst_wire_text(&record));
    }
    struct pst_net_request request = {.method = "POST", .path = path, .json = body, .quiet = true};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    return pst_net_send(cli, &request, &answer);
}
