#include <sodium.h>
#include <string.h>
#include <sysexits.h>

#include "client/cli/message.h"
#include "client/cli/pins.h"
#include "client/cli/self.h"
#include "client/cli/wire.h"
#include "postern/age.h"
#include "postern/cleanup.h"

/* A verified key of the thread. */
struct key {
    struct pst_key_id id;
    struct pst_age_recipient recipient;
};

struct keys {
    struct key items[PST_ENVELOPE_KEYS_MAX];
    size_t count;
    size_t records; /* how many are the records key: one it must be */
};

void pst_outgoing_free(struct pst_outgoing *out)
{
    for (size_t i = 0; i < out->files_count; i++) {
        if (out->contents[i].len > 0)
            sodium_memzero(out->contents[i].bytes, out->contents[i].len);
        pst_buf_free(&out->contents[i]);
    }
    if (out->text.len > 0)
        sodium_memzero(out->text.bytes, out->text.len);
    pst_buf_free(&out->text);
}

static void path_of(char *path, size_t size, const struct pst_uuid *thread, const char *format)
{
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(thread, id);
    snprintf(path, size, "/v1/threads/%s%s", id, format);
}

enum pst_err pst_message_admission(struct pst_cli *cli, const struct pst_uuid *thread,
                                   int64_t images)
{
    char path[128];
    char query[64];
    PST_JSON json_t *answer = NULL;
    snprintf(query, sizeof query, "/admission?images=%lld", (long long)images);
    path_of(path, sizeof path, thread, query);
    enum pst_err err = pst_net_json(cli, "GET", path, NULL, &answer);
    if (err != PST_OK || json_is_true(json_object_get(answer, "admitted")))
        return err;
    /* The answer has all of a refusal but its type: the same words then. */
    char type[96];
    snprintf(type, sizeof type, "urn:postern:refusal:%s", pst_wire_get(answer, "code"));
    (void)json_object_set_new(answer, "type", json_string(type));
    return pst_net_problem(cli, 403, answer);
}

/* ---- keys ---- */

static const struct pst_record *certified_key(const struct pst_cli *cli, const json_t *item,
                                              const struct pst_key_id *id, int64_t now_ms)
{
    const struct pst_chain *chain = cli->self->chain;
    const char *kind = pst_wire_get(item, "kind");
    struct pst_uuid owner;
    bool owned = pst_wire_get_uuid(item, "owner", &owner) == PST_OK;
    const struct pst_record *record = NULL;
    if (strcmp(kind, "records") == 0) {
        record = pst_chain_records_at(chain, now_ms);
        return record != NULL && pst_key_id_equal(&pst_record_records_key(record)->recipient_id, id)
                   ? record
                   : NULL;
    }
    if (strcmp(kind, "team") == 0 && owned) {
        record = pst_chain_roster_at(chain, &owner, now_ms);
        return record != NULL && pst_key_id_equal(&pst_record_roster(record)->recipient_id, id)
                   ? record
                   : NULL;
    }
    if (owned)
        record = pst_chain_statement_at(chain, &owner, now_ms);
    return record != NULL && pst_key_id_equal(&pst_record_statement(record)->recipient_id, id)
               ? record
               : NULL;
}

static const char *name_of(const struct pst_record *record)
{
    if (pst_record_statement(record) != NULL)
        return pst_record_statement(record)->name;
    return pst_record_roster(record) != NULL ? pst_record_roster(record)->name
                                             : "the practice's records";
}

static enum pst_err take_key(struct pst_cli *cli, const json_t *item, struct keys *keys)
{
    struct key *key = &keys->items[keys->count];
    const char *recipient = pst_wire_get(item, "recipient");
    enum pst_err err = pst_age_recipient_parse(pst_bytes_str(recipient), &key->recipient);
    if (err == PST_OK)
        err = pst_key_id_of(key->recipient.bytes, &key->id);
    if (err != PST_OK)
        return pst_wire_unexpected(cli, "key");
    const struct pst_record *record = certified_key(cli, item, &key->id, pst_net_now_ms(cli));
    bool records = strcmp(pst_wire_get(item, "kind"), "records") == 0;
    if (record == NULL && records)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "The records key is not signed by the practice's root yet. Nothing was "
                            "sent. An administrator does that once: postern admin records-key.");
    if (record == NULL)
        return pst_cli_fail(cli, PST_ERR_CHAIN,
                            "WARNING: a key that the server shows for this conversation is not "
                            "certified by the practice. Nothing was sent. Tell the administrator.");
    err = pst_pins_see(cli, record, name_of(record));
    keys->records += records;
    keys->count++;
    return err;
}

static int by_text(const void *a, const void *b)
{
    return pst_key_id_compare_text(&((const struct key *)a)->id, &((const struct key *)b)->id);
}

static bool has_owner(const json_t *list, const char *owner)
{
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        if (strcmp(pst_wire_get(item, "owner"), owner) == 0)
            return true;
    }
    return false;
}

/* Every member has a key among those given: the server cannot leave one out. */
static enum pst_err check_members(struct pst_cli *cli, const json_t *thread, const json_t *list)
{
    size_t i;
    json_t *member;
    json_array_foreach(json_object_get(thread, "members"), i, member)
    {
        if (!has_owner(list, pst_wire_get(member, "id")))
            return pst_cli_fail(cli, PST_ERR_CHAIN,
                                "The server shows no key of a member of this conversation. Nothing "
                                "was sent. Try again, or tell the administrator.");
    }
    return PST_OK;
}

static enum pst_err fetch_keys(struct pst_cli *cli, const struct pst_uuid *thread_id,
                               const json_t *thread, int64_t images, struct keys *keys)
{
    char path[128];
    char query[64];
    PST_JSON json_t *answer = NULL;
    snprintf(query, sizeof query, "/keys?images=%lld", (long long)images);
    path_of(path, sizeof path, thread_id, query);
    enum pst_err err = pst_net_json(cli, "GET", path, NULL, &answer);
    if (err == PST_OK)
        err = pst_self_chain(cli, json_object_get(answer, "statements"));
    if (err != PST_OK)
        return err;
    const json_t *list = json_object_get(answer, "keys");
    if (json_array_size(list) == 0 || json_array_size(list) > PST_ENVELOPE_KEYS_MAX)
        return pst_wire_unexpected(cli, "keys");
    size_t i;
    json_t *item;
    json_array_foreach(list, i, item)
    {
        err = take_key(cli, item, keys);
        if (err != PST_OK)
            return err;
    }
    if (keys->records != 1)
        return pst_wire_unexpected(cli, "records key");
    qsort(keys->items, keys->count, sizeof keys->items[0], by_text);
    return check_members(cli, thread, list);
}

/* ---- sealing ---- */

/* Those of the thread but the one who is written for: oneself, or else one's team. */
static enum pst_err set_to(struct pst_cli *cli, const json_t *thread,
                           struct pst_envelope_header *header)
{
    char self[PST_UUID_TEXT_SIZE];
    const char *without = self;
    size_t i;
    json_t *member;
    bool member_self = false;
    pst_uuid_format(&cli->self->person, self);
    json_array_foreach(json_object_get(thread, "members"), i, member) member_self =
        member_self || strcmp(pst_wire_get(member, "id"), self) == 0;
    if (!member_self)
        without = pst_wire_get(thread, "team");
    json_array_foreach(json_object_get(thread, "members"), i, member)
    {
        if (strcmp(pst_wire_get(member, "id"), without) == 0)
            continue;
        if (header->to_count == PST_ENVELOPE_TO_MAX ||
            pst_wire_get_uuid(member, "id", &header->to[header->to_count]) != PST_OK)
            return pst_wire_unexpected(cli, "thread");
        header->to_count++;
    }
    if (header->to_count == 0)
        return pst_cli_fail(cli, PST_ERR_NOT_FOUND, "There is nobody else in this conversation.");
    return PST_OK;
}

static void set_header(struct pst_cli *cli, const struct pst_outgoing *out, const struct keys *keys,
                       struct pst_envelope_header *header)
{
    snprintf(header->origin, sizeof header->origin, "%s", cli->self->origin);
    pst_self_new_id(cli, &header->id);
    header->thread = out->thread;
    header->from = cli->self->person;
    header->sent_ms = pst_net_now_ms(cli);
    header->category = out->category;
    header->attachments = (int64_t)out->files_count;
    header->images = out->images;
    header->replyto = out->replyto;
    header->has_replyto = out->has_replyto;
    header->via = out->via;
    header->keys_count = keys->count;
    for (size_t i = 0; i < keys->count; i++)
        header->keys[i] = keys->items[i].id;
    pst_envelope_header_sort(header);
}

static enum pst_err compose(struct pst_cli *cli, const struct pst_outgoing *out,
                            const struct pst_envelope_header *header, struct pst_buf *plain)
{
    struct pst_mime_draft draft = {.subject = out->subject,
                                   .text = pst_buf_str(&out->text),
                                   .files = out->files,
                                   .files_count = out->files_count};
    enum pst_err err = pst_mime_compose(&draft, header, plain);
    if (err == PST_ERR_TOO_LONG)
        return pst_cli_fail_exit(cli, EX_NOPERM, err,
                                 "This is too large: 25 MiB of files at most. Nothing was sent.");
    if (err == PST_ERR_SYNTAX)
        return pst_cli_fail(cli, err, "The subject is too long, or text is not UTF-8.");
    return err;
}

static enum pst_err seal(const struct keys *keys, const struct pst_buf *plain, struct pst_buf *file)
{
    struct pst_age_recipient recipients[PST_ENVELOPE_KEYS_MAX];
    for (size_t i = 0; i < keys->count; i++)
        recipients[i] = keys->items[i].recipient;
    struct pst_age_sealing sealing = {.recipients = recipients, .recipient_count = keys->count};
    return pst_age_seal_buf(&sealing, pst_buf_bytes(plain), file, NULL);
}

static enum pst_err make_envelope(struct pst_cli *cli, const struct pst_outgoing *out,
                                  const json_t *thread, const struct keys *keys,
                                  struct pst_envelope_header *header, struct pst_buf *envelope)
{
    PST_BUF struct pst_buf plain = {.max = PST_MIME_MAX_BYTES};
    PST_BUF struct pst_buf file = {.max = (size_t)PST_ENVELOPE_MAX_BYTES};
    enum pst_err err = set_to(cli, thread, header);
    if (err != PST_OK)
        return err;
    set_header(cli, out, keys, header);
    err = compose(cli, out, header, &plain);
    if (err == PST_OK)
        err = seal(keys, &plain, &file);
    if (plain.len > 0)
        sodium_memzero(plain.bytes, plain.len);
    if (err == PST_OK)
        err = pst_sha256(pst_buf_bytes(&file), &header->sha256);
    header->size = file.len;
    if (err == PST_OK)
        err = pst_envelope_sign(header, cli->self->signer, envelope);
    return err == PST_OK ? pst_buf_append_bytes(envelope, pst_buf_bytes(&file)) : err;
}

enum pst_err pst_message_send(struct pst_cli *cli, const struct pst_outgoing *out,
                              json_t **ret_accepted)
{
    char path[128];
    PST_JSON json_t *thread = NULL;
    struct keys keys = {0};
    struct pst_envelope_header *header = calloc(1, sizeof *header);
    PST_BUF struct pst_buf envelope = {.max = (size_t)PST_ENVELOPE_MAX_BYTES};
    enum pst_err err = header != NULL ? pst_self_ring(cli) : PST_ERR_NOMEM;
    path_of(path, sizeof path, &out->thread, "");
    if (err == PST_OK)
        err = pst_net_json(cli, "GET", path, NULL, &thread);
    if (err == PST_OK)
        err = fetch_keys(cli, &out->thread, thread, out->images, &keys);
    if (err == PST_OK)
        err = make_envelope(cli, out, thread, &keys, header, &envelope);
    free(header);
    if (err != PST_OK)
        return err;
    path_of(path, sizeof path, &out->thread, "/messages");
    struct pst_net_request request = {.method = "POST",
                                      .path = path,
                                      .bytes = pst_buf_bytes(&envelope),
                                      .content_type = PST_ENVELOPE_MEDIA_TYPE,
                                      .doing = "Sending"};
    PST_NET_ANSWER struct pst_net_answer answer = {0};
    err = pst_net_send(cli, &request, &answer);
    if (err == PST_OK)
        *ret_accepted = json_incref(answer.json);
    return err;
}
