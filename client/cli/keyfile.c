#include "client/cli/keyfile.h"

#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "client/cli/ask.h"
#include "postern/age.h"
#include "postern/age_armor.h"
#include "postern/cleanup.h"

/* What a whole key file is read into. */
struct text {
    struct pst_secret *secret; /* PST_SECRET_MAX_BYTES */
    size_t len;
};

static enum pst_err read_whole(struct pst_cli *cli, const char *path, struct text *text)
{
    PST_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pst_cli_fail_exit(cli, EX_NOINPUT, PST_ERR_IO, "%s cannot be read: %s.", path,
                                 strerror(errno));
    for (;;) {
        ssize_t n =
            read(fd, pst_secret_mut(text->secret) + text->len, PST_SECRET_MAX_BYTES - text->len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n < 0)
            return pst_cli_fail_exit(cli, EX_IOERR, PST_ERR_IO, "%s cannot be read: %s.", path,
                                     strerror(errno));
        if (n == 0)
            return PST_OK;
        text->len += (size_t)n;
        if (text->len == PST_SECRET_MAX_BYTES)
            return pst_cli_fail(cli, PST_ERR_TOO_LONG, "%s is too long to be a key file.", path);
    }
}

static struct pst_bytes text_bytes(const struct text *text)
{
    return pst_bytes(pst_secret_bytes(text->secret), text->len);
}

static enum pst_err text_write(void *ctx, struct pst_bytes bytes)
{
    struct text *text = ctx;
    if (bytes.len > PST_SECRET_MAX_BYTES - text->len)
        return PST_ERR_TOO_LONG;
    memcpy(pst_secret_mut(text->secret) + text->len, bytes.ptr, bytes.len);
    text->len += bytes.len;
    return PST_OK;
}

static bool is_sealed(struct pst_bytes text)
{
    static const char start[] = "age-encryption.org/";
    return pst_age_armor_likely(text) ||
           (text.len >= sizeof start - 1 && memcmp(text.ptr, start, sizeof start - 1) == 0);
}

static enum pst_err dearmor(struct pst_bytes text, struct pst_buf *out)
{
    struct pst_age_dearmorer dearmorer = {.out = pst_sink_buf(out)};
    if (!pst_age_armor_likely(text))
        return pst_buf_append_bytes(out, text);
    enum pst_err r = pst_age_dearmorer_update(&dearmorer, text);
    return r == PST_OK ? pst_age_dearmorer_finish(&dearmorer) : r;
}

/* The sealed file's plaintext straight into guarded memory. */
static enum pst_err unseal(struct pst_bytes file, const struct pst_secret *passphrase,
                           struct text *plain)
{
    struct pst_age_keys keys = {.passphrase = passphrase};
    struct pst_age_opener *opener = NULL;
    enum pst_err r = pst_age_opener_new(&keys, (struct pst_sink){text_write, plain}, &opener);
    if (r == PST_OK)
        r = pst_age_opener_update(opener, file);
    if (r == PST_OK)
        r = pst_age_opener_finish(opener);
    pst_age_opener_free(&opener);
    return r;
}

static enum pst_err unseal_asking(struct pst_cli *cli, const char *path, struct pst_bytes text,
                                  struct text *plain)
{
    PST_BUF struct pst_buf file = {.max = PST_SECRET_MAX_BYTES};
    PST_SECRET struct pst_secret *passphrase = NULL;
    enum pst_err r = dearmor(text, &file);
    if (r == PST_OK)
        r = pst_ask_passphrase(cli, &passphrase);
    if (r == PST_OK)
        r = unseal(pst_buf_bytes(&file), passphrase, plain);
    if (r == PST_ERR_NO_KEY)
        return pst_cli_fail(cli, r, "%s does not open: the passphrase is wrong.", path);
    if (r != PST_OK && !cli->said)
        return pst_cli_fail(cli, r, "%s is not a key file sealed with a passphrase: %s.", path,
                            pst_err_text(r));
    return r;
}

/* Moves what fits into all; the rest stays with from. */
static enum pst_err merge(struct pst_age_identities *all, struct pst_age_identities *from)
{
    while (from->count > 0) {
        if (all->count == PST_AGE_IDENTITIES_MAX)
            return PST_ERR_TOO_LONG;
        all->items[all->count++] = from->items[--from->count];
        from->items[from->count] = NULL;
    }
    return PST_OK;
}

static enum pst_err parse(struct pst_cli *cli, const char *path, const struct text *text,
                          struct pst_age_identities *identities)
{
    struct pst_age_identities found = {.count = 0};
    enum pst_err r = pst_age_identities_parse(text_bytes(text), &found);
    if (r == PST_OK)
        r = merge(identities, &found);
    pst_age_identities_free(&found);
    if (r == PST_ERR_TOO_LONG)
        return pst_cli_fail(cli, r, "There are more than %d keys.", PST_AGE_IDENTITIES_MAX);
    if (r == PST_ERR_SYNTAX)
        return pst_cli_fail(cli, r, "%s holds no key, or a line that is none.", path);
    return r;
}

enum pst_err pst_keyfile_add(struct pst_cli *cli, const char *path,
                             struct pst_age_identities *identities)
{
    struct text text = {.len = 0}, plain = {.len = 0};
    enum pst_err r = pst_secret_new(PST_SECRET_MAX_BYTES, &text.secret);
    if (r == PST_OK)
        r = pst_secret_new(PST_SECRET_MAX_BYTES, &plain.secret);
    if (r == PST_OK)
        r = read_whole(cli, path, &text);
    bool sealed = r == PST_OK && is_sealed(text_bytes(&text));
    if (sealed)
        r = unseal_asking(cli, path, text_bytes(&text), &plain);
    if (r == PST_OK)
        r = parse(cli, path, sealed ? &plain : &text, identities);
    pst_secret_free(&text.secret);
    pst_secret_free(&plain.secret);
    return r;
}
