/* consent terms, record, show, withdraw. */
#include <sodium.h>
#include <string.h>

#include "client/cli/ask.h"
#include "client/cli/commands.h"
#include "client/cli/fields.h"
#include "client/cli/self.h"
#include "client/cli/state.h"
#include "client/cli/wire.h"
#include "postern/cleanup.h"
#include "postern/time.h"

#define PURPOSE_MAX_BYTES 400
#define MEASURES_LINE_MAX_BYTES 2048

static enum pst_err fetch_terms(struct pst_cli *cli, const char *language, json_t **ret_list)
{
    char path[64];
    snprintf(path, sizeof path, "/v1/terms%s%.8s", language != NULL ? "?language=" : "",
             language != NULL ? language : "");
    return pst_net_list(cli, path, 0, ret_list);
}

static void print_terms(struct pst_cli *cli, const json_t *terms)
{
    fprintf(cli->out, "%s, version %" JSON_INTEGER_FORMAT ", %s, from %.10s\n\n",
            pst_wire_get(terms, "id"), json_integer_value(json_object_get(terms, "version")),
            pst_wire_get(terms, "language"), pst_wire_get(terms, "effective"));
    pst_cli_write_safe(cli->out, pst_wire_get(terms, "text"), true);
    fputs("\n", cli->out);
}

enum pst_err pst_cmd_consent_terms(struct pst_cli *cli)
{
    PST_JSON json_t *list = NULL;
    enum pst_err err = pst_self_open(cli);
    if (err == PST_OK)
        err = fetch_terms(cli, pst_cli_get(cli, "language"), &list);
    if (err != PST_OK)
        return err;
    pst_wire_result(cli, list);
    size_t i;
    json_t *item;
    if (!cli->json)
        json_array_foreach(json_object_get(list, "items"), i, item) print_terms(cli, item);
    return PST_OK;
}

/* Everything of one record being made. */
struct draft {
    struct pst_uuid patient;
    bool by_patient; /* the patient does it themselves */
    json_t *facts;   /* GET /v1/patients/{id} */
    json_t *terms;
    struct pst_consent body;
    char addresses[PST_CONSENT_PURPOSES_MAX][PURPOSE_MAX_BYTES];
    char measures[MEASURES_LINE_MAX_BYTES];
    char signer[PST_UUID_TEXT_SIZE];
};

static enum pst_err begin(struct pst_cli *cli, struct draft *d)
{
    char path[96];
    char id[PST_UUID_TEXT_SIZE];
    enum pst_err err = pst_self_ring(cli);
    if (err != PST_OK)
        return err;
    d->patient = cli->self->person;
    if (cli->operands_count > 0)
        err = pst_wire_read_id(cli, cli->operands[0], "a patient's id", &d->patient);
    if (err != PST_OK)
        return err;
    d->by_patient = pst_uuid_equal(&d->patient, &cli->self->person);
    pst_uuid_format(&d->patient, id);
    snprintf(path, sizeof path, "/v1/patients/%s", id);
    return pst_net_json(cli, "GET", path, NULL, &d->facts);
}

static int64_t version_of(const json_t *terms)
{
    return json_integer_value(json_object_get(terms, "version"));
}

/* The newest version in force of the terms in the language wanted, or the patient's. */
static enum pst_err choose_terms(struct pst_cli *cli, struct draft *d)
{
    const char *language = pst_cli_get(cli, "language");
    const char *wanted = pst_cli_get(cli, "terms");
    PST_JSON json_t *list = NULL;
    if (language == NULL)
        language = pst_wire_get(d->facts, "language");
    enum pst_err err = fetch_terms(cli, language, &list);
    size_t i;
    json_t *item;
    char now[PST_TIME_TEXT_SIZE];
    pst_time_format(pst_net_now_ms(cli), now);
    if (err == PST_OK)
        json_array_foreach(json_object_get(list, "items"), i, item)
        {
            bool fits = strcmp(pst_wire_get(item, "language"), language) == 0 &&
                        (wanted == NULL || strcmp(pst_wire_get(item, "id"), wanted) == 0) &&
                        strcmp(pst_wire_get(item, "effective"), now) <= 0;
            if (fits && (d->terms == NULL || version_of(item) > version_of(d->terms)))
                d->terms = item;
        }
    json_incref(d->terms);
    if (err == PST_OK && d->terms == NULL)
        err = pst_cli_fail(cli, PST_ERR_NOT_FOUND,
                           "There are no terms in this language (%s). \"postern consent terms\" "
                           "shows what there is.",
                           language);
    return err;
}

static enum pst_err set_terms(struct pst_cli *cli, struct draft *d)
{
    struct pst_sha256 of_text;
    const char *text = pst_wire_get(d->terms, "text");
    d->body.terms_id = pst_wire_get(d->terms, "id");
    d->body.terms_version = version_of(d->terms);
    d->body.terms_language = pst_wire_get(d->terms, "language");
    if (pst_wire_get_exact(d->terms, "hash", d->body.terms_hash.bytes, PST_SHA256_BYTES) != PST_OK)
        return pst_wire_unexpected(cli, "terms");
    /* What is agreed to is what was shown, not what the server says its hash is. */
    if (pst_sha256(pst_bytes_str(text), &of_text) != PST_OK ||
        !pst_sha256_equal(&of_text, &d->body.terms_hash))
        return pst_cli_fail(cli, PST_ERR_CRYPTO,
                            "The text of the terms is not the one that the server names. Nothing "
                            "was recorded. Tell the administrator.");
    return PST_OK;
}

/* The address a purpose is for: as given, or the one on file. */
static enum pst_err set_address(struct pst_cli *cli, struct draft *d, enum pst_purpose purpose,
                                const char *given, size_t index)
{
    const json_t *addresses = json_object_get(d->facts, "addresses");
    const char *on_file =
        pst_wire_get(addresses, purpose == PST_PURPOSE_SMS_NOTICE ? "phone" : "email");
    const char *address = given != NULL ? given : on_file;
    if (address[0] == '\0')
        return pst_cli_fail(cli, PST_ERR_USAGE, "Which address is it for? --purpose %s=ADDRESS.",
                            pst_purpose_name(purpose));
    snprintf(d->addresses[index], sizeof d->addresses[index], "%s", address);
    d->body.purposes[index].address = d->addresses[index];
    return PST_OK;
}

static enum pst_err add_purpose(struct pst_cli *cli, struct draft *d, const char *given)
{
    size_t index = d->body.purposes_count;
    const char *equals = strchr(given, '=');
    char name[PURPOSE_MAX_BYTES];
    size_t len = equals != NULL ? (size_t)(equals - given) : strlen(given);
    if (index == PST_CONSENT_PURPOSES_MAX || len >= sizeof name)
        return pst_cli_fail(cli, PST_ERR_USAGE, "These are too many or too long purposes.");
    snprintf(name, sizeof name, "%.*s", (int)len, given);
    struct pst_consent_purpose *purpose = &d->body.purposes[index];
    if (!pst_purpose_decode(name, &purpose->purpose, &purpose->person))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "\"%s\" is no purpose. There are messages, images, email-notice, "
                            "sms-notice, email-inbound and proxy:PERSON.",
                            name);
    enum pst_err err = PST_OK;
    if (pst_purpose_has_address(purpose->purpose))
        err = set_address(cli, d, purpose->purpose, equals != NULL ? equals + 1 : NULL, index);
    d->body.purposes_count++;
    return err;
}

static enum pst_err set_purposes(struct pst_cli *cli, struct draft *d)
{
    const char *given = pst_cli_get(cli, "purpose");
    if (given == NULL)
        return add_purpose(cli, d, "messages");
    enum pst_err err = PST_OK;
    for (size_t i = 0; err == PST_OK && (given = pst_cli_nth(cli, "purpose", i)) != NULL; i++)
        err = add_purpose(cli, d, given);
    return err;
}

static int by_text(const void *a, const void *b)
{
    return strcmp(*(const char *const *)a, *(const char *const *)b);
}

/* --discussed a,b,c and each --discussed: a sorted set. */
static enum pst_err set_measures(struct pst_cli *cli, struct draft *d)
{
    const char *given = NULL;
    size_t len = 0;
    for (size_t i = 0; (given = pst_cli_nth(cli, "yes-discussed", i)) != NULL; i++) {
        int n =
            snprintf(d->measures + len, sizeof d->measures - len, "%s%s", i > 0 ? "," : "", given);
        len += n > 0 ? (size_t)n : 0;
        if (len >= sizeof d->measures)
            return pst_cli_fail(cli, PST_ERR_USAGE, "These are too many measures.");
    }
    char *rest = d->measures;
    for (char *word = strsep(&rest, ","); word != NULL; word = strsep(&rest, ",")) {
        bool known = word[0] == '\0';
        for (size_t i = 0; i < d->body.measures_count; i++)
            known = known || strcmp(d->body.measures[i], word) == 0;
        if (!known && d->body.measures_count < PST_CONSENT_MEASURES_MAX)
            d->body.measures[d->body.measures_count++] = word;
    }
    qsort(d->body.measures, d->body.measures_count, sizeof d->body.measures[0], by_text);
    return PST_OK;
}

static enum pst_err set_expiry(struct pst_cli *cli, struct draft *d)
{
    const char *text = pst_cli_get(cli, "expires");
    struct pst_date day;
    if (text == NULL)
        return PST_OK;
    if (pst_date_parse(text, strlen(text), &day) == PST_OK)
        d->body.expires_ms = pst_date_start_ms(&day);
    else if (pst_time_parse(text, strlen(text), &d->body.expires_ms) != PST_OK)
        return pst_cli_fail(cli, PST_ERR_USAGE, "--expires must be a day, YYYY-MM-DD.");
    d->body.has_expires = true;
    return PST_OK;
}

static enum pst_err set_words(struct pst_cli *cli, struct draft *d)
{
    const char *method = pst_cli_get(cli, "method");
    const char *decision = pst_cli_get(cli, "decision");
    if (method == NULL)
        method = d->by_patient ? "patient" : "in-person";
    if (!pst_method_parse(method, &d->body.method))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "--method must be in-person, telephone, paper or patient.");
    if (decision != NULL && !pst_decision_parse(decision, &d->body.decision))
        return pst_cli_fail(cli, PST_ERR_USAGE, "--decision must be given or refused.");
    return PST_OK;
}

/* What every record of consent carries, whatever it says. */
static void set_common(struct pst_cli *cli, struct draft *d)
{
    pst_self_new_id(cli, &d->body.id);
    randombytes_buf(d->body.nonce, sizeof d->body.nonce);
    d->body.patient = d->patient;
    d->body.by = cli->self->person;
    pst_uuid_format(&d->patient, d->signer);
    d->body.signer = pst_cli_has(cli, "signer") ? pst_cli_get(cli, "signer") : d->signer;
    d->body.witness = pst_cli_get(cli, "witness");
}

/* What is talked through, or read in the terms, before anybody agrees. */
static const struct {
    const char *name;
    const char *words;
} measures[] = {
    {"device-lock", "locking one's phone and computer"},
    {"emergencies", "that messages are not for emergencies, and when an answer comes"},
    {"notices", "that notices say nothing, and how to know a false one"},
    {"passphrase", "a long passphrase that nobody else knows"},
    {"who-reads", "who can read messages, and that they become part of the record"},
};

static void list_measures(struct pst_cli *cli)
{
    fputs("Security measures:\n", cli->out);
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++)
        fprintf(cli->out, "  %-12s %s\n", measures[i].name, measures[i].words);
    fputc('\n', cli->out);
}

static void take_all_measures(struct draft *d)
{
    for (size_t i = 0; i < sizeof measures / sizeof measures[0]; i++)
        d->body.measures[i] = measures[i].name;
    d->body.measures_count = sizeof measures / sizeof measures[0];
}

/* The patient reads the terms here; staff vouch by the measures that they talked them through. */
static enum pst_err agree(struct pst_cli *cli, struct draft *d)
{
    if (pst_cli_has(cli, "yes-discussed") || d->body.decision != PST_DECISION_GIVEN)
        return PST_OK;
    if (!cli->json) {
        print_terms(cli, d->terms);
        list_measures(cli);
    }
    take_all_measures(d);
    if (pst_ask_yes(cli, d->by_patient ? "Do you agree? [y/N] "
                                       : "Were these terms and the security measures talked "
                                         "through, and does the patient agree? [y/N] "))
        return PST_OK;
    return pst_cli_fail(cli, PST_ERR_DENIED,
                        "Nothing was recorded. Say which security measures were discussed: "
                        "--yes-discussed NAME,NAME.");
}

/* For the patient to sign on this tablet: "consent sign", then "consent post". */
static enum pst_err keep_record(struct pst_cli *cli, const struct draft *d, const char *path)
{
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err err = pst_self_record(cli, PST_RECORD_CONSENT, &d->body, &record);
    if (err == PST_OK)
        err = pst_state_write_file(cli, path, record.bytes, record.len, 0600);
    if (err == PST_OK)
        pst_cli_print(cli, "The record stands in %s for the patient to sign.", path);
    return err;
}

static enum pst_err send_record(struct pst_cli *cli, const struct draft *d, const char *format,
                                const char *id, json_t **ret_answer)
{
    PST_BUF struct pst_buf record = {.max = PST_RECORD_MAX_BYTES};
    enum pst_err err = pst_self_record(cli, PST_RECORD_CONSENT, &d->body, &record);
    if (err != PST_OK)
        return err;
    PST_JSON json_t *body = json_pack("{s:o}", "record", pst_wire_text(&record));
    return pst_fields_send(cli, "POST", format, id, body, ret_answer);
}

static void release(struct draft *d)
{
    json_decref(d->facts);
    json_decref(d->terms);
    free(d);
}

/* The newest record's hash stands in the next: nobody can take one out between. */
static enum pst_err set_previous(struct pst_cli *cli, struct draft *d, json_t **ret_latest)
{
    char path[96];
    char id[PST_UUID_TEXT_SIZE];
    PST_JSON json_t *list = NULL;
    pst_uuid_format(&d->patient, id);
    snprintf(path, sizeof path, "/v1/patients/%s/consents?limit=1", id);
    enum pst_err err = pst_net_json(cli, "GET", path, NULL, &list);
    const json_t *latest = json_array_get(json_object_get(list, "items"), 0);
    if (err != PST_OK || latest == NULL)
        return err;
    struct pst_record *record = NULL;
    err = pst_record_parse_kind(pst_bytes_str(pst_wire_get(latest, "record")), PST_RECORD_CONSENT,
                                &record);
    if (err != PST_OK)
        return pst_wire_unexpected(cli, "consent");
    d->body.previous = *pst_record_hash(record);
    d->body.has_previous = true;
    pst_record_free(&record);
    if (ret_latest != NULL)
        *ret_latest = json_deep_copy(latest);
    return PST_OK;
}

static enum pst_err record(struct pst_cli *cli, struct draft *d)
{
    PST_JSON json_t *answer = NULL;
    enum pst_err err = begin(cli, d);
    if (err == PST_OK)
        err = choose_terms(cli, d);
    if (err == PST_OK)
        err = set_terms(cli, d);
    if (err == PST_OK)
        err = set_words(cli, d);
    if (err == PST_OK)
        err = set_purposes(cli, d);
    if (err == PST_OK)
        err = set_measures(cli, d);
    if (err == PST_OK)
        err = set_expiry(cli, d);
    if (err == PST_OK)
        err = agree(cli, d);
    if (err == PST_OK)
        err = set_previous(cli, d, NULL);
    if (err != PST_OK)
        return err;
    set_common(cli, d);
    if (pst_cli_has(cli, "to-sign"))
        return keep_record(cli, d, pst_cli_get(cli, "to-sign"));
    char id[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&d->patient, id);
    err = send_record(cli, d, "/v1/patients/%s/consents", id, &answer);
    if (err == PST_OK)
        pst_cli_print(cli, "Recorded: %s. The agreement is now: %s.", pst_wire_get(answer, "id"),
                      pst_wire_get(answer, "state"));
    return err;
}

enum pst_err pst_cmd_consent_record(struct pst_cli *cli)
{
    struct draft *d = calloc(1, sizeof *d);
    if (d == NULL)
        return PST_ERR_NOMEM;
    enum pst_err err = record(cli, d);
    release(d);
    return err;
}

/* The purposes and terms of the record that is withdrawn. */
static enum pst_err copy_latest(struct pst_cli *cli, struct draft *d, const json_t *latest)
{
    const json_t *terms = json_object_get(latest, "terms");
    d->body.terms_id = pst_wire_get(terms, "id");
    d->body.terms_version = version_of(terms);
    d->body.terms_language = pst_wire_get(terms, "language");
    if (pst_wire_get_exact(terms, "hash", d->body.terms_hash.bytes, PST_SHA256_BYTES) != PST_OK)
        return pst_wire_unexpected(cli, "consent");
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(latest, "purposes"), i, item)
    {
        char given[PURPOSE_MAX_BYTES * 2];
        const char *address = pst_wire_get(item, "address");
        snprintf(given, sizeof given, "%s%s%s", pst_wire_get(item, "purpose"),
                 address[0] != '\0' ? "=" : "", address);
        enum pst_err err = add_purpose(cli, d, given);
        if (err != PST_OK)
            return err;
    }
    return PST_OK;
}

static enum pst_err withdraw(struct pst_cli *cli, struct draft *d)
{
    PST_JSON json_t *latest = NULL;
    PST_JSON json_t *answer = NULL;
    enum pst_err err = begin(cli, d);
    if (err == PST_OK)
        err = set_words(cli, d);
    if (err == PST_OK)
        err = set_previous(cli, d, &latest);
    if (err == PST_OK && latest == NULL)
        err = pst_cli_fail(cli, PST_ERR_NOT_FOUND, "There is no agreement to withdraw.");
    if (err == PST_OK)
        err = copy_latest(cli, d, latest);
    if (err == PST_OK)
        err = set_measures(cli, d);
    if (err != PST_OK)
        return err;
    d->body.decision = PST_DECISION_WITHDRAWN;
    set_common(cli, d);
    err = send_record(cli, d, "/v1/consents/%s/withdrawal", pst_wire_get(latest, "id"), &answer);
    if (err == PST_OK)
        pst_cli_print(cli, "Withdrawn. No message passes from now on.");
    return err;
}

enum pst_err pst_cmd_consent_withdraw(struct pst_cli *cli)
{
    struct draft *d = calloc(1, sizeof *d);
    if (d == NULL)
        return PST_ERR_NOMEM;
    enum pst_err err = withdraw(cli, d);
    release(d);
    return err;
}

enum pst_err pst_cmd_consent_show(struct pst_cli *cli)
{
    struct draft *d = calloc(1, sizeof *d);
    PST_JSON json_t *list = NULL;
    char id[PST_UUID_TEXT_SIZE];
    enum pst_err err = d != NULL ? begin(cli, d) : PST_ERR_NOMEM;
    if (err == PST_OK) {
        pst_uuid_format(&d->patient, id);
        err = pst_fields_send(cli, "GET", "/v1/patients/%s/consents", id, NULL, &list);
    }
    if (d != NULL)
        release(d);
    if (err != PST_OK || cli->json)
        return err;
    fprintf(cli->out, "The agreement is: %s\n", pst_wire_get(list, "state"));
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(list, "items"), i, item)
    {
        size_t k;
        json_t *purpose;
        fprintf(cli->out, "%.16s  %-9s  %s  ", pst_wire_get(item, "at"),
                pst_wire_get(item, "decision"), pst_wire_get(item, "id"));
        json_array_foreach(json_object_get(item, "purposes"), k, purpose)
            fprintf(cli->out, "%s%s", k > 0 ? ", " : "", pst_wire_get(purpose, "purpose"));
        fputc('\n', cli->out);
    }
    return PST_OK;
}
