/*
 * Signed notes, checkpoints and keys: what is read is written back to the same
 * bytes, so that nothing has two spellings.
 */
#include "postern/note.h"

#include <string.h>

#include "fuzz.h"
#include "postern/base64.h"
#include "postern/checkpoint.h"
#include "postern/cleanup.h"

/* As text, blank line and lines; only signatures that are kept whole can be. */
static void note_again(const struct pst_note *note, struct pst_bytes bytes)
{
    PST_BUF struct pst_buf out = {.max = PST_NOTE_MAX_BYTES};
    HOLDS(pst_buf_append_bytes(&out, note->text) == PST_OK);
    HOLDS(pst_buf_append_byte(&out, '\n') == PST_OK);
    for (size_t i = 0; i < note->count; i++) {
        const struct pst_note_signature *line = &note->signatures[i];
        PST_BUF struct pst_buf signature = {.max = sizeof line->id + sizeof line->bytes};
        if (line->len > sizeof line->bytes)
            return;
        HOLDS(pst_buf_append(&signature, line->id, sizeof line->id) == PST_OK);
        HOLDS(pst_buf_append(&signature, line->bytes, line->len) == PST_OK);
        HOLDS(pst_buf_append_str(&out, "\xe2\x80\x94 ") == PST_OK);
        HOLDS(pst_buf_append_bytes(&out, line->name) == PST_OK);
        HOLDS(pst_buf_append_byte(&out, ' ') == PST_OK);
        HOLDS(pst_base64_padded_append(&out, pst_buf_bytes(&signature)) == PST_OK);
        HOLDS(pst_buf_append_byte(&out, '\n') == PST_OK);
    }
    HOLDS(pst_bytes_equal(pst_buf_bytes(&out), bytes));
}

static void read_note(struct pst_bytes bytes)
{
    static struct pst_note_verifier keys[1];
    struct pst_note note;
    if (pst_note_parse(bytes, &note) != PST_OK)
        return;
    HOLDS(note.count > 0 && note.count <= PST_NOTE_SIGNATURES_MAX);
    HOLDS(pst_note_text_valid(note.text));
    note_again(&note, bytes);
    /* By a key with the name and id of the first line: it is looked at, and is not its own. */
    memcpy(keys[0].name, note.signatures[0].name.ptr, note.signatures[0].name.len);
    keys[0].name[note.signatures[0].name.len] = 0;
    memcpy(keys[0].id, note.signatures[0].id, sizeof keys[0].id);
    keys[0].type = note.count % 2 == 0 ? PST_NOTE_ED25519 : PST_NOTE_COSIGNATURE;
    HOLDS(pst_note_verify(&note, keys, 1, PST_NOTE_KNOWN, NULL) == PST_ERR_CRYPTO);
    HOLDS(pst_note_verify(&note, keys, 1, PST_NOTE_EXACT, NULL) != PST_OK);
}

static void read_checkpoint(struct pst_bytes bytes)
{
    struct pst_checkpoint checkpoint;
    PST_BUF struct pst_buf out = {.max = bytes.len};
    if (pst_checkpoint_parse(bytes, &checkpoint) != PST_OK)
        return;
    HOLDS(pst_checkpoint_append(&checkpoint, &out) == PST_OK);
    HOLDS(pst_bytes_equal(pst_buf_bytes(&out), bytes));
}

static void read_keys(struct pst_bytes bytes)
{
    struct pst_note_verifier verifier;
    struct pst_note_signer signer;
    PST_BUF struct pst_buf out = {.max = PST_NOTE_KEY_MAX_BYTES};
    struct pst_secret *text = NULL;
    if (pst_note_verifier_parse(bytes, &verifier) == PST_OK) {
        HOLDS(pst_note_verifier_append(&verifier, &out) == PST_OK);
        HOLDS(pst_bytes_equal(pst_buf_bytes(&out), bytes));
    }
    if (pst_note_signer_parse(bytes, &signer) == PST_OK) {
        HOLDS(pst_note_signer_format(&signer, &text) == PST_OK);
        HOLDS(pst_bytes_equal(pst_bytes_str((const char *)pst_secret_bytes(text)), bytes));
        pst_secret_free(&text);
        pst_note_signer_free(&signer);
    }
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    static bool started;
    if (!started)
        HOLDS(pst_secret_init() == PST_OK);
    started = true;
    read_note(pst_bytes(data, len));
    read_checkpoint(pst_bytes(data, len));
    read_keys(pst_bytes(data, len));
    return 0;
}
