#include <sodium.h>
#include <stdarg.h>
#include <string.h>

#include "client/cli/message.h"
#include "client/cli/self.h"
#include "client/cli/team.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/cleanup.h"

/* One's own keys and those of all one's teams. */
#define IDENTITIES_MAX 256

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

struct identities {
    struct pst_secret *items[IDENTITIES_MAX];
    size_t count;
    size_t owned_from; /* those from here on are ours to free */
};

static void free_identities(struct identities *ids)
{
    for (size_t i = ids->owned_from; i < ids->count; i++)
        pst_secret_free(&ids->items[i]);
}

static void own_identities(const struct pst_cli *cli, struct identities *ids)
{
    const struct pst_keyring *ring = cli->self->ring;
    for (size_t i = 0; i < ring->identities_count; i++)
        ids->items[ids->count++] = ring->identities[i];
    ids->owned_from = ids->count;
}

static enum pst_err team_identities(struct pst_cli *cli, struct identities *ids)
{
    size_t i;
    json_t *team;
    json_array_foreach(json_object_get(cli->self->me, "teams"), i, team)
    {
        struct pst_uuid id;
        if (pst_wire_get_uuid(team, "id", &id) != PST_OK)
            return pst_wire_unexpected(cli, "teams");
        enum pst_err err = pst_team_identities(cli, &id, ids->items, IDENTITIES_MAX, &ids->count);
        if (err != PST_OK)
            return err;
    }
    return PST_OK;
}

static enum pst_err try_open(const struct identities *ids, struct pst_incoming *m,
                             struct pst_secret **ret_file_key)
{
    struct pst_bytes all = pst_buf_bytes(&m->envelope);
    struct pst_age_keys keys = {.identities = ids->items, .identity_count = ids->count};
    return pst_age_open_buf(&keys, pst_bytes(all.ptr + m->head.len, all.len - m->head.len),
                            &m->plain, ret_file_key);
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
        err = PST_ERR_CRYPTO;
    }
    free_identities(&ids);
    return err;
}

/* Recipients in the order of the header's keys, by the answer of /keys. */
static bool find_recipients(const struct pst_envelope_header *h, const json_t *list,
                            struct pst_age_recipient *ret_recipients)
{
    for (size_t i = 0; i < h->keys_count; i++) {
        bool found = false;
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
    struct pst_bytes all = pst_buf_bytes(&m->envelope);
    struct pst_bytes file = pst_bytes(all.ptr + m->head.len, all.len - m->head.len);
    struct pst_age_header header;
    const struct pst_envelope_header *h = &m->head.header;
    if (!find_recipients(h, list, recipients)) {
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

enum pst_err pst_message_fetch(struct pst_cli *cli, const struct pst_uuid *id,
                               struct pst_incoming *m)
{
    PST_NET_ANSWER struct pst_net_answer keys = {0};
    PST_SECRET struct pst_secret *file_key = NULL;
    pst_buf_init(&m->plain, (size_t)PST_ENVELOPE_MAX_BYTES);
    enum pst_err err = pst_self_ring(cli);
    if (err == PST_OK)
        err = fetch_envelope(cli, id, m);
    if (err == PST_OK)
        err = get(cli, id, "/keys", NULL, &keys);
    if (err == PST_OK)
        err = pst_self_chain(cli, json_object_get(keys.json, "statements"));
    if (err != PST_OK)
        return err;
    check_sealed(m);
    check_place(cli, id, m);
    check_signature(cli, m);
    err = open_it(cli, m, &file_key);
    if (err == PST_ERR_NO_KEY)
        return pst_cli_fail(cli, err,
                            "None of your keys opens this message. It was sealed before you "
                            "joined, or to earlier keys of yours; a member can grant it to you.");
    if (pst_err_class(err) == PST_ERR_CLASS_TEMPORARY)
        return pst_cli_fail(cli, err, "The message could not be opened: %s.", pst_err_text(err));
    if (err != PST_OK && m->flaw == PST_MESSAGE_GENUINE)
        set_flaw(m, PST_MESSAGE_SIGNATURE, "It does not open: it was damaged or changed.");
    if (err != PST_OK)
        return PST_OK;
    check_stanzas(cli, m, json_object_get(keys.json, "keys"), file_key);
    check_inside(m);
    return PST_OK;
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
