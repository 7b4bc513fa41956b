/*
 * Makes sealed messages, right ones and wrong ones, for the demo, the fault
 * tests and the benchmarks: what an honest client never sends must be made by
 * something else.
 *
 *   forge MATERIAL OUT [--flaw NAME] [--count N] [--bytes N] [--id UUID]
 *         [--images N] [--attachments N] [--bundle]
 *
 * MATERIAL is JSON: origin, thread, from, to [ids], recipients [age1…] and
 * seed (the sender's Ed25519 seed, base64url). OUT gets one envelope, or with
 * --bundle N of them, each after its length in four bytes, little-endian.
 */
#include <openssl/evp.h>
#include <openssl/hmac.h>
#include <sodium.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/age.h"
#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/envelope.h"
#include "postern/kdf.h"
#include "postern/time.h"

#define OUT_MAX ((size_t)1 << 31)
#define FILE_MAX ((size_t)64 * 1024 * 1024)
#define STALE_MS ((int64_t)2 * 24 * 60 * 60 * 1000)
/* A bundle is posted over minutes; ids and times lie that close. */
#define RECIPIENTS_MAX PST_ENVELOPE_KEYS_MAX

enum flaw {
    FLAW_NONE,
    FLAW_PLAIN,     /* the mail itself, no envelope */
    FLAW_DRESSED,   /* an age header before plain text */
    FLAW_FEWER,     /* one recipient left out */
    FLAW_STANZA,    /* one stanza that opens nothing, under a good MAC */
    FLAW_SIGNATURE, /* one bit of the signature */
    FLAW_UNKNOWN,   /* signed by a key nobody certified */
    FLAW_STALE,     /* sent two days ago */
    FLAW_INNER,     /* inner headers of another thread */
    FLAW_HASH,      /* header of other bytes */
    FLAW__MAX
};

static const char *const flaw_names[FLAW__MAX] = {
    "none",      "plain",   "dressed", "fewer-keys", "stanza",
    "signature", "unknown", "stale",   "inner",      "hash",
};

struct material {
    struct pst_envelope_header header;
    struct pst_age_recipient recipients[RECIPIENTS_MAX];
    size_t recipients_count;
    struct pst_signer *signer;
};

struct order {
    enum flaw flaw;
    long count;
    size_t bytes;
    bool bundle;
    const char *id;
};

static void die(const char *what, enum pst_err err)
{
    fprintf(stderr, "forge: %s: %s\n", what, pst_err_text(err));
    exit(EXIT_FAILURE);
}

static void must(enum pst_err err, const char *what)
{
    if (err != PST_OK)
        die(what, err);
}

static const char *text_of(const json_t *object, const char *name)
{
    const char *text = json_string_value(json_object_get(object, name));
    if (text == NULL)
        die(name, PST_ERR_SYNTAX);
    return text;
}

static void uuid_of(const char *text, struct pst_uuid *ret_uuid)
{
    must(pst_uuid_parse(text, strlen(text), ret_uuid), "id");
}

/* Keys are sorted as texts of their ids; stanzas stand in the same order. */
static int by_key_id(const void *a, const void *b)
{
    struct pst_key_id x, y;
    must(pst_key_id_of(((const struct pst_age_recipient *)a)->bytes, &x), "key id");
    must(pst_key_id_of(((const struct pst_age_recipient *)b)->bytes, &y), "key id");
    return pst_key_id_compare_text(&x, &y);
}

static void read_recipients(struct material *material, const json_t *array)
{
    size_t i;
    json_t *item;
    json_array_foreach(array, i, item)
    {
        if (i == RECIPIENTS_MAX)
            die("recipients", PST_ERR_TOO_LONG);
        must(pst_age_recipient_parse(pst_bytes_str(json_string_value(item)),
                                     &material->recipients[i]),
             "recipient");
    }
    material->recipients_count = json_array_size(array);
    qsort(material->recipients, material->recipients_count, sizeof material->recipients[0],
          by_key_id);
}

static void read_material(const char *path, struct material *material)
{
    json_error_t error;
    PST_JSON json_t *root = json_load_file(path, 0, &error);
    if (root == NULL)
        die(path, PST_ERR_SYNTAX);
    struct pst_envelope_header *header = &material->header;
    snprintf(header->origin, sizeof header->origin, "%s", text_of(root, "origin"));
    uuid_of(text_of(root, "thread"), &header->thread);
    uuid_of(text_of(root, "from"), &header->from);
    size_t i;
    json_t *item;
    json_array_foreach(json_object_get(root, "to"), i, item)
    {
        if (i < PST_ENVELOPE_TO_MAX)
            uuid_of(json_string_value(item), &header->to[header->to_count++]);
    }
    read_recipients(material, json_object_get(root, "recipients"));
    uint8_t seed[PST_SIGN_SEED_BYTES];
    must(pst_base64url_decode_exact(pst_bytes_str(text_of(root, "seed")), seed, sizeof seed),
         "seed");
    PST_SECRET struct pst_secret *secret = NULL;
    must(pst_secret_take(seed, sizeof seed, &secret), "seed");
    must(pst_signer_from_seed(secret, &material->signer), "seed");
}

/* The inner mail: headers that repeat the outer facts, then text to the size wanted. */
static void compose(const struct pst_envelope_header *header, enum flaw flaw, size_t size,
                    struct pst_buf *out)
{
    char from[PST_UUID_TEXT_SIZE], to[PST_UUID_TEXT_SIZE], id[PST_UUID_TEXT_SIZE],
        thread[PST_UUID_TEXT_SIZE];
    pst_uuid_format(&header->from, from);
    pst_uuid_format(&header->id, id);
    pst_uuid_format(flaw == FLAW_INNER ? &header->id : &header->thread, thread);
    must(pst_buf_printf(out, "From: <%s@%s>\r\nTo: ", from, header->origin), "mail");
    for (size_t i = 0; i < header->to_count; i++) {
        pst_uuid_format(&header->to[i], to);
        must(pst_buf_printf(out, "%s<%s@%s>", i == 0 ? "" : ",\r\n ", to, header->origin), "mail");
    }
    must(pst_buf_printf(out,
                        "\r\nMessage-ID: <%s@%s>\r\nPostern-Thread: %s\r\n"
                        "Subject: A made-up message\r\nDate: Sat, 21 Nov 2026 12:00:00 +0000\r\n"
                        "MIME-Version: 1.0\r\nContent-Type: text/plain; charset=utf-8\r\n\r\n",
                        id, header->origin, thread),
         "mail");
    while (out->len < size)
        must(pst_buf_append_str(out, "The quick brown fox jumps over the lazy dog. 0123456789\r\n"),
             "mail");
}

/* Replaces the body of the first stanza and computes the MAC again. */
static void break_stanza(struct pst_buf *file, const struct pst_secret *file_key)
{
    struct pst_age_header header;
    must(pst_age_header_inspect(pst_buf_bytes(file), &header), "header");
    struct pst_bytes rest = pst_age_header_stanzas(pst_buf_bytes(file), &header);
    struct pst_age_stanza stanza;
    if (!pst_age_stanza_next(&rest, &stanza))
        die("stanza", PST_ERR_SYNTAX);
    uint8_t noise[32];
    randombytes_buf(noise, sizeof noise);
    PST_BUF struct pst_buf text = {.max = 256};
    must(pst_base64_append(&text, pst_bytes(noise, sizeof noise)), "stanza");
    memcpy(file->bytes + (stanza.body.ptr - file->bytes), text.bytes, text.len);
    PST_SECRET struct pst_secret *key = NULL;
    must(pst_hkdf_sha256(pst_bytes(pst_secret_bytes(file_key), pst_secret_len(file_key)),
                         pst_bytes(NULL, 0), "header", 32, &key),
         "MAC key");
    uint8_t mac[32];
    unsigned mac_len = sizeof mac;
    if (HMAC(EVP_sha256(), pst_secret_bytes(key), 32, file->bytes, header.mac_input, mac,
             &mac_len) == NULL)
        die("MAC", PST_ERR_CRYPTO);
    pst_buf_clear(&text);
    must(pst_base64_append(&text, pst_bytes(mac, mac_len)), "MAC");
    memcpy(file->bytes + header.mac_input + 1, text.bytes, text.len);
}

/* The age file of this message, with its flaw. */
static void seal(const struct material *material, const struct order *order,
                 const struct pst_buf *mail, struct pst_buf *file)
{
    size_t count = material->recipients_count - (order->flaw == FLAW_FEWER ? 1 : 0);
    struct pst_age_sealing sealing = {.recipients = material->recipients, .recipient_count = count};
    PST_SECRET struct pst_secret *file_key = NULL;
    must(pst_age_seal_buf(&sealing, pst_buf_bytes(mail), file, &file_key), "seal");
    if (order->flaw == FLAW_STANZA)
        break_stanza(file, file_key);
    if (order->flaw == FLAW_DRESSED) {
        struct pst_age_header header;
        must(pst_age_header_inspect(pst_buf_bytes(file), &header), "header");
        memcpy(file->bytes + header.len, mail->bytes, mail->len);
    }
}

static void describe(const struct material *material, const struct order *order,
                     const struct pst_buf *file, struct pst_envelope_header *header)
{
    size_t count = material->recipients_count - (order->flaw == FLAW_FEWER ? 1 : 0);
    for (size_t i = 0; i < count; i++)
        must(pst_key_id_of(material->recipients[i].bytes, &header->keys[i]), "key id");
    header->keys_count = count;
    header->size = file->len;
    must(pst_sha256(pst_buf_bytes(file), &header->sha256), "hash");
    if (order->flaw == FLAW_HASH)
        header->sha256.bytes[0] ^= 1;
    pst_envelope_header_sort(header);
}

static void forge(struct material *material, const struct order *order, struct pst_buf *out)
{
    struct pst_envelope_header header = material->header;
    int64_t now = pst_clock_now(pst_clock_system());
    header.sent_ms = order->flaw == FLAW_STALE ? now - STALE_MS : now;
    if (order->id != NULL)
        uuid_of(order->id, &header.id);
    else
        pst_uuid_v7(now, NULL, &header.id);
    PST_BUF struct pst_buf mail = {.max = FILE_MAX};
    compose(&header, order->flaw, order->bytes, &mail);
    if (order->flaw == FLAW_PLAIN) {
        must(pst_buf_append_bytes(out, pst_buf_bytes(&mail)), "write");
        return;
    }
    PST_BUF struct pst_buf file = {.max = FILE_MAX};
    seal(material, order, &mail, &file);
    describe(material, order, &file, &header);
    struct pst_signer *other = NULL;
    if (order->flaw == FLAW_UNKNOWN)
        must(pst_signer_new(NULL, &other), "key");
    PST_BUF struct pst_buf head = {.max = PST_ENVELOPE_HEAD_MAX_BYTES};
    must(pst_envelope_sign(&header, other != NULL ? other : material->signer, &head), "sign");
    pst_signer_free(&other);
    if (order->flaw == FLAW_SIGNATURE) {
        uint8_t *at = head.bytes + head.len - 40;
        *at = *at == 'A' ? 'B' : 'A';
    }
    must(pst_buf_append_bytes(out, pst_buf_bytes(&head)), "write");
    must(pst_buf_append_bytes(out, pst_buf_bytes(&file)), "write");
}

static void forge_all(struct material *material, const struct order *order, FILE *out)
{
    for (long i = 0; i < order->count; i++) {
        PST_BUF struct pst_buf one = {.max = OUT_MAX};
        forge(material, order, &one);
        uint8_t len[4] = {(uint8_t)one.len, (uint8_t)(one.len >> 8), (uint8_t)(one.len >> 16),
                          (uint8_t)(one.len >> 24)};
        if ((order->bundle && fwrite(len, sizeof len, 1, out) != 1) ||
            fwrite(one.bytes, one.len, 1, out) != 1)
            die("write", PST_ERR_IO);
    }
}

static enum flaw flaw_of(const char *name)
{
    for (int i = 0; i < FLAW__MAX; i++)
        if (strcmp(name, flaw_names[i]) == 0)
            return (enum flaw)i;
    die("flaw", PST_ERR_USAGE);
    return FLAW_NONE;
}

static void read_option(struct order *order, struct pst_envelope_header *header, const char *name,
                        const char *value)
{
    if (strcmp(name, "--flaw") == 0)
        order->flaw = flaw_of(value);
    else if (strcmp(name, "--count") == 0)
        order->count = strtol(value, NULL, 10);
    else if (strcmp(name, "--bytes") == 0)
        order->bytes = strtoul(value, NULL, 10);
    else if (strcmp(name, "--id") == 0)
        order->id = value;
    else if (strcmp(name, "--images") == 0)
        header->images = strtol(value, NULL, 10);
    else if (strcmp(name, "--attachments") == 0)
        header->attachments = strtol(value, NULL, 10);
    else
        die(name, PST_ERR_USAGE);
}

int main(int argc, char **argv)
{
    if (argc < 3) {
        fprintf(stderr,
                "usage: forge MATERIAL OUT [--flaw NAME] [--count N] [--bytes N] [--id UUID]\n"
                "             [--images N] [--attachments N] [--bundle]\n");
        return 64;
    }
    must(pst_secret_init(), "start");
    static struct material material;
    read_material(argv[1], &material);
    struct order order = {.count = 1, .bytes = 1024};
    for (int i = 3; i < argc; i++) {
        if (strcmp(argv[i], "--bundle") == 0)
            order.bundle = true;
        else if (i + 1 < argc) {
            read_option(&order, &material.header, argv[i], argv[i + 1]);
            i++;
        } else
            die(argv[i], PST_ERR_USAGE);
    }
    PST_FILE FILE *out = fopen(argv[2], "we");
    if (out == NULL)
        die(argv[2], PST_ERR_IO);
    forge_all(&material, &order, out);
    pst_signer_free(&material.signer);
    return EXIT_SUCCESS;
}
