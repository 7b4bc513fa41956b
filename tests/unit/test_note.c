/*
 * Signed notes: examples of c2sp.org/signed-note and of the note package of Go
 * (golang.org/x/mod/sumdb/note), by others; then every rule for itself.
 */
#include "postern/note.h"

#include "ledger_fixture.h"
#include "unit.h"

#define C2SP_KEY "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"
#define C2SP_NOTE                                                                                  \
    "This is an example message.\n\n\xe2\x80\x94 example.com/foo "                                 \
    "Uw2QOkn8srV1yJGh2VYRlL1Tnagv1YEq6TfXppzi2ONncAlTgK7Ztg1ERYNZXsYjOBH3mFXmRKuwHjG1Yu72IneyaQM"  \
    "=\n"
#define GO_KEY "PeterNeumann+c74f20a3+ARpc2QcUPDhMQegwxbzhKqiBfsVkmqq/LDE4izWy10TW"
#define GO_SECRET "PRIVATE+KEY+PeterNeumann+c74f20a3+AYEKFALVFGyNhPJEMzD1QIDr+Y7hfZx09iUvxdXHKDFz"
#define GO_TEXT                                                                                    \
    "If you think cryptography is the answer to your problem,\n"                                   \
    "then you don't know what your problem is.\n"
#define GO_NOTE                                                                                    \
    GO_TEXT "\n\xe2\x80\x94 PeterNeumann "                                                         \
            "x08go/ZJkuBS9UG/SffcvIAQxVBtiFupLLr8pAcElZInNIuGUgYN1FFYC2pZSNXgKvqfqdngotpRZb6KE6R"  \
            "yyBwJnAM=\n"

static struct pst_note_signer ledger;
static struct pst_note_signer witness;

static void signers_make(void)
{
    fixture_signer(FIXTURE_NAME, PST_NOTE_ED25519, 1, &ledger);
    fixture_signer(FIXTURE_WITNESS, PST_NOTE_COSIGNATURE, 2, &witness);
}

static void signers_free(void)
{
    pst_note_signer_free(&ledger);
    pst_note_signer_free(&witness);
}

static enum pst_err verify(struct pst_bytes bytes, const struct pst_note_verifier *keys,
                           size_t count, enum pst_note_rule rule)
{
    struct pst_note note;
    enum pst_err r = pst_note_parse(bytes, &note);
    return r == PST_OK ? pst_note_verify(&note, keys, count, rule, NULL) : r;
}

/* ---- by others ---------------------------------------------------------- */

START_TEST(examples_by_others_verify)
{
    static const struct {
        const char *key;
        const char *note;
    } examples[] = {{C2SP_KEY, C2SP_NOTE}, {GO_KEY, GO_NOTE}};
    for (size_t i = 0; i < 2; i++) {
        struct pst_note_verifier key;
        PST_BUF struct pst_buf text = {.max = PST_NOTE_KEY_MAX_BYTES};
        ck_assert_int_eq(pst_note_verifier_parse(pst_bytes_str(examples[i].key), &key), PST_OK);
        ck_assert_int_eq(pst_note_verifier_append(&key, &text), PST_OK);
        ck_assert_str_eq(pst_buf_str(&text), examples[i].key);
        ck_assert_int_eq(verify(pst_bytes_str(examples[i].note), &key, 1, PST_NOTE_EXACT), PST_OK);
        ck_assert_int_eq(verify(pst_bytes_str(examples[i].note), &key, 1, PST_NOTE_KNOWN), PST_OK);
    }
}
END_TEST

START_TEST(a_signer_by_others_signs_the_same)
{
    struct pst_note_signer signer;
    struct pst_secret *text = NULL;
    PST_BUF struct pst_buf note = {.max = PST_NOTE_MAX_BYTES};
    ck_assert_int_eq(pst_note_signer_parse(pst_bytes_str(GO_SECRET), &signer), PST_OK);
    ck_assert_int_eq(pst_note_signer_format(&signer, &text), PST_OK);
    ck_assert_str_eq((const char *)pst_secret_bytes(text), GO_SECRET);
    ck_assert_int_eq(pst_note_sign(&signer, pst_bytes_str(GO_TEXT), &note), PST_OK);
    ck_assert_str_eq(pst_buf_str(&note), GO_NOTE);
    pst_secret_free(&text);
    pst_note_signer_free(&signer);
}
END_TEST

/* ---- keys --------------------------------------------------------------- */

static const struct {
    const char *what;
    const char *text;
    enum pst_err err;
} keys[] = {
    {"nothing", "", PST_ERR_SYNTAX},
    {"a name alone", "example.com/foo", PST_ERR_SYNTAX},
    {"no name", "+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k", PST_ERR_SYNTAX},
    {"a space in the name", "example.com foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_SYNTAX},
    {"a Unicode space in the name",
     "example\xe3\x80\x80"
     "foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_SYNTAX},
    {"no UTF-8 in the name", "ex\xff+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_SYNTAX},
    {"another name", "example.com/fob+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_CRYPTO},
    {"another id", "example.com/foo+530d903b+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_CRYPTO},
    {"capitals", "example.com/foo+530D903A+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_CRYPTO},
    {"a short id", "example.com/foo+530d903+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_SYNTAX},
    {"another key", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2l",
     PST_ERR_CRYPTO},
    {"a short key", "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U",
     PST_ERR_SYNTAX},
    {"padding",
     "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k=", PST_ERR_SYNTAX},
    {"a line feed", C2SP_KEY "\n", PST_ERR_SYNTAX},
    {"another type", "example.com/foo+530d903a+AukyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k",
     PST_ERR_UNSUPPORTED},
    {"a secret one", GO_SECRET, PST_ERR_SYNTAX},
};

START_TEST(malformed_keys_are_refused)
{
    for (size_t i = 0; i < sizeof keys / sizeof keys[0]; i++) {
        struct pst_note_verifier key;
        enum pst_err r = pst_note_verifier_parse(pst_bytes_str(keys[i].text), &key);
        ck_assert_msg(r == keys[i].err, "%s: %s", keys[i].what, pst_err_name(r));
    }
}
END_TEST

START_TEST(malformed_signers_are_refused)
{
    struct pst_note_signer signer;
    static const char *const texts[] = {
        "", "PRIVATE+KEY+", GO_KEY, "PRIVATE+KEY+" GO_KEY, GO_SECRET "=", "private" GO_SECRET};
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_int_ne(pst_note_signer_parse(pst_bytes_str(texts[i]), &signer), PST_OK);
}
END_TEST

START_TEST(names_have_limits)
{
    char name[PST_NOTE_NAME_MAX_BYTES + 2];
    struct pst_note_signer signer;
    struct pst_secret *text = NULL;
    static const char *const wrong[] = {"", "a b", "a+b", "a\nb", "a\x01", "a\xc2\xa0", "\xc3"};
    memset(name, 'n', sizeof name);
    name[sizeof name - 1] = 0;
    ck_assert_int_eq(pst_note_signer_new(name, PST_NOTE_ED25519, NULL, &signer), PST_ERR_INVALID);
    name[sizeof name - 2] = 0;
    ck_assert_int_eq(pst_note_signer_new(name, PST_NOTE_ED25519, NULL, &signer), PST_OK);
    ck_assert_int_eq(pst_note_signer_format(&signer, &text), PST_OK);
    pst_note_signer_free(&signer);
    ck_assert_int_eq(
        pst_note_signer_parse(pst_bytes_str((const char *)pst_secret_bytes(text)), &signer),
        PST_OK);
    pst_note_signer_free(&signer);
    pst_secret_free(&text);
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(pst_note_signer_new(wrong[i], PST_NOTE_ED25519, NULL, &signer),
                         PST_ERR_INVALID);
    ck_assert_int_eq(pst_note_signer_new("a", (enum pst_note_type)2, NULL, &signer),
                     PST_ERR_INVALID);
}
END_TEST

/* ---- notes -------------------------------------------------------------- */

#define DASH "\xe2\x80\x94"
#define SIGNATURE " AAAAAAA=\n" /* five bytes: an id and one more */

static const struct {
    const char *what;
    const char *text;
    enum pst_err err;
} notes[] = {
    {"as it should be", "text\n\n" DASH " name" SIGNATURE, PST_OK},
    {"empty lines in the text", "a\n\nb\n\n\n" DASH " name" SIGNATURE, PST_OK},
    {"an empty text", "\n\n" DASH " name" SIGNATURE, PST_OK},
    {"nothing", "", PST_ERR_SYNTAX},
    {"no signature", "text\n\n", PST_ERR_SYNTAX},
    {"no empty line", "text\n" DASH " name" SIGNATURE, PST_ERR_SYNTAX},
    {"no line feed at the end", "text\n\n" DASH " name AAAAAAA=", PST_ERR_SYNTAX},
    {"an empty line at the end", "text\n\n" DASH " name" SIGNATURE "\n", PST_ERR_SYNTAX},
    {"a hyphen", "text\n\n- name" SIGNATURE, PST_ERR_SYNTAX},
    {"an en dash", "text\n\n\xe2\x80\x93 name" SIGNATURE, PST_ERR_SYNTAX},
    {"no blank after the dash", "text\n\n" DASH "name" SIGNATURE, PST_ERR_SYNTAX},
    {"no name", "text\n\n" DASH " " SIGNATURE, PST_ERR_SYNTAX},
    {"no signature bytes", "text\n\n" DASH " name \n", PST_ERR_SYNTAX},
    {"an id alone", "text\n\n" DASH " name AAAAAA==\n", PST_ERR_SYNTAX},
    {"no padding", "text\n\n" DASH " name AAAAAAA\n", PST_ERR_SYNTAX},
    {"bits left over", "text\n\n" DASH " name AAAAAAB=\n", PST_ERR_SYNTAX},
    {"two blanks", "text\n\n" DASH " name  AAAAAAA=\n", PST_ERR_SYNTAX},
    {"a blank behind", "text\n\n" DASH " name AAAAAAA= \n", PST_ERR_SYNTAX},
    {"a plus sign in the name", "text\n\n" DASH " na+me" SIGNATURE, PST_ERR_SYNTAX},
    {"a carriage return", "text\r\n\n" DASH " name" SIGNATURE, PST_ERR_SYNTAX},
    {"a tab", "te\txt\n\n" DASH " name" SIGNATURE, PST_ERR_SYNTAX},
    {"no UTF-8", "te\xffxt\n\n" DASH " name" SIGNATURE, PST_ERR_SYNTAX},
};

START_TEST(malformed_notes_are_refused)
{
    for (size_t i = 0; i < sizeof notes / sizeof notes[0]; i++) {
        struct pst_note note;
        enum pst_err r = pst_note_parse(pst_bytes_str(notes[i].text), &note);
        ck_assert_msg(r == notes[i].err, "%s: %s", notes[i].what, pst_err_name(r));
    }
}
END_TEST

START_TEST(limits_of_notes_hold)
{
    PST_BUF struct pst_buf bytes = {.max = 2 * PST_NOTE_MAX_BYTES};
    struct pst_note note;
    ck_assert_int_eq(pst_buf_append_str(&bytes, "text\n\n"), PST_OK);
    for (int i = 0; i < PST_NOTE_SIGNATURES_MAX; i++)
        ck_assert_int_eq(pst_buf_append_str(&bytes, DASH " name" SIGNATURE), PST_OK);
    ck_assert_int_eq(pst_note_parse(pst_buf_bytes(&bytes), &note), PST_OK);
    ck_assert_uint_eq(note.count, PST_NOTE_SIGNATURES_MAX);
    ck_assert_int_eq(pst_buf_append_str(&bytes, DASH " name" SIGNATURE), PST_OK);
    ck_assert_int_eq(pst_note_parse(pst_buf_bytes(&bytes), &note), PST_ERR_TOO_LONG);
    while (bytes.len <= PST_NOTE_MAX_BYTES)
        ck_assert_int_eq(pst_buf_append_str(&bytes, DASH " name" SIGNATURE), PST_OK);
    ck_assert_int_eq(pst_note_parse(pst_buf_bytes(&bytes), &note), PST_ERR_TOO_LONG);
}
END_TEST

START_TEST(only_texts_of_notes_are_signed)
{
    static const char *const texts[] = {"", "no line feed", "a\tb\n", "\xff\n"};
    PST_BUF struct pst_buf out = {.max = PST_NOTE_MAX_BYTES};
    signers_make();
    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        ck_assert_int_eq(pst_note_sign(&ledger, pst_bytes_str(texts[i]), &out), PST_ERR_INVALID);
    ck_assert_int_eq(pst_note_signature_append(&ledger, pst_bytes_str("a\n"), 1, &out),
                     PST_ERR_INVALID);
    ck_assert_int_eq(
        pst_note_signature_append(&witness, pst_bytes_str("a\n"), UINT64_C(1) << 63, &out),
        PST_ERR_INVALID);
    ck_assert_uint_eq(out.len, 0);
    signers_free();
}
END_TEST

/* ---- verifying ---------------------------------------------------------- */

enum line { L, W, X, END }; /* the ledger's, the witness's, a stranger's */

static const struct {
    const char *what;
    enum line lines[4];
    size_t keys; /* 1: the ledger's; 2: and the witness's */
    enum pst_err exact;
    enum pst_err known;
} verdicts[] = {
    {"the ledger's alone", {L, END}, 1, PST_OK, PST_OK},
    {"both", {L, W, END}, 2, PST_OK, PST_OK},
    {"a witness nobody named", {L, W, END}, 1, PST_ERR_TRAILING, PST_OK},
    {"a stranger's", {L, X, END}, 1, PST_ERR_TRAILING, PST_OK},
    {"a stranger's between", {L, X, W, END}, 2, PST_ERR_TRAILING, PST_OK},
    {"the wrong way round", {W, L, END}, 2, PST_ERR_TRAILING, PST_OK},
    {"the witness's is missing", {L, END}, 2, PST_ERR_NOT_FOUND, PST_OK},
    {"the ledger's is missing", {W, END}, 2, PST_ERR_TRAILING, PST_ERR_NOT_FOUND},
    {"the ledger's twice", {L, L, END}, 1, PST_ERR_TRAILING, PST_OK},
    {"the witness's twice", {L, W, W, END}, 2, PST_ERR_TRAILING, PST_OK},
    {"a stranger's alone", {X, END}, 1, PST_ERR_TRAILING, PST_ERR_NOT_FOUND},
};

START_TEST(rules_say_which_lines_may_stand)
{
    struct pst_note_signer stranger;
    struct pst_bytes text = pst_bytes_str("text\n");
    signers_make();
    /* A stranger by the ledger's name: another key, so another id. */
    fixture_signer(FIXTURE_NAME, PST_NOTE_ED25519, 3, &stranger);
    const struct pst_note_signer *signers[] = {[L] = &ledger, [W] = &witness, [X] = &stranger};
    const struct pst_note_verifier trusted[] = {ledger.verifier, witness.verifier};
    for (size_t i = 0; i < sizeof verdicts / sizeof verdicts[0]; i++) {
        PST_BUF struct pst_buf bytes = {.max = PST_NOTE_MAX_BYTES};
        ck_assert_int_eq(pst_buf_append_str(&bytes, "text\n\n"), PST_OK);
        for (const enum line *line = verdicts[i].lines; *line != END; line++)
            ck_assert_int_eq(pst_note_signature_append(signers[*line], text,
                                                       *line == W ? FIXTURE_TIME_S : 0, &bytes),
                             PST_OK);
        enum pst_err exact =
            verify(pst_buf_bytes(&bytes), trusted, verdicts[i].keys, PST_NOTE_EXACT);
        enum pst_err known =
            verify(pst_buf_bytes(&bytes), trusted, verdicts[i].keys, PST_NOTE_KNOWN);
        ck_assert_msg(exact == verdicts[i].exact, "%s: exact: %s", verdicts[i].what,
                      pst_err_name(exact));
        ck_assert_msg(known == verdicts[i].known, "%s: known: %s", verdicts[i].what,
                      pst_err_name(known));
    }
    pst_note_signer_free(&stranger);
    signers_free();
}
END_TEST

START_TEST(a_cosignature_covers_its_time_and_the_text)
{
    PST_BUF struct pst_buf bytes = {.max = PST_NOTE_MAX_BYTES};
    struct pst_note note;
    uint64_t times[2] = {9, 9};
    signers_make();
    const struct pst_note_verifier trusted[] = {ledger.verifier, witness.verifier};
    ck_assert_int_eq(pst_note_sign(&ledger, pst_bytes_str("text\n"), &bytes), PST_OK);
    ck_assert_int_eq(
        pst_note_signature_append(&witness, pst_bytes_str("text\n"), FIXTURE_TIME_S, &bytes),
        PST_OK);
    ck_assert_int_eq(pst_note_parse(pst_buf_bytes(&bytes), &note), PST_OK);
    ck_assert_int_eq(pst_note_verify(&note, trusted, 2, PST_NOTE_EXACT, times), PST_OK);
    ck_assert_uint_eq(times[0], 0);
    ck_assert_uint_eq(times[1], FIXTURE_TIME_S);
    note.signatures[1].bytes[7] ^= 1;
    ck_assert_int_eq(pst_note_verify(&note, trusted, 2, PST_NOTE_KNOWN, NULL), PST_ERR_CRYPTO);
    note.signatures[1].bytes[7] ^= 1;
    note.signatures[1].bytes[0] ^= 0x80; /* beyond 2^63-1 */
    ck_assert_int_eq(pst_note_verify(&note, trusted, 2, PST_NOTE_KNOWN, NULL), PST_ERR_CRYPTO);
    note.signatures[1].bytes[0] ^= 0x80;
    note.text = pst_bytes_str("test\n");
    ck_assert_int_eq(pst_note_verify(&note, trusted, 2, PST_NOTE_EXACT, NULL), PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_note_verify(&note, trusted, 0, PST_NOTE_EXACT, NULL), PST_ERR_INVALID);
    ck_assert_int_eq(
        pst_note_verify(&note, trusted, PST_NOTE_SIGNATURES_MAX + 1, PST_NOTE_EXACT, NULL),
        PST_ERR_INVALID);
    signers_free();
}
END_TEST

START_TEST(a_signature_of_another_length_does_not_verify)
{
    PST_BUF struct pst_buf bytes = {.max = PST_NOTE_MAX_BYTES};
    struct pst_note note;
    signers_make();
    ck_assert_int_eq(pst_note_sign(&ledger, pst_bytes_str("text\n"), &bytes), PST_OK);
    ck_assert_int_eq(pst_note_parse(pst_buf_bytes(&bytes), &note), PST_OK);
    ck_assert_uint_eq(note.signatures[0].len, PST_SIGNATURE_BYTES);
    for (size_t len = 1; len < 5000; len += 9) {
        note.signatures[0].len = len;
        ck_assert_int_eq(pst_note_verify(&note, &ledger.verifier, 1, PST_NOTE_KNOWN, NULL),
                         len == PST_SIGNATURE_BYTES ? PST_OK : PST_ERR_CRYPTO);
    }
    signers_free();
}
END_TEST

PST_UNIT_MAIN("note", examples_by_others_verify, a_signer_by_others_signs_the_same,
              malformed_keys_are_refused, malformed_signers_are_refused, names_have_limits,
              malformed_notes_are_refused, limits_of_notes_hold, only_texts_of_notes_are_signed,
              rules_say_which_lines_may_stand, a_cosignature_covers_its_time_and_the_text,
              a_signature_of_another_length_does_not_verify)
