/*
 * Fills the store of a practice that exists with patients, conversations and
 * messages of realistic shape, in bulk, for benchmarks: what a gateway then
 * answers from it is real, what the messages hold is noise.
 *
 *   fill TARGET VAULTKEY PRACTICE [--patients N] [--messages N] [--body BYTES]
 *        [--from DAYS] [--until DAYS] [--tokens FILE]
 *
 * TARGET is sqlite:FILE or copy:FOLDER (rows.h), used by nothing else at the
 * time. PRACTICE is a file of lines "name value": team, clinician (ids),
 * team-key, records-key (key ids in hexadecimal), and event and record, a line
 * as the gateway wrote one of an accepted message and of "opened".
 *
 * Each patient has a record, address, visit, consent, keys and one
 * conversation with the team; messages come in turn to all of them, evenly
 * between --from and --until days ago, so that a conversation is scattered over
 * the whole table as in life. All but the newest of each were opened by the
 * other side. --tokens: a live session for each patient, its token a line.
 */
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/cleanup.h"
#include "postern/hash.h"
#include "postern/names.h"
#include "postern/time.h"
#include "postern/uuid.h"
#include "rows.h"
#include "server/vault/fields.h"
#include "server/vault/vault.h"

#define DAY_MS ((int64_t)24 * 60 * 60 * 1000)
#define LINE_MAX_BYTES 4200
#define KEY_ID_BYTES 16
#define HEAD_BYTES 740   /* three lines and age header for three keys, sealed by the vault */
#define RECORD_BYTES 640 /* a signed record, sealed by the vault */
#define BODY_MAX_BYTES 65536
#define TOKEN_BYTES 32
#define SIZE_BYTES 4096 /* what is said of messages whose bodies are left out */
/* Of a hundred messages this many carry an image or a file. */
#define ATTACHMENTS_PERCENT 5

struct patient {
    struct pst_uuid id, thread, consent, last;
    uint8_t key_id[KEY_ID_BYTES];
    int64_t seq, size_bytes, changed_ms;
};

struct fill {
    struct rows *rows;
    struct pst_vault *vault;
    struct pst_uuid team, clinician;
    uint8_t team_key[KEY_ID_BYTES], records_key[KEY_ID_BYTES];
    char event[LINE_MAX_BYTES], record[LINE_MAX_BYTES];
    struct patient *patients;
    int64_t patient_count, message_count, from_ms, until_ms, now_ms;
    size_t body_bytes;
    FILE *tokens;
};

static uint8_t noise[BODY_MAX_BYTES];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "fill: %s\n", what);
    exit(EXIT_FAILURE);
}

static void must(enum pst_err err, const char *what)
{
    if (err != PST_OK)
        die(what);
}

/* splitmix64: ids and noise of practice data, not secrets. */
static uint64_t next_random(void)
{
    static uint64_t state;
    if (state == 0)
        randombytes_buf(&state, sizeof state);
    uint64_t z = (state += UINT64_C(0x9e3779b97f4a7c15));
    z = (z ^ (z >> 30)) * UINT64_C(0xbf58476d1ce4e5b9);
    z = (z ^ (z >> 27)) * UINT64_C(0x94d049bb133111eb);
    return z ^ (z >> 31);
}

static void random_fill(uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i < len; i += 8) {
        uint64_t word = next_random();
        memcpy(bytes + i, &word, len - i < 8 ? len - i : 8);
    }
}

static struct pst_uuid uuid_at(int64_t ms)
{
    struct pst_uuid id;
    random_fill(id.bytes, sizeof id.bytes);
    for (int i = 0; i < 6; i++)
        id.bytes[i] = (uint8_t)(ms >> (40 - 8 * i));
    id.bytes[6] = (uint8_t)(0x70 | (id.bytes[6] & 0x0f));
    id.bytes[8] = (uint8_t)(0x80 | (id.bytes[8] & 0x3f));
    return id;
}

static struct value of_uuid(const struct pst_uuid *id)
{
    return of_blob(id->bytes, PST_UUID_BYTES);
}

/* ---- people ------------------------------------------------------------------ */

static void put_person(struct fill *fill, const struct patient *patient, int64_t number)
{
    char name[64];
    PST_BUF struct pst_buf sealed = {.max = 256};
    snprintf(name, sizeof name, "Sample Person %jd", (intmax_t)number);
    must(pst_vault_field_seal(fill->vault, pst_field_of(PST_FIELD_PERSON_NAME, &patient->id),
                              pst_bytes_str(name), &sealed),
         "name");
    ROWS_PUT(fill->rows, TABLE_PERSON, of_uuid(&patient->id), of_int(PST_ROLE_PATIENT), of_int(1),
             of_blob(sealed.bytes, sealed.len), of_int(fill->from_ms));
}

static void put_patient(struct fill *fill, const struct patient *patient)
{
    uint8_t index[PST_VAULT_HASH_BYTES];
    PST_PATIENT_KEY struct pst_patient_key *key = NULL;
    PST_BUF struct pst_buf wrapped = {.max = 512};
    must(pst_patient_key_new(fill->vault, &patient->id, &wrapped, &key), "patient key");
    random_fill(index, sizeof index);
    ROWS_PUT(fill->rows, TABLE_PATIENT, of_uuid(&patient->id), of_blob(wrapped.bytes, wrapped.len),
             of_blob(index, sizeof index), of_blob(noise, 50), of_text("en", 2),
             of_blob(noise, 180), of_uuid(&fill->clinician), of_int(fill->from_ms));
    random_fill(index, sizeof index);
    ROWS_PUT(fill->rows, TABLE_ADDRESS, of_uuid(&patient->id), of_text("email", 5),
             of_blob(noise, 64), of_blob(index, sizeof index), of_int(fill->from_ms));
    ROWS_PUT(fill->rows, TABLE_CONSENT_PURPOSE, of_uuid(&patient->consent), of_int(2),
             of_blob(index, sizeof index));
}

static void put_standing(struct fill *fill, const struct patient *patient)
{
    uint8_t hash[PST_SHA256_BYTES];
    struct pst_uuid visit = uuid_at(fill->from_ms);
    ROWS_PUT(fill->rows, TABLE_VISIT, of_uuid(&visit), of_uuid(&patient->id),
             of_uuid(&fill->clinician), of_text("family medicine", 15), of_text("", 0),
             of_int(fill->from_ms / DAY_MS), of_text("in-person", 9), of_uuid(&fill->clinician),
             of_int(fill->from_ms));
    random_fill(hash, sizeof hash);
    ROWS_PUT(fill->rows, TABLE_CONSENT, of_uuid(&patient->consent), of_uuid(&patient->id),
             of_int(1), of_int(0), of_int(3), of_text("messages", 8), of_int(1), of_text("en", 2),
             of_int(fill->from_ms), of_int(fill->from_ms), of_uuid(&fill->clinician),
             of_blob(hash, sizeof hash), of_blob(noise, RECORD_BYTES));
}

static void put_keys(struct fill *fill, struct patient *patient)
{
    uint8_t keys[32 + 32 + 32 + KEY_ID_BYTES];
    random_fill(keys, sizeof keys);
    random_fill(patient->key_id, sizeof patient->key_id);
    ROWS_PUT(fill->rows, TABLE_STATEMENT, of_uuid(&patient->id), of_int(1), of_blob(keys, 32),
             of_blob(noise, RECORD_BYTES), of_blob(keys + 32, 32), of_blob(keys + 96, KEY_ID_BYTES),
             of_blob(keys + 64, 32), of_blob(patient->key_id, KEY_ID_BYTES), of_int(fill->from_ms),
             of_int(fill->now_ms + 1000 * DAY_MS));
}

static void put_session(struct fill *fill, const struct patient *patient)
{
    uint8_t token[TOKEN_BYTES];
    char text[64];
    struct pst_sha256 hash;
    struct pst_uuid id = uuid_at(fill->now_ms);
    randombytes_buf(token, sizeof token);
    must(pst_sha256(pst_bytes(token, sizeof token), &hash), "token");
    sodium_bin2base64(text, sizeof text, token, sizeof token,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    fprintf(fill->tokens, "%s\n", text);
    ROWS_PUT(fill->rows, TABLE_SESSION, of_blob(hash.bytes, sizeof hash.bytes), of_uuid(&id),
             of_uuid(&patient->id), of_int(fill->now_ms), of_int(fill->now_ms),
             of_int(fill->now_ms + DAY_MS), of_int(fill->now_ms));
}

static void put_people(struct fill *fill)
{
    for (int64_t i = 0; i < fill->patient_count; i++) {
        struct patient *patient = &fill->patients[i];
        patient->id = uuid_at(fill->from_ms);
        patient->thread = uuid_at(fill->from_ms);
        patient->consent = uuid_at(fill->from_ms);
        patient->changed_ms = fill->from_ms;
        put_person(fill, patient, i);
        put_patient(fill, patient);
        put_standing(fill, patient);
        put_keys(fill, patient);
        if (fill->tokens != NULL)
            put_session(fill, patient);
    }
}

/* ---- messages ----------------------------------------------------------------- */

static void put_receipt(struct fill *fill, const struct pst_uuid *message,
                        const struct pst_uuid *person, int64_t at_ms)
{
    ROWS_PUT(fill->rows, TABLE_RECEIPT, of_uuid(message), of_uuid(person), of_int(at_ms),
             of_int(at_ms), of_text(fill->record, strlen(fill->record)));
}

static void put_body(struct fill *fill, const struct pst_uuid *message)
{
    size_t at = next_random() % (sizeof noise - fill->body_bytes);
    if (fill->body_bytes <= HEAD_BYTES)
        return;
    ROWS_PUT(fill->rows, TABLE_BODY, of_uuid(message), of_int(0), of_blob(noise, HEAD_BYTES));
    ROWS_PUT(fill->rows, TABLE_BODY, of_uuid(message), of_int(1),
             of_blob(noise + at, fill->body_bytes - HEAD_BYTES));
}

static void put_message(struct fill *fill, struct patient *patient, int64_t at_ms)
{
    const uint8_t *const keys[] = {patient->key_id, fill->team_key, fill->records_key};
    struct pst_uuid id = uuid_at(at_ms), event = uuid_at(at_ms);
    uint8_t hash[PST_SHA256_BYTES];
    bool from_patient = patient->seq % 2 == 0;
    const struct pst_uuid *sender = from_patient ? &patient->id : &fill->clinician;
    const struct pst_uuid *reader = from_patient ? &fill->clinician : &patient->id;
    bool is_last = patient->seq == (fill->message_count - 1) / fill->patient_count;
    int64_t size_bytes = fill->body_bytes > 0 ? (int64_t)fill->body_bytes : SIZE_BYTES;
    random_fill(hash, sizeof hash);
    patient->seq++;
    ROWS_PUT(fill->rows, TABLE_MESSAGE, of_uuid(&id), of_uuid(&patient->thread),
             of_int(patient->seq), of_uuid(sender), of_int(0), of_int(at_ms), of_int(at_ms),
             of_int(size_bytes), of_int(next_random() % 100 < ATTACHMENTS_PERCENT ? 1 : 0),
             of_int(0), from_patient ? of_null() : of_uuid(&patient->last),
             of_blob(hash, sizeof hash), of_uuid(&event), of_uuid(&patient->consent),
             from_patient && !is_last ? of_int(at_ms) : of_null());
    for (int i = 0; i < 3; i++)
        ROWS_PUT(fill->rows, TABLE_MESSAGE_KEY, of_uuid(&id), of_int(i),
                 of_blob(keys[i], KEY_ID_BYTES));
    put_body(fill, &id);
    ROWS_PUT(fill->rows, TABLE_EVENT, of_uuid(&event), of_text(fill->event, strlen(fill->event)));
    if (!is_last)
        put_receipt(fill, &id, reader, at_ms);
    patient->last = id;
    patient->size_bytes += size_bytes;
    patient->changed_ms = at_ms;
}

static void put_messages(struct fill *fill)
{
    int64_t span_ms = fill->until_ms - fill->from_ms;
    for (int64_t i = 0; i < fill->message_count; i++) {
        int64_t at_ms =
            fill->from_ms + (int64_t)((double)span_ms * (double)i / (double)fill->message_count);
        put_message(fill, &fill->patients[i % fill->patient_count], at_ms);
    }
}

static void put_threads(struct fill *fill)
{
    for (int64_t i = 0; i < fill->patient_count; i++) {
        const struct patient *patient = &fill->patients[i];
        ROWS_PUT(fill->rows, TABLE_THREAD, of_uuid(&patient->thread), of_uuid(&patient->id),
                 of_uuid(&fill->team), of_int(0), of_int(patient->seq), of_int(patient->size_bytes),
                 of_uuid(&fill->clinician), of_int(fill->from_ms), of_int(patient->changed_ms));
    }
}

/* ---- the order ---------------------------------------------------------------- */

static void read_key_id(const char *text, uint8_t *ret_id)
{
    size_t len = 0;
    if (sodium_hex2bin(ret_id, KEY_ID_BYTES, text, strlen(text), NULL, &len, NULL) != 0 ||
        len != KEY_ID_BYTES)
        die("key id");
}

static void read_fact(struct fill *fill, const char *name, const char *value)
{
    if (strcmp(name, "team") == 0)
        must(pst_uuid_parse(value, strlen(value), &fill->team), name);
    else if (strcmp(name, "clinician") == 0)
        must(pst_uuid_parse(value, strlen(value), &fill->clinician), name);
    else if (strcmp(name, "team-key") == 0)
        read_key_id(value, fill->team_key);
    else if (strcmp(name, "records-key") == 0)
        read_key_id(value, fill->records_key);
    else if (strcmp(name, "event") == 0)
        snprintf(fill->event, sizeof fill->event, "%s", value);
    else if (strcmp(name, "record") == 0)
        snprintf(fill->record, sizeof fill->record, "%s", value);
    else
        die(name);
}

static void read_practice(struct fill *fill, const char *path)
{
    char line[LINE_MAX_BYTES + 32];
    PST_FILE FILE *file = fopen(path, "re");
    if (file == NULL)
        die(path);
    while (fgets(line, sizeof line, file) != NULL) {
        line[strcspn(line, "\r\n")] = 0;
        char *value = strchr(line, ' ');
        if (value == NULL)
            die(path);
        *value = 0;
        read_fact(fill, line, value + 1);
    }
}

static void read_option(struct fill *fill, const char *name, const char *value)
{
    int64_t number = strtoll(value, NULL, 10);
    if (strcmp(name, "--patients") == 0)
        fill->patient_count = number;
    else if (strcmp(name, "--messages") == 0)
        fill->message_count = number;
    else if (strcmp(name, "--body") == 0)
        fill->body_bytes = (size_t)number;
    else if (strcmp(name, "--from") == 0)
        fill->from_ms = fill->now_ms - number * DAY_MS;
    else if (strcmp(name, "--until") == 0)
        fill->until_ms = fill->now_ms - number * DAY_MS;
    else if (strcmp(name, "--tokens") == 0)
        fill->tokens = fopen(value, "we");
    else
        die(name);
}

static void read_order(struct fill *fill, int argc, char **argv)
{
    if (argc < 4 || argc % 2 != 0)
        die("usage: fill TARGET VAULTKEY PRACTICE [--patients N] [--messages N] [--body BYTES] "
            "[--from DAYS] [--until DAYS] [--tokens FILE]");
    fill->now_ms = pst_clock_now(pst_clock_system());
    fill->from_ms = fill->now_ms - 365 * DAY_MS;
    fill->until_ms = fill->now_ms - DAY_MS;
    for (int i = 4; i < argc; i += 2)
        read_option(fill, argv[i], argv[i + 1]);
    if (fill->patient_count < 1 || fill->message_count < 0 || fill->body_bytes >= BODY_MAX_BYTES ||
        fill->until_ms < fill->from_ms)
        die("numbers");
    read_practice(fill, argv[3]);
    must(pst_vault_load(argv[2], &fill->vault), argv[2]);
    fill->rows = rows_open(argv[1]);
}

int main(int argc, char **argv)
{
    static struct fill fill = {.patient_count = 1, .body_bytes = 4096};
    must(pst_secret_init(), "start");
    random_fill(noise, sizeof noise);
    read_order(&fill, argc, argv);
    fill.patients = calloc((size_t)fill.patient_count, sizeof *fill.patients);
    if (fill.patients == NULL)
        die("memory");
    put_people(&fill);
    put_messages(&fill);
    put_threads(&fill);
    rows_close(&fill.rows);
    if (fill.tokens != NULL && fclose(fill.tokens) != 0)
        die("tokens");
    free(fill.patients);
    pst_vault_free(&fill.vault);
    return EXIT_SUCCESS;
}
