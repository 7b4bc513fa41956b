/* The checks themselves, in the order in which they are told. */
#include <errno.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509.h>
#include <openssl/x509v3.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/statvfs.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "server/check/check.h"
#include "server/config/config.h"
#include "server/store/store.h"

#define DAY_S 86400

/* When this program was written; a clock behind it is wrong. 2026-01-01T00:00:00Z */
#define CLOCK_EARLIEST ((time_t)1767225600)

/* Less than this free and the next large messages do not fit. */
#define DISK_FREE_MIN_BYTES ((uint64_t)256 << 20)

static enum pst_err say(struct pst_check_result *result, bool ok, const char *text)
{
    result->ok = ok;
    return pst_buf_append_str(&result->text, text);
}

static X509 *certificate_read(const char *path)
{
    PST_FILE FILE *file = fopen(path, "re");
    return file == NULL ? NULL : PEM_read_X509(file, NULL, NULL, NULL);
}

static enum pst_err certificate_days(const X509 *certificate, time_t now,
                                     struct pst_check_result *result)
{
    int days = 0, seconds = 0;
    ASN1_TIME *at = ASN1_TIME_set(NULL, now);
    bool known =
        at != NULL && ASN1_TIME_diff(&days, &seconds, at, X509_get0_notAfter(certificate)) == 1;
    bool begun = at != NULL && ASN1_TIME_compare(X509_get0_notBefore(certificate), at) <= 0;
    ASN1_TIME_free(at);
    if (!known)
        return PST_ERR_NOMEM;
    result->has_days = true;
    result->days = days;
    if (!begun)
        return say(result, false, "the certificate is not valid yet");
    result->ok = days >= PST_CHECK_DAYS_LEFT_MIN;
    if (days < 0 || (days == 0 && seconds <= 0))
        return pst_buf_append_str(&result->text, "the certificate has expired: renew it");
    return pst_buf_printf(&result->text, "the certificate is valid for %d more days%s", days,
                          result->ok ? "" : ": renew it now");
}

static enum pst_err check_certificate(const struct pst_config *config, time_t now,
                                      struct pst_check_result *result)
{
    X509 *certificate = certificate_read(config->https.certificate);
    if (certificate == NULL)
        return say(result, false, "the certificate cannot be read as PEM");
    enum pst_err r = certificate_days(certificate, now, result);
    X509_free(certificate);
    return r;
}

static enum pst_err check_name(const struct pst_config *config, time_t now,
                               struct pst_check_result *result)
{
    (void)now;
    X509 *certificate = certificate_read(config->https.certificate);
    if (certificate == NULL)
        return say(result, false, "the certificate cannot be read as PEM");
    bool fits = X509_check_host(certificate, config->origin, strlen(config->origin), 0, NULL) == 1;
    X509_free(certificate);
    return fits ? say(result, true, "the certificate names the origin")
                : say(result, false, "the certificate does not name the origin: clients refuse it");
}

/* An encrypted key is an error, not a question on the terminal. */
static int no_password(char *buf, int size, int rwflag, void *arg)
{
    (void)buf, (void)size, (void)rwflag, (void)arg;
    return -1;
}

static enum pst_err check_key(const struct pst_config *config, time_t now,
                              struct pst_check_result *result)
{
    (void)now;
    PST_FILE FILE *file = fopen(config->https.key, "re");
    EVP_PKEY *key = file == NULL ? NULL : PEM_read_PrivateKey(file, NULL, no_password, NULL);
    X509 *certificate = certificate_read(config->https.certificate);
    bool fits = key != NULL && certificate != NULL && X509_check_private_key(certificate, key) == 1;
    bool readable = key != NULL;
    EVP_PKEY_free(key);
    X509_free(certificate);
    if (!readable)
        return say(result, false, "the TLS key cannot be read, or is encrypted");
    return fits ? say(result, true, "the TLS key belongs to the certificate")
                : say(result, false, "the TLS key does not belong to the certificate");
}

/* A file with a secret: nobody but its owner and, where allowed, its group may read it. */
static enum pst_err private_file(const char *path, mode_t forbidden, bool required,
                                 struct pst_check_result *result)
{
    struct stat st;
    if (stat(path, &st) != 0) {
        if (errno == ENOENT && !required)
            return PST_OK;
        result->ok = false;
        return pst_buf_printf(&result->text, "%s: %s; ", path, strerror(errno));
    }
    if ((st.st_mode & forbidden) == 0)
        return PST_OK;
    result->ok = false;
    return pst_buf_printf(&result->text, "%s has mode %04o, others may read it; ", path,
                          (unsigned)(st.st_mode & 07777));
}

static enum pst_err check_permissions(const struct pst_config *config, time_t now,
                                      struct pst_check_result *result)
{
    (void)now;
    result->ok = true;
    enum pst_err r = private_file(config->https.key, 077, true, result);
    if (r == PST_OK)
        r = private_file(config->data, 007, true, result);
    if (r == PST_OK)
        r = private_file(config->vault_key, 007, true, result);
    if (r == PST_OK)
        r = private_file(config->ledger_key, 007, true, result);
    if (r == PST_OK && result->ok)
        r = pst_buf_append_str(&result->text, "keys and data can be read by their roles alone");
    return r;
}

static enum pst_err check_clock(const struct pst_config *config, time_t now,
                                struct pst_check_result *result)
{
    (void)config;
    if (now < CLOCK_EARLIEST)
        return say(result, false, "the clock is years behind: messages would be refused");
    return say(result, true, "the clock is plausible");
}

static enum pst_err check_disk(const struct pst_config *config, time_t now,
                               struct pst_check_result *result)
{
    (void)now;
    struct statvfs disk;
    if (statvfs(config->data, &disk) != 0)
        return say(result, false, "the data folder cannot be read");
    uint64_t free_bytes = (uint64_t)disk.f_bavail * disk.f_frsize;
    result->ok = free_bytes >= DISK_FREE_MIN_BYTES;
    return pst_buf_printf(&result->text, "%llu MiB are free for data",
                          (unsigned long long)(free_bytes >> 20));
}

static enum pst_err check_store(const struct pst_config *config, time_t now,
                                struct pst_check_result *result)
{
    (void)now;
    int have = 0, know = 0;
    struct pst_store_problem problem = {0};
    enum pst_err r = pst_store_version_check(config->store, &have, &know, &problem);
    if (r == PST_ERR_NOT_FOUND)
        return say(result, false, "there is no store: run posternd init");
    if (r == PST_ERR_TRUNCATED)
        return say(result, false, problem.text);
    if (r != PST_OK && r != PST_ERR_UNSUPPORTED)
        return pst_buf_printf(&result->text, "the store cannot be opened, or is damaged: %s",
                              problem.text[0] != '\0' ? problem.text : pst_err_text(r));
    result->ok = r == PST_OK;
    return pst_buf_printf(&result->text, "the store has version %d, this program knows %d%s", have,
                          know, result->ok ? ", and it is whole" : "");
}

const struct pst_check pst_checks[] = {
    {"certificate", check_certificate},
    {"name", check_name},
    {"key", check_key},
    {"permissions", check_permissions},
    {"clock", check_clock},
    {"disk", check_disk},
    {"store", check_store},
};

const size_t pst_checks_count = sizeof pst_checks / sizeof pst_checks[0];
