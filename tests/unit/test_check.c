/* What posternd check says of a certificate, from before its time to after it. */
#include "server/check/check.h"

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "server/config/config.h"
#include "unit.h"

#define ORIGIN "messages.clinic.example"
#define DAY_S 86400
#define NOW ((time_t)1790000000)

struct files {
    char certificate[64];
    char key[64];
    char origin[64];
    struct pst_config config;
};

static void add_name(X509 *certificate)
{
    X509_EXTENSION *name = X509V3_EXT_conf_nid(NULL, NULL, NID_subject_alt_name, "DNS:" ORIGIN);
    ck_assert_ptr_nonnull(name);
    ck_assert_int_eq(X509_add_ext(certificate, name, -1), 1);
    X509_EXTENSION_free(name);
}

/* A certificate for the origin from begin to end, and its key, in files of their own. */
static void files_new(struct files *files, time_t begin, time_t end)
{
    EVP_PKEY *key = EVP_EC_gen("P-256");
    X509 *certificate = X509_new();
    memset(files, 0, sizeof *files);
    snprintf(files->certificate, sizeof files->certificate, "/tmp/postern-check-XXXXXX");
    snprintf(files->key, sizeof files->key, "/tmp/postern-check-XXXXXX");
    FILE *to = fdopen(mkstemp(files->certificate), "w");
    FILE *key_to = fdopen(mkstemp(files->key), "w");
    ck_assert(key != NULL && certificate != NULL && to != NULL && key_to != NULL);
    ck_assert_int_eq(X509_set_version(certificate, 2), 1);
    ck_assert_ptr_nonnull(ASN1_TIME_set(X509_getm_notBefore(certificate), begin));
    ck_assert_ptr_nonnull(ASN1_TIME_set(X509_getm_notAfter(certificate), end));
    ck_assert_int_eq(X509_set_pubkey(certificate, key), 1);
    add_name(certificate);
    ck_assert_int_gt(X509_sign(certificate, key, EVP_sha256()), 0);
    ck_assert_int_eq(PEM_write_X509(to, certificate), 1);
    ck_assert_int_eq(PEM_write_PrivateKey(key_to, key, NULL, NULL, 0, NULL, NULL), 1);
    fclose(to);
    fclose(key_to);
    X509_free(certificate);
    EVP_PKEY_free(key);
    snprintf(files->origin, sizeof files->origin, ORIGIN);
    files->config.origin = files->origin;
    files->config.https.certificate = files->certificate;
    files->config.https.key = files->key;
}

static void files_free(struct files *files)
{
    unlink(files->certificate);
    unlink(files->key);
}

static struct pst_check_result run(const char *name, const struct pst_config *config, time_t now)
{
    struct pst_check_result result = {.text = {.max = 1024}};
    for (size_t i = 0; i < pst_checks_count; i++) {
        if (strcmp(pst_checks[i].name, name) != 0)
            continue;
        ck_assert_int_eq(pst_checks[i].run(config, now, &result), PST_OK);
        return result;
    }
    ck_abort_msg("no check %s", name);
}

START_TEST(a_certificate_is_good_until_a_week_before_its_end)
{
    static const struct {
        const char *what;
        int64_t now_s; /* from NOW, when the certificate begins; it ends after 90 days */
        bool ok;
        int64_t days;
        const char *words;
    } cases[] = {
        {"before its time", -1, false, 90, "not valid yet"},
        {"its first second", 0, true, 90, "90 more days"},
        {"eight days left", 82 * DAY_S, true, 8, "8 more days"},
        {"seven days left", 83 * DAY_S, true, 7, "7 more days"},
        {"not quite seven", 83 * DAY_S + 1, false, 6, "renew it now"},
        {"its last second", 90 * DAY_S - 1, false, 0, "0 more days: renew it now"},
        {"its end", 90 * DAY_S, false, 0, "has expired"},
        {"an hour after", 90 * DAY_S + 3600, false, 0, "has expired"},
        {"a year after", 455 * DAY_S, false, -365, "has expired"},
    };
    struct files files;
    files_new(&files, NOW, NOW + 90 * DAY_S);
    for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
        struct pst_check_result said =
            run("certificate", &files.config, NOW + (time_t)cases[i].now_s);
        ck_assert_msg(said.ok == cases[i].ok && said.has_days && said.days == cases[i].days &&
                          strstr(pst_buf_str(&said.text), cases[i].words) != NULL,
                      "%s: %d, %lld days: %s", cases[i].what, said.ok, (long long)said.days,
                      pst_buf_str(&said.text));
        pst_buf_free(&said.text);
    }
    files_free(&files);
}
END_TEST

START_TEST(a_key_of_another_certificate_and_another_name_are_told)
{
    struct files files, other;
    static const char *const names[] = {"name", "key"};
    files_new(&files, NOW, NOW + DAY_S);
    files_new(&other, NOW, NOW + DAY_S);
    for (size_t i = 0; i < 2; i++) {
        struct pst_check_result said = run(names[i], &files.config, NOW);
        ck_assert_msg(said.ok, "%s", pst_buf_str(&said.text));
        pst_buf_free(&said.text);
    }
    snprintf(files.origin, sizeof files.origin, "other.clinic.example");
    files.config.https.key = other.key;
    for (size_t i = 0; i < 2; i++) {
        struct pst_check_result said = run(names[i], &files.config, NOW);
        ck_assert_msg(!said.ok && strstr(pst_buf_str(&said.text), "does not") != NULL, "%s",
                      pst_buf_str(&said.text));
        pst_buf_free(&said.text);
    }
    files_free(&other);
    files_free(&files);
}
END_TEST

START_TEST(what_is_no_certificate_is_told)
{
    struct files files;
    files_new(&files, NOW, NOW + DAY_S);
    files.config.https.certificate = files.key;
    struct pst_check_result said = run("certificate", &files.config, NOW);
    ck_assert(!said.ok && !said.has_days);
    pst_buf_free(&said.text);
    files_free(&files);
}
END_TEST

PST_UNIT_MAIN("check", a_certificate_is_good_until_a_week_before_its_end,
              a_key_of_another_certificate_and_another_name_are_told,
              what_is_no_certificate_is_told)
