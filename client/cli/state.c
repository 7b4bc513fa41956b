#include "client/cli/state.h"

#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <sys/stat.h>
#include <sysexits.h>

#include "postern/base64.h"
#include "postern/cleanup.h"

#define PROFILE_DEFAULT "default"
#define PROFILE_NAME_MAX 64
#define SESSION_MAX_BYTES 512
#define RING_KEY_BYTES 32
#define PATH_MAX_BYTES 4096

/* Profile names become folder names: plain words only. */
static bool profile_name_valid(const char *name)
{
    static const char allowed[] =
        "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-_.";
    size_t len = strlen(name);
    return len > 0 && len <= PROFILE_NAME_MAX && name[0] != '.' && strspn(name, allowed) == len;
}

static enum pst_err folder_of(struct pst_cli *cli, const char *profile, char **ret_folder)
{
    const char *state = getenv("XDG_STATE_HOME");
    const char *home = getenv("HOME");
    char *folder = NULL;
    int len = -1;
    if (state != NULL && state[0] == '/')
        len = asprintf(&folder, "%s/postern/%s", state, profile);
    else if (home != NULL && home[0] == '/')
        len = asprintf(&folder, "%s/.local/state/postern/%s", home, profile);
    else
        return pst_cli_fail(cli, PST_ERR_CONFIG,
                            "There is no place to keep the sign-in: set HOME or XDG_STATE_HOME.");
    if (len < 0)
        return PST_ERR_NOMEM;
    *ret_folder = folder;
    return PST_OK;
}

static enum pst_err make_folders(struct pst_cli *cli, const char *folder)
{
    PST_FREE char *path = strdup(folder);
    if (path == NULL)
        return PST_ERR_NOMEM;
    for (char *slash = path + 1;; slash++) {
        if (*slash != '/' && *slash != '\0')
            continue;
        char kept = *slash;
        *slash = '\0';
        if (mkdir(path, 0700) != 0 && errno != EEXIST)
            return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_IO,
                                     "The folder %s cannot be made: %s.", path, strerror(errno));
        *slash = kept;
        if (kept == '\0')
            return PST_OK;
    }
}

static enum pst_err write_all(int fd, const void *bytes, size_t len)
{
    const char *at = bytes;
    while (len > 0) {
        ssize_t n = write(fd, at, len);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0)
            return PST_ERR_IO;
        at += n;
        len -= (size_t)n;
    }
    return fsync(fd) == 0 ? PST_OK : PST_ERR_IO;
}

enum pst_err pst_state_write_file(struct pst_cli *cli, const char *path, const void *bytes,
                                  size_t len, unsigned mode)
{
    PST_FREE char *temporary = NULL;
    if (asprintf(&temporary, "%s.new-%ld", path, (long)getpid()) < 0) {
        temporary = NULL;
        return PST_ERR_NOMEM;
    }
    int fd = open(temporary, O_WRONLY | O_CREAT | O_TRUNC | O_NOFOLLOW | O_CLOEXEC, (mode_t)mode);
    if (fd < 0)
        return pst_cli_fail_exit(cli, EX_CANTCREAT, PST_ERR_IO, "%s cannot be written: %s.", path,
                                 strerror(errno));
    enum pst_err err = write_all(fd, bytes, len);
    if (close(fd) != 0)
        err = PST_ERR_IO;
    if (err == PST_OK && rename(temporary, path) != 0)
        err = PST_ERR_IO;
    if (err == PST_OK)
        return PST_OK;
    int why = errno;
    (void)unlink(temporary);
    return pst_cli_fail_exit(cli, EX_IOERR, err, "%s cannot be written: %s.", path, strerror(why));
}

static char *path_in(const struct pst_state *state, const char *name)
{
    char *path = NULL;
    return asprintf(&path, "%s/%s", state->folder, name) < 0 ? NULL : path;
}

static enum pst_err load_profile(struct pst_cli *cli, struct pst_state *state)
{
    PST_FREE char *path = path_in(state, "profile.json");
    if (path == NULL)
        return PST_ERR_NOMEM;
    json_error_t where;
    state->profile = json_load_file(path, JSON_REJECT_DUPLICATES, &where);
    if (state->profile == NULL && access(path, F_OK) == 0)
        return pst_cli_fail(cli, PST_ERR_CONFIG,
                            "%s is damaged (line %d): remove it and sign in "
                            "again.",
                            path, where.line);
    if (state->profile == NULL)
        state->profile = json_object();
    return state->profile != NULL ? PST_OK : PST_ERR_NOMEM;
}

/* Two lines: token, K. Whatever is else is no session. */
static enum pst_err read_session(struct pst_state *state, char *text, size_t len)
{
    const char *end = memchr(text, '\n', len);
    if (end == NULL || end == text)
        return PST_OK;
    size_t token_len = (size_t)(end - text);
    const char *key = end + 1;
    const char *key_end = memchr(key, '\n', len - token_len - 1);
    uint8_t raw[RING_KEY_BYTES];
    if (key_end == NULL || pst_base64url_decode_exact(pst_bytes(key, (size_t)(key_end - key)), raw,
                                                      sizeof raw) != PST_OK)
        return PST_OK;
    enum pst_err err = pst_secret_take(raw, sizeof raw, &state->ring_key);
    if (err == PST_OK)
        err = pst_secret_take(text, token_len, &state->token);
    return err;
}

static enum pst_err load_session(struct pst_state *state)
{
    PST_FREE char *path = path_in(state, "session");
    if (path == NULL)
        return PST_ERR_NOMEM;
    PST_FD int fd = open(path, O_RDONLY | O_NOFOLLOW | O_CLOEXEC);
    if (fd < 0)
        return PST_OK;
    char text[SESSION_MAX_BYTES];
    ssize_t len = read(fd, text, sizeof text);
    enum pst_err err = len > 0 ? read_session(state, text, (size_t)len) : PST_OK;
    sodium_memzero(text, sizeof text);
    return err;
}

static const char *first_of(const char *a, const char *b, const char *c)
{
    return a != NULL ? a : b != NULL ? b : c;
}

static const char *environment(const char *name)
{
    const char *value = getenv(name);
    return value != NULL && value[0] != '\0' ? value : NULL;
}

static enum pst_err resolve(struct pst_cli *cli, struct pst_state *state)
{
    const char *server = first_of(pst_cli_get(cli, "server"), environment("POSTERN_SERVER"),
                                  json_string_value(json_object_get(state->profile, "server")));
    const char *ca = first_of(pst_cli_get(cli, "ca"), environment("POSTERN_CA"),
                              json_string_value(json_object_get(state->profile, "ca")));
    if (server != NULL && strncmp(server, "https://", 8) != 0)
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "The server's address must begin with https://, not \"%s\".", server);
    if (server != NULL) {
        size_t len = strlen(server);
        while (len > 0 && server[len - 1] == '/')
            len--;
        state->server = strndup(server, len);
    }
    if (ca != NULL)
        state->ca = strdup(ca);
    return (server != NULL && state->server == NULL) || (ca != NULL && state->ca == NULL)
               ? PST_ERR_NOMEM
               : PST_OK;
}

enum pst_err pst_state_load(struct pst_cli *cli)
{
    if (cli->state != NULL)
        return PST_OK;
    const char *name = first_of(pst_cli_get(cli, "profile"), NULL, PROFILE_DEFAULT);
    if (!profile_name_valid(name))
        return pst_cli_fail(cli, PST_ERR_USAGE,
                            "A profile's name is made of letters, digits, - _ and dots.");
    struct pst_state *state = calloc(1, sizeof *state);
    if (state == NULL)
        return PST_ERR_NOMEM;
    enum pst_err err = folder_of(cli, name, &state->folder);
    if (err == PST_OK)
        err = load_profile(cli, state);
    if (err == PST_OK)
        err = load_session(state);
    if (err == PST_OK)
        err = resolve(cli, state);
    if (err != PST_OK) {
        pst_state_free(&state);
        return err;
    }
    cli->state = state;
    return PST_OK;
}

void pst_state_free(struct pst_state **state)
{
    if (*state == NULL)
        return;
    free((*state)->folder);
    free((*state)->server);
    free((*state)->ca);
    json_decref((*state)->profile);
    pst_secret_free(&(*state)->token);
    pst_secret_free(&(*state)->ring_key);
    free(*state);
    *state = NULL;
}

const char *pst_state_get(const struct pst_cli *cli, const char *name)
{
    return json_string_value(json_object_get(cli->state->profile, name));
}

enum pst_err pst_state_set(struct pst_cli *cli, const char *name, const char *value)
{
    if (value == NULL) {
        (void)json_object_del(cli->state->profile, name);
        return PST_OK;
    }
    return json_object_set_new(cli->state->profile, name, json_string(value)) == 0 ? PST_OK
                                                                                   : PST_ERR_NOMEM;
}

enum pst_err pst_state_save(struct pst_cli *cli)
{
    PST_FREE char *path = path_in(cli->state, "profile.json");
    PST_FREE char *text = json_dumps(cli->state->profile, JSON_INDENT(2) | JSON_SORT_KEYS);
    if (path == NULL || text == NULL)
        return PST_ERR_NOMEM;
    enum pst_err err = make_folders(cli, cli->state->folder);
    return err == PST_OK ? pst_state_write_file(cli, path, text, strlen(text), 0600) : err;
}

enum pst_err pst_state_session_save(struct pst_cli *cli, const char *token,
                                    const struct pst_secret *ring_key)
{
    PST_FREE char *path = path_in(cli->state, "session");
    enum pst_err err = make_folders(cli, cli->state->folder);
    if (path == NULL || err != PST_OK)
        return err != PST_OK ? err : PST_ERR_NOMEM;
    char text[SESSION_MAX_BYTES];
    char key[PST_BASE64_LEN(RING_KEY_BYTES) + 1];
    sodium_bin2base64(key, sizeof key, pst_secret_bytes(ring_key), RING_KEY_BYTES,
                      sodium_base64_VARIANT_URLSAFE_NO_PADDING);
    int len = snprintf(text, sizeof text, "%s\n%s\n", token, key);
    sodium_memzero(key, sizeof key);
    err = len > 0 && (size_t)len < sizeof text
              ? pst_state_write_file(cli, path, text, (size_t)len, 0600)
              : PST_ERR_TOO_LONG;
    if (err == PST_OK) {
        pst_secret_free(&cli->state->token);
        pst_secret_free(&cli->state->ring_key);
        err = read_session(cli->state, text, (size_t)len);
    }
    sodium_memzero(text, sizeof text);
    return err;
}

enum pst_err pst_state_session_forget(struct pst_cli *cli)
{
    pst_secret_free(&cli->state->token);
    pst_secret_free(&cli->state->ring_key);
    PST_FREE char *path = path_in(cli->state, "session");
    if (path == NULL)
        return PST_ERR_NOMEM;
    if (unlink(path) != 0 && errno != ENOENT)
        return pst_cli_fail(cli, PST_ERR_IO, "%s cannot be removed: %s.", path, strerror(errno));
    return PST_OK;
}
