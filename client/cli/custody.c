#include "client/cli/custody.h"

#include <sodium.h>
#include <sysexits.h>

#include "client/cli/ask.h"
#include "postern/buf.h"
#include "postern/share.h"

#define SHARE_FILE_MAX_BYTES 4096

struct shares {
    struct pst_buf texts[PST_SHARES_MAX];
    const char *paths[PST_SHARES_MAX];
    size_t count;
};

static void free_shares(struct shares *shares)
{
    for (size_t i = 0; i < shares->count; i++) {
        if (shares->texts[i].len > 0)
            sodium_memzero(shares->texts[i].bytes, shares->texts[i].len);
        pst_buf_free(&shares->texts[i]);
    }
}

static enum pst_err read_share(struct pst_cli *cli, struct shares *shares, const char *path)
{
    if (shares->count == PST_SHARES_MAX)
        return pst_cli_fail(cli, PST_ERR_USAGE, "These are too many shares.");
    enum pst_err err =
        pst_read_file(cli, path, SHARE_FILE_MAX_BYTES, &shares->texts[shares->count]);
    if (err == PST_OK)
        shares->paths[shares->count++] = path;
    return err;
}

static enum pst_err combine_read(struct pst_cli *cli, const struct shares *shares,
                                 struct pst_secret **ret_identity)
{
    struct pst_bytes texts[PST_SHARES_MAX];
    size_t which = shares->count;
    size_t need = 0;
    for (size_t i = 0; i < shares->count; i++)
        texts[i] = pst_buf_bytes(&shares->texts[i]);
    enum pst_share_problem problem =
        pst_share_combine(texts, shares->count, ret_identity, &which, &need);
    if (problem == PST_SHARE_OK)
        return PST_OK;
    if (problem == PST_SHARE_TOO_FEW)
        return pst_cli_fail_exit(cli, EX_NOPERM, PST_ERR_DENIED,
                                 "%zu shares are too few: it takes %zu.", shares->count, need);
    bool one =
        which < shares->count && (problem == PST_SHARE_NOT_SHARE || problem == PST_SHARE_DAMAGED ||
                                  problem == PST_SHARE_REPEATED);
    return pst_cli_fail(cli, PST_ERR_INVALID, "%s%s%s", one ? shares->paths[which] : "",
                        one ? ": " : "", pst_share_problem_text(problem));
}

enum pst_err pst_custody_combine(struct pst_cli *cli, const char *const *paths, size_t count,
                                 struct pst_secret **ret_identity)
{
    struct shares shares = {0};
    enum pst_err err = PST_OK;
    for (size_t i = 0; err == PST_OK && i < count; i++)
        err = read_share(cli, &shares, paths[i]);
    if (err == PST_OK)
        err = combine_read(cli, &shares, ret_identity);
    free_shares(&shares);
    return err;
}
