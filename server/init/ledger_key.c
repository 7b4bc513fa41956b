#include "server/init/ledger_key.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/hash.h"
#include "postern/sign.h"
#include "server/config/config.h"
#include "server/role/privilege.h"

/* C2SP signed-note: Ed25519. */
#define NOTE_ED25519 0x01
#define NOTE_ID_BYTES 4
/* type, key, padding to four characters; and a NUL. */
#define KEY_TEXT_SIZE 48
#define PATH_SIZE 4096

static enum pst_err name_append(const struct pst_config *config, struct pst_buf *out)
{
    return pst_buf_printf(out, "%s/ledger", config->origin);
}

/* SHA-256 of name, line feed, type, public key: its first four bytes. */
static enum pst_err note_id(const struct pst_config *config,
                            const struct pst_sign_public *public_key, uint8_t *ret_id)
{
    PST_BUF struct pst_buf text = {.max = PST_LEDGER_KEY_TEXT_MAX};
    struct pst_sha256 hash;
    enum pst_err r = name_append(config, &text);
    if (r == PST_OK)
        r = pst_buf_append(&text, "\n\x01", 2);
    if (r == PST_OK)
        r = pst_buf_append(&text, public_key->bytes, sizeof public_key->bytes);
    if (r == PST_OK)
        r = pst_sha256(pst_buf_bytes(&text), &hash);
    if (r == PST_OK)
        memcpy(ret_id, hash.bytes, NOTE_ID_BYTES);
    return r;
}

static enum pst_err key_append(const struct pst_config *config, const char *prefix,
                               const struct pst_sign_public *public_key, const uint8_t *key,
                               struct pst_buf *out)
{
    uint8_t id[NOTE_ID_BYTES];
    uint8_t typed[1 + PST_SIGN_SEED_BYTES] = {NOTE_ED25519};
    enum pst_err r = note_id(config, public_key, id);
    memcpy(typed + 1, key, PST_SIGN_SEED_BYTES);
    if (r == PST_OK)
        r = pst_buf_append_str(out, prefix);
    if (r == PST_OK)
        r = name_append(config, out);
    if (r == PST_OK)
        r = pst_buf_printf(out, "+%02x%02x%02x%02x+", id[0], id[1], id[2], id[3]);
    if (r == PST_OK)
        r = pst_base64_padded_append(out, pst_bytes(typed, sizeof typed));
    sodium_memzero(typed, sizeof typed);
    return r;
}

static enum pst_err file_write(const char *path, mode_t mode, struct pst_bytes text)
{
    PST_FD int fd = open(path, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC | O_NOFOLLOW, mode);
    if (fd < 0)
        return PST_ERR_IO;
    bool written = write(fd, text.ptr, text.len) == (ssize_t)text.len && fchmod(fd, mode) == 0 &&
                   fsync(fd) == 0;
    if (!written)
        (void)unlink(path);
    return written ? PST_OK : PST_ERR_IO;
}

/* The keeper alone reads the key; without root everything is ours. */
static enum pst_err keeper_own(const struct pst_config *config, const char *path)
{
    struct pst_privilege_ids ids;
    if (geteuid() != 0)
        return PST_OK;
    enum pst_err r = pst_privilege_resolve(config->users.keeper, config->users.group, &ids);
    if (r != PST_OK)
        return r;
    return chown(path, ids.uid, ids.gid) == 0 ? PST_OK : PST_ERR_IO;
}

static enum pst_err files_make(const struct pst_config *config, const char *public_path,
                               struct pst_buf *secret)
{
    PST_BUF struct pst_buf verifier = {.max = PST_LEDGER_KEY_TEXT_MAX};
    struct pst_signer *signer = NULL;
    enum pst_err r = pst_signer_new(NULL, &signer);
    if (r != PST_OK)
        return r;
    r = key_append(config, "PRIVATE+KEY+", &signer->public_key, pst_secret_bytes(signer->seed),
                   secret);
    if (r == PST_OK)
        r = pst_buf_append_byte(secret, '\n');
    if (r == PST_OK)
        r = key_append(config, "", &signer->public_key, signer->public_key.bytes, &verifier);
    if (r == PST_OK)
        r = pst_buf_append_byte(&verifier, '\n');
    pst_signer_free(&signer);
    /* The public half first: where the secret file stands, the other does. */
    if (r == PST_OK && unlink(public_path) != 0 && errno != ENOENT)
        r = PST_ERR_IO;
    if (r == PST_OK)
        r = file_write(public_path, 0644, pst_buf_bytes(&verifier));
    if (r == PST_OK)
        r = file_write(config->ledger_key, 0600, pst_buf_bytes(secret));
    return r == PST_OK ? keeper_own(config, config->ledger_key) : r;
}

static enum pst_err verifier_read(const char *path, struct pst_buf *ret_verifier)
{
    char line[PST_LEDGER_KEY_TEXT_MAX];
    PST_FILE FILE *file = fopen(path, "re");
    if (file == NULL || fgets(line, sizeof line, file) == NULL)
        return PST_ERR_IO;
    line[strcspn(line, "\n")] = '\0';
    return pst_buf_append_str(ret_verifier, line);
}

enum pst_err pst_ledger_key_make(const struct pst_config *config, struct pst_buf *ret_verifier)
{
    char public_path[PATH_SIZE];
    struct stat found;
    int len = snprintf(public_path, sizeof public_path, "%s.pub", config->ledger_key);
    if (len < 0 || (size_t)len >= sizeof public_path)
        return PST_ERR_TOO_LONG;
    enum pst_err r = PST_OK;
    if (stat(config->ledger_key, &found) != 0) {
        struct pst_buf secret = {.max = PST_LEDGER_KEY_TEXT_MAX};
        r = errno == ENOENT ? files_make(config, public_path, &secret) : PST_ERR_IO;
        sodium_memzero(secret.bytes, secret.len);
        pst_buf_free(&secret);
    }
    return r == PST_OK ? verifier_read(public_path, ret_verifier) : r;
}
