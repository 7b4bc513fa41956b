#include <string.h>

#include "server/config/config.h"
#include "server/handover/handover.h"
#include "server/policy/policy.h"

struct look {
    const struct pst_config *config;
    const struct pst_policy_question *question;
    struct pst_uuid message; /* a new one */
    struct pst_admit_result result;
};

/* A head as the clients write it, sealed to exactly those who were found. */
static void head_make(const struct look *look, struct pst_envelope_head *ret_head)
{
    const struct pst_policy_question *question = look->question;
    const struct pst_admit_result *found = &look->result;
    struct pst_envelope_header *header = &ret_head->header;
    memset(ret_head, 0, sizeof *ret_head);
    header->id = look->message;
    header->thread = question->thread;
    header->from = question->person;
    header->sent_ms = question->now_ms;
    header->images = question->images;
    header->attachments =
        question->attachments < question->images ? question->images : question->attachments;
    header->has_replyto = question->has_replyto;
    header->replyto = question->replyto;
    header->size = question->size_bytes;
    for (size_t i = 0; i < found->key_ids_count && i < PST_ENVELOPE_KEYS_MAX; i++)
        header->keys[header->keys_count++] = found->key_ids[i];
    for (size_t i = 0; i < found->to_count && i < PST_ENVELOPE_TO_MAX; i++)
        header->to[header->to_count++] = found->to[i];
    ret_head->signer = found->thread.sign_key;
}

/* First who the recipients are, then the message that is sealed to them. */
static enum pst_err look_run(struct pst_tx *tx, void *ctx)
{
    struct look *look = ctx;
    const struct pst_policy_question *question = look->question;
    struct pst_envelope_head head;
    struct pst_request request = {
        .config = look->config,
        .now_ms = question->now_ms,
        .caller = {.signed_in = true, .person = question->person},
    };
    struct pst_admit_ask ask = {.mode = PST_ADMIT_THREAD, .thread = question->thread};
    enum pst_err r = pst_admit_thread(tx, &request, &ask, &look->result);
    if (r != PST_OK)
        return r;
    head_make(look, &head);
    ask.mode = PST_ADMIT_MESSAGE;
    ask.head = &head;
    ask.size_bytes = question->size_bytes;
    ask.seal = PST_ADMIT_SEAL_WHOLE;
    ask.signature = PST_ADMIT_SIGNATURE_GOOD;
    return pst_admit_thread(tx, &request, &ask, &look->result);
}

/* Of a thread that is not there for this person nothing more was read. */
static void forget_unread(struct pst_policy_answer *answer)
{
    if (answer->result.facts.sight == PST_ADMIT_SEEN)
        return;
    for (int i = PST_REFUSAL_NOT_PERMITTED + 1; i < PST_REFUSAL_UNAVAILABLE; i++)
        answer->lines[i].outcome = PST_POLICY_NOT_TRIED;
}

enum pst_err pst_policy_try(struct pst_store *store, const struct pst_config *config,
                            const struct pst_policy_question *question,
                            struct pst_policy_answer *ret_answer)
{
    struct look look = {.config = config, .question = question};
    pst_uuid_v7(question->now_ms, NULL, &look.message);
    enum pst_err r = pst_store_read(store, look_run, &look);
    if (r != PST_OK)
        return r;
    struct pst_admit_result *result = &look.result;
    result->exchange.tls_version = PST_TLS_1_3;
    result->exchange.tls_aead = true;
    result->verdict = pst_admit(&result->exchange, &result->facts);
    ret_answer->result = *result;
    ret_answer->messages_per_minute = config->limits.messages_per_minute;
    pst_policy_explain(&result->exchange, &result->facts, ret_answer->lines);
    forget_unread(ret_answer);
    return PST_OK;
}
