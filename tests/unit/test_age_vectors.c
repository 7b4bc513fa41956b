/* The parts "keys" and "age" of tests/conformance/vectors.json, byte for byte. */
#include "age_files.h"

static json_t *vectors;

static void load(void)
{
    char path[1000];
    (void)snprintf(path, sizeof path, "%s/tests/conformance/vectors.json",
                   getenv("POSTERN_SOURCE"));
    json_error_t error;
    vectors = json_load_file(path, 0, &error);
    ck_assert_msg(vectors != NULL, "%s: %s", path, error.text);
}

static void unload(void)
{
    json_decref(vectors);
    vectors = NULL;
}

static const char *text_at(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    ck_assert_msg(text != NULL, "%s", name);
    return text;
}

static void bytes_at(const json_t *object, const char *name, struct pst_buf *out)
{
    ck_assert_int_eq(pst_base64url_decode(pst_bytes_str(text_at(object, name)), out), PST_OK);
}

START_TEST(keys_are_read_and_written)
{
    load();
    const char *name = NULL;
    json_t *key = NULL;
    size_t count = 0;
    json_object_foreach(json_object_get(vectors, "keys"), name, key)
    {
        PST_BUF struct pst_buf secret = {.max = 100};
        PST_SECRET struct pst_secret *identity = NULL;
        PST_SECRET struct pst_secret *text = NULL;
        struct pst_age_recipient recipient;
        char written[PST_AGE_RECIPIENT_CHARS + 1];
        bytes_at(key, "secret", &secret);
        ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(text_at(key, "identity")), &identity),
                         PST_OK);
        ck_assert_uint_eq(secret.len, 32);
        ck_assert_mem_eq(pst_secret_bytes(identity), secret.bytes, 32);
        ck_assert_int_eq(pst_age_identity_format(identity, &text), PST_OK);
        ck_assert_mem_eq(pst_secret_bytes(text), text_at(key, "identity"), PST_AGE_IDENTITY_CHARS);
        ck_assert_int_eq(pst_age_identity_recipient(identity, &recipient), PST_OK);
        pst_age_recipient_format(&recipient, written);
        ck_assert_str_eq(written, text_at(key, "recipient"));
        count++;
    }
    ck_assert_uint_ge(count, 4);
    unload();
}
END_TEST

/* The file of the vectors, with its file key, recipients and plaintext. */
struct known {
    struct pst_buf file_key, nonce, plaintext, file;
    struct pst_age_recipient recipients[8];
    size_t count;
};

static void known_load(struct known *known)
{
    load();
    const json_t *age = json_object_get(vectors, "age"),
                 *recipients = json_object_get(age, "recipients");
    *known = (struct known){{.max = 100}, {.max = 100}, {.max = 10000}, {.max = 10000}};
    bytes_at(age, "file_key", &known->file_key);
    bytes_at(age, "nonce", &known->nonce);
    bytes_at(age, "plaintext", &known->plaintext);
    bytes_at(age, "file", &known->file);
    known->count = json_array_size(recipients);
    ck_assert_uint_eq(known->count, 3);
    for (size_t i = 0; i < known->count; i++)
        ck_assert_int_eq(
            pst_age_recipient_parse(pst_bytes_str(json_string_value(json_array_get(recipients, i))),
                                    &known->recipients[i]),
            PST_OK);
}

static void known_unload(struct known *known)
{
    pst_buf_free(&known->file_key);
    pst_buf_free(&known->nonce);
    pst_buf_free(&known->plaintext);
    pst_buf_free(&known->file);
    unload();
}

START_TEST(sealing_with_known_randomness_makes_the_file)
{
    struct known known;
    known_load(&known);
    PST_BUF struct pst_buf script = {.max = 100};
    PST_BUF struct pst_buf made = {.max = 10000};
    ck_assert_int_eq(pst_buf_append_bytes(&script, pst_buf_bytes(&known.file_key)), PST_OK);
    ck_assert_int_eq(pst_buf_append_bytes(&script, pst_buf_bytes(&known.nonce)), PST_OK);
    struct scripted scripted = {script.bytes, script.len};
    struct pst_random random = {scripted_fill, &scripted};
    struct pst_age_sealing sealing = {
        .recipients = known.recipients, .recipient_count = known.count, .random = &random};
    ck_assert_int_eq(pst_age_seal_buf(&sealing, pst_buf_bytes(&known.plaintext), &made, NULL),
                     PST_OK);
    ck_assert_uint_eq(made.len, known.file.len);
    ck_assert_mem_eq(made.bytes, known.file.bytes, made.len);
    ck_assert_uint_eq(scripted.len, 0);
    known_unload(&known);
}
END_TEST

START_TEST(each_recipient_opens_the_file)
{
    static const char *const names[] = {"patient", "team", "records"};
    struct known known;
    known_load(&known);
    for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
        PST_SECRET struct pst_secret *identity = NULL;
        PST_SECRET struct pst_secret *file_key = NULL;
        PST_BUF struct pst_buf opened = {.max = 10000};
        const json_t *key = json_object_get(json_object_get(vectors, "keys"), names[i]);
        ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(text_at(key, "identity")), &identity),
                         PST_OK);
        struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
        ck_assert_int_eq(pst_age_open_buf(&keys, pst_buf_bytes(&known.file), &opened, &file_key),
                         PST_OK);
        ck_assert(pst_bytes_equal(pst_buf_bytes(&opened), pst_buf_bytes(&known.plaintext)));
        ck_assert_mem_eq(pst_secret_bytes(file_key), known.file_key.bytes, 16);
    }
    known_unload(&known);
}
END_TEST

START_TEST(stanzas_of_the_file_check)
{
    struct known known;
    known_load(&known);
    PST_SECRET struct pst_secret *file_key = secret_of(known.file_key.bytes, 16);
    struct pst_age_header header;
    struct pst_bytes file = pst_buf_bytes(&known.file);
    ck_assert_int_eq(pst_age_header_inspect(file, &header), PST_OK);
    ck_assert_uint_eq(header.x25519_count, 3);
    ck_assert_int_eq(pst_age_header_check_stanzas(file, &header, file_key, known.recipients, 3),
                     PST_OK);
    known_unload(&known);
}
END_TEST

/* The stanza of the record "grant" is for the key "new" and holds the same file key. */
START_TEST(the_grant_opens_the_file)
{
    struct known known;
    known_load(&known);
    const json_t *key = json_object_get(json_object_get(vectors, "keys"), "new");
    const char *grant = text_at(json_object_get(vectors, "records"), "grant");
    const char *line = strchr(grant, '\n');
    PST_JSON json_t *body = json_loads(line + 1, JSON_DISABLE_EOF_CHECK, NULL);
    struct pst_bytes stanza = pst_bytes_str(text_at(body, "stanza"));
    PST_SECRET struct pst_secret *identity = NULL;
    PST_SECRET struct pst_secret *file_key = NULL;
    PST_BUF struct pst_buf made = {.max = 1000};
    PST_BUF struct pst_buf opened = {.max = 10000};
    struct pst_age_header header;
    struct pst_age_recipient recipient;
    struct pst_bytes file = pst_buf_bytes(&known.file);
    ck_assert_int_eq(pst_age_identity_parse(pst_bytes_str(text_at(key, "identity")), &identity),
                     PST_OK);
    ck_assert_int_eq(pst_age_header_inspect(file, &header), PST_OK);
    ck_assert_int_eq(pst_age_grant_unwrap(stanza, file, &header, identity, &file_key), PST_OK);
    ck_assert_mem_eq(pst_secret_bytes(file_key), known.file_key.bytes, 16);
    ck_assert_int_eq(pst_age_identity_recipient(identity, &recipient), PST_OK);
    ck_assert_int_eq(pst_age_stanza_append(file_key, &recipient, &made), PST_OK);
    ck_assert(pst_bytes_equal(pst_buf_bytes(&made), stanza));
    struct pst_age_keys keys = {.file_key = file_key};
    ck_assert_int_eq(pst_age_open_buf(&keys, file, &opened, NULL), PST_OK);
    ck_assert(pst_bytes_equal(pst_buf_bytes(&opened), pst_buf_bytes(&known.plaintext)));
    known_unload(&known);
}
END_TEST

PST_UNIT_MAIN("age_vectors", keys_are_read_and_written,
              sealing_with_known_randomness_makes_the_file, each_recipient_opens_the_file,
              stanzas_of_the_file_check, the_grant_opens_the_file)
