#include "client/cli/ask.h"

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <sodium.h>
#include <string.h>
#include <strings.h>
#include <sys/stat.h>
#include <sysexits.h>
#include <termios.h>

#include "postern/cleanup.h"
#include "postern/kdf.h"

#define LINE_MAX_BYTES (PST_PASSPHRASE_MAX_BYTES + 2)
#define READ_BYTES 65536
#define MIB ((size_t)1024 * 1024)

/* Nobody is asked who does not see what is said: scripts catch stderr. */
static int open_terminal(void)
{
    return !isatty(STDERR_FILENO) ? -1 : open("/dev/tty", O_RDWR | O_CLOEXEC | O_NOCTTY);
}

bool pst_ask_possible(void)
{
    PST_FD int fd = open_terminal();
    return fd >= 0;
}

/* One line into guarded memory, without its line feed, with a NUL. */
static enum pst_err read_line(int fd, struct pst_secret **ret_text)
{
    PST_SECRET struct pst_secret *line = NULL;
    enum pst_err err = pst_secret_new(LINE_MAX_BYTES, &line);
    if (err != PST_OK)
        return err;
    uint8_t *at = pst_secret_mut(line);
    size_t len = 0;
    for (;;) {
        ssize_t n = read(fd, at + len, 1);
        if (n < 0 && errno == EINTR)
            continue;
        if (n <= 0 || at[len] == '\n')
            break;
        if (++len == LINE_MAX_BYTES)
            return PST_ERR_TOO_LONG;
    }
    if (len > 0 && at[len - 1] == '\r')
        len--;
    if (len == 0)
        return PST_ERR_TRUNCATED;
    at[len] = '\0';
    return pst_secret_take(at, len + 1, ret_text);
}

enum pst_err pst_ask_line(struct pst_cli *cli, const char *prompt, struct pst_secret **ret_text)
{
    (void)cli;
    PST_FD int fd = open_terminal();
    struct termios before;
    if (fd < 0 || tcgetattr(fd, &before) != 0)
        return PST_ERR_DENIED;
    struct termios silent = before;
    silent.c_lflag &= (tcflag_t) ~(ECHO | ECHOE | ECHOK | ECHONL);
    if (tcsetattr(fd, TCSAFLUSH, &silent) != 0)
        return PST_ERR_DENIED;
    dprintf(fd, "%s", prompt);
    enum pst_err err = read_line(fd, ret_text);
    (void)tcsetattr(fd, TCSAFLUSH, &before);
    dprintf(fd, "\n");
    return err == PST_ERR_TRUNCATED ? PST_ERR_DENIED : err;
}

enum pst_err pst_ask_plain(struct pst_cli *cli, const char *prompt, char *ret_text, size_t size)
{
    (void)cli;
    PST_FD int fd = open_terminal();
    if (fd < 0)
        return PST_ERR_DENIED;
    dprintf(fd, "%s", prompt);
    PST_SECRET struct pst_secret *line = NULL;
    enum pst_err err = read_line(fd, &line);
    if (err != PST_OK || pst_secret_len(line) > size)
        return PST_ERR_DENIED;
    memcpy(ret_text, pst_secret_bytes(line), pst_secret_len(line));
    return PST_OK;
}

bool pst_ask_yes(struct pst_cli *cli, const char *question)
{
    char answer[16] = "";
    return pst_ask_plain(cli, question, answer, sizeof answer) == PST_OK &&
           (strcasecmp(answer, "y") == 0 || strcasecmp(answer, "yes") == 0);
}

enum pst_err pst_ask_secret_file(struct pst_cli *cli, const char *path,
                                 struct pst_secret **ret_text)
{
    PST_FD int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pst_cli_fail_exit(cli, EX_NOINPUT, PST_ERR_IO, "%s cannot be read: %s.", path,
                                 strerror(errno));
    enum pst_err err = read_line(fd, ret_text);
    if (err == PST_ERR_TRUNCATED)
        return pst_cli_fail(cli, PST_ERR_SYNTAX, "%s has no first line.", path);
    if (err == PST_ERR_TOO_LONG)
        return pst_cli_fail(cli, err, "The first line of %s is too long.", path);
    return err;
}

/* Cuts the NUL off: Argon2id takes the characters alone. */
static enum pst_err without_nul(struct pst_secret *text, struct pst_secret **ret_phrase)
{
    size_t len = pst_secret_len(text) - 1;
    return len == 0 ? PST_ERR_INVALID : pst_secret_take(pst_secret_mut(text), len, ret_phrase);
}

static const char *file_of(const char *variable)
{
    const char *path = getenv(variable);
    return path != NULL && path[0] != '\0' ? path : NULL;
}

enum pst_err pst_ask_passphrase(struct pst_cli *cli, struct pst_secret **ret_phrase)
{
    PST_SECRET struct pst_secret *text = NULL;
    const char *path = file_of("POSTERN_PASSPHRASE_FILE");
    enum pst_err err = path != NULL ? pst_ask_secret_file(cli, path, &text)
                                    : pst_ask_line(cli, "Passphrase: ", &text);
    if (err == PST_ERR_DENIED)
        return pst_cli_fail(cli, err,
                            "This needs your passphrase: type it at a terminal, or set "
                            "POSTERN_PASSPHRASE_FILE to a file whose first line it is.");
    return err == PST_OK ? without_nul(text, ret_phrase) : err;
}

/* Those that every list of stolen passwords begins with, and what longer ones are made of. */
static const char *const blocklist[] = {
    "password",
    "passwort",
    "passphrase",
    "contrasena",
    "12345678",
    "123456789",
    "1234567890",
    "qwertyui",
    "qwertyuiop",
    "asdfghjkl",
    "1q2w3e4r",
    "1q2w3e4r5t",
    "qwerty123",
    "iloveyou",
    "sunshine",
    "princess",
    "football",
    "baseball",
    "superman",
    "trustno1",
    "letmein1",
    "welcome1",
    "admin123",
    "administrator",
    "changeme",
    "secret12",
    "starwars",
    "whatever",
    "passw0rd",
    "p@ssw0rd",
    "p@ssword",
    "abcdefgh",
    "abcd1234",
    "11111111",
    "00000000",
    "87654321",
    "987654321",
    "internet",
    "computer",
    "michelle",
    "jennifer",
    "corvette",
    "mercedes",
    "samantha",
    "victoria",
    "charlotte",
    "elizabeth",
    "alexander",
    "christopher",
    "butterfly",
    "chocolate",
    "liverpool",
    "manchester",
    "barcelona",
    "basketball",
    "spiderman",
    "letmeinplease",
    "correcthorsebatterystaple",
    "correct horse battery staple",
    "monkey",
    "dragon",
    "postern",
    "messages",
    "clinic",
    "hospital",
    "doctor",
    "patient",
    "medicine",
};

/* The text in lower case without blanks and what merely decorates it at its end. */
static size_t bare(const char *text, size_t len, char *ret_bare, size_t size)
{
    size_t kept = 0;
    for (size_t i = 0; i < len && kept + 1 < size; i++) {
        if (text[i] != ' ')
            ret_bare[kept++] = (char)tolower((unsigned char)text[i]);
    }
    while (kept > 0 && strchr("0123456789!?.,#*-_", ret_bare[kept - 1]) != NULL)
        kept--;
    ret_bare[kept] = '\0';
    return kept;
}

/* One piece repeated all along: "abcabcabcabcabc". */
static bool repeats(const char *text, size_t len)
{
    for (size_t period = 1; period <= len / 3; period++) {
        size_t i = period;
        while (i < len && text[i] == text[i - period])
            i++;
        if (i == len)
            return true;
    }
    return false;
}

/* Each character one above (or below) the last: "abcdefgh", "87654321". */
static bool is_run(const char *text, size_t len, int step)
{
    for (size_t i = 1; i < len; i++) {
        if (text[i] - text[i - 1] != step)
            return false;
    }
    return true;
}

static bool blocked(const char *text, size_t len, const char *login)
{
    char plain[PST_PASSPHRASE_MAX_BYTES + 1];
    size_t plain_len = bare(text, len, plain, sizeof plain);
    bool is = plain_len == 0 || repeats(text, len) || is_run(text, len, 1) || is_run(text, len, -1);
    if (login != NULL && login[0] != '\0')
        is = is || strncasecmp(text, login, len) == 0 || strcasecmp(plain, login) == 0;
    for (size_t i = 0; !is && i < sizeof blocklist / sizeof blocklist[0]; i++) {
        is = (strlen(blocklist[i]) == len && strncasecmp(text, blocklist[i], len) == 0) ||
             strcmp(plain, blocklist[i]) == 0;
    }
    sodium_memzero(plain, sizeof plain);
    return is;
}

const char *pst_passphrase_flaw(const char *text, size_t len, bool with_factor, const char *login)
{
    size_t characters = 0;
    for (size_t i = 0; i < len; i++)
        characters += ((unsigned char)text[i] & 0xc0) != 0x80;
    if (len > PST_PASSPHRASE_MAX_BYTES)
        return "That passphrase is too long to be handled.";
    if (with_factor && characters < PST_PASSPHRASE_MIN_WITH_FACTOR)
        return "That passphrase is too short: use 8 characters or more. A few words do well.";
    if (!with_factor && characters < PST_PASSPHRASE_MIN_ALONE)
        return "That passphrase is too short: use 15 characters or more. Four or five words do "
               "well.";
    if (blocked(text, len, login))
        return "That passphrase is among the first that others would guess. Take one that only "
               "you would think of.";
    return NULL;
}

static enum pst_err ask_twice(struct pst_cli *cli, struct pst_secret **ret_text)
{
    PST_SECRET struct pst_secret *again = NULL;
    enum pst_err err = pst_ask_line(cli, "New passphrase: ", ret_text);
    if (err == PST_OK)
        err = pst_ask_line(cli, "The same once more: ", &again);
    if (err == PST_ERR_DENIED)
        return pst_cli_fail(cli, err,
                            "This needs a new passphrase: type it at a terminal, or give it in a "
                            "file (see postern(1), ENVIRONMENT).");
    if (err == PST_OK && !pst_secret_equal(*ret_text, again))
        return pst_cli_fail(cli, PST_ERR_INVALID, "The two are not the same. Nothing was changed.");
    return err;
}

enum pst_err pst_ask_new_passphrase(struct pst_cli *cli, const char *variable, bool with_factor,
                                    const char *login, struct pst_secret **ret_phrase)
{
    PST_SECRET struct pst_secret *text = NULL;
    const char *path = file_of(variable);
    enum pst_err err = path != NULL ? pst_ask_secret_file(cli, path, &text) : ask_twice(cli, &text);
    if (err != PST_OK)
        return err;
    const char *flaw = pst_passphrase_flaw((const char *)pst_secret_bytes(text),
                                           pst_secret_len(text) - 1, with_factor, login);
    if (flaw != NULL)
        return pst_cli_fail(cli, PST_ERR_INVALID, "%s", flaw);
    return without_nul(text, ret_phrase);
}

enum pst_err pst_read_file(struct pst_cli *cli, const char *path, size_t max,
                           struct pst_buf *ret_bytes)
{
    bool standard = strcmp(path, "-") == 0;
    int fd = standard ? STDIN_FILENO : open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0)
        return pst_cli_fail_exit(cli, EX_NOINPUT, PST_ERR_IO, "%s cannot be read: %s.", path,
                                 strerror(errno));
    pst_buf_init(ret_bytes, max);
    enum pst_err err = PST_OK;
    ssize_t n = 1;
    static char piece[READ_BYTES];
    while (err == PST_OK && (n = read(fd, piece, sizeof piece)) != 0) {
        if (n < 0 && errno != EINTR)
            break;
        if (n > 0)
            err = pst_buf_append(ret_bytes, piece, (size_t)n);
    }
    sodium_memzero(piece, sizeof piece);
    if (n < 0)
        err = pst_cli_fail_exit(cli, EX_IOERR, PST_ERR_IO, "%s cannot be read: %s.", path,
                                strerror(errno));
    if (err == PST_ERR_TOO_LONG)
        err = pst_cli_fail(cli, err, "%s is too large: %zu %s at most.", path,
                           max >> (max >= MIB ? 20 : 10), max >= MIB ? "MiB" : "KiB");
    if (!standard)
        (void)close(fd);
    if (err != PST_OK)
        pst_buf_free(ret_bytes);
    return err;
}
