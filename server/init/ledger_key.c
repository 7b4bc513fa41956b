#include "server/init/ledger_key.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "postern/note.h"
#include "server/config/config.h"
#include "server/role/privilege.h"

#define PATH_SIZE 4096

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

/* The text that a key's file holds, line feed included, in guarded memory. */
static enum pst_err secret_text(const struct pst_note_signer *signer, struct pst_secret **ret_text)
{
    PST_SECRET struct pst_secret *text = NULL;
    struct pst_secret *line = NULL;
    enum pst_err r = pst_note_signer_format(signer, &text);
    if (r != PST_OK)
        return r;
    size_t len = strlen((const char *)pst_secret_bytes(text));
    r = pst_secret_new(len + 1, &line);
    if (r != PST_OK)
        return r;
    memcpy(pst_secret_mut(line), pst_secret_bytes(text), len);
    pst_secret_mut(line)[len] = '\n';
    *ret_text = line;
    return PST_OK;
}

static enum pst_err signer_make(const struct pst_config *config, struct pst_note_signer *ret_signer)
{
    char name[PST_NOTE_NAME_MAX_BYTES + 1];
    int len = snprintf(name, sizeof name, "%s/ledger", config->origin);
    if (len < 0 || (size_t)len >= sizeof name)
        return PST_ERR_TOO_LONG;
    return pst_note_signer_new(name, PST_NOTE_ED25519, NULL, ret_signer);
}

static enum pst_err files_write(const struct pst_config *config, const char *public_path,
                                const struct pst_note_signer *signer)
{
    PST_BUF struct pst_buf verifier = {.max = PST_LEDGER_KEY_TEXT_MAX};
    PST_SECRET struct pst_secret *secret = NULL;
    enum pst_err r = secret_text(signer, &secret);
    if (r == PST_OK)
        r = pst_note_verifier_append(&signer->verifier, &verifier);
    if (r == PST_OK)
        r = pst_buf_append_byte(&verifier, '\n');
    /* The public half first: where the secret file stands, the other does. */
    if (r == PST_OK && unlink(public_path) != 0 && errno != ENOENT)
        r = PST_ERR_IO;
    if (r == PST_OK)
        r = file_write(public_path, 0644, pst_buf_bytes(&verifier));
    if (r == PST_OK)
        r = file_write(config->ledger_key, 0600,
                       pst_bytes(pst_secret_bytes(secret), pst_secret_len(secret)));
    return r == PST_OK ? keeper_own(config, config->ledger_key) : r;
}

static enum pst_err files_make(const struct pst_config *config, const char *public_path)
{
    struct pst_note_signer signer;
    enum pst_err r = signer_make(config, &signer);
    if (r != PST_OK)
        return r;
    r = files_write(config, public_path, &signer);
    pst_note_signer_free(&signer);
    return r;
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
    if (stat(config->ledger_key, &found) != 0)
        r = errno == ENOENT ? files_make(config, public_path) : PST_ERR_IO;
    return r == PST_OK ? verifier_read(public_path, ret_verifier) : r;
}
