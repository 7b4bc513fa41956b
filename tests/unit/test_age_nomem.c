/* Each allocation of sealing and opening fails in turn: an error, no leak, nothing half written. */
#include "age_files.h"
#include "failing.h"

#define TEXT_LEN ((size_t)70000)

static struct pst_secret *identity, *passphrase;
static struct pst_age_recipient recipients[2];
static uint8_t text[TEXT_LEN];

static void setup(void)
{
    PST_SECRET struct pst_secret *other = identity_of(2);
    identity = identity_of(1);
    passphrase = secret_of("open sesame", 11);
    recipients[0] = recipient_of(other);
    recipients[1] = recipient_of(identity);
}

static void teardown(void)
{
    pst_secret_free(&identity);
    pst_secret_free(&passphrase);
}

/* Runs until no allocation is left to fail; says how many there were. */
static long try_each(enum pst_err (*step)(struct pst_buf *out), size_t want_len)
{
    for (long nth = 0;; nth++) {
        struct pst_buf out = {.max = FILE_MAX};
        failing_begin(nth);
        enum pst_err r = step(&out);
        if (!failing_end()) {
            ck_assert_int_eq(r, PST_OK);
            ck_assert_uint_eq(out.len, want_len);
            pst_buf_free(&out);
            return nth;
        }
        ck_assert_msg(r == PST_ERR_NOMEM, "allocation %ld: %s", nth, pst_err_name(r));
        ck_assert_uint_eq(out.len, 0);
        pst_buf_free(&out);
    }
}

static enum pst_err seal_step(struct pst_buf *out)
{
    struct pst_age_sealing sealing = {.recipients = recipients, .recipient_count = 2};
    PST_SECRET struct pst_secret *file_key = NULL;
    return pst_age_seal_buf(&sealing, pst_bytes(text, TEXT_LEN), out, &file_key);
}

static enum pst_err seal_passphrase_step(struct pst_buf *out)
{
    struct pst_age_sealing sealing = {.passphrase = passphrase, .log_n = 2};
    return pst_age_seal_buf(&sealing, pst_bytes(text, TEXT_LEN), out, NULL);
}

static struct pst_buf sealed;

static enum pst_err open_step(struct pst_buf *out)
{
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    PST_SECRET struct pst_secret *file_key = NULL;
    return pst_age_open_buf(&keys, pst_buf_bytes(&sealed), out, &file_key);
}

static enum pst_err open_passphrase_step(struct pst_buf *out)
{
    struct pst_age_keys keys = {.passphrase = passphrase};
    return pst_age_open_buf(&keys, pst_buf_bytes(&sealed), out, NULL);
}

static enum pst_err stanzas_step(struct pst_buf *out)
{
    struct pst_age_keys keys = {.identities = &identity, .identity_count = 1};
    struct pst_bytes file = pst_buf_bytes(&sealed);
    struct pst_age_header header;
    PST_SECRET struct pst_secret *file_key = NULL;
    enum pst_err r = pst_age_header_inspect(file, &header);
    if (r == PST_OK)
        r = pst_age_header_unwrap(file, &header, &keys, &file_key);
    if (r == PST_OK)
        r = pst_age_header_check_stanzas(file, &header, file_key, recipients, 2);
    (void)out;
    return r;
}

static enum pst_err keys_step(struct pst_buf *out)
{
    static const char file[] =
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n"
        "AGE-SECRET-KEY-1GFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPYYSJZGFPQ4EGAEX\n";
    struct pst_age_identities identities = {.count = 0};
    PST_SECRET struct pst_secret *fresh = NULL;
    PST_SECRET struct pst_secret *written = NULL;
    enum pst_err r = pst_age_identities_parse(pst_bytes_str(file), &identities);
    if (r == PST_OK)
        r = pst_age_identity_generate(NULL, &fresh);
    if (r == PST_OK)
        r = pst_age_identity_format(fresh, &written);
    pst_age_identities_free(&identities);
    (void)out;
    return r;
}

START_TEST(sealing_and_opening_with_keys)
{
    setup();
    sealed = (struct pst_buf){.max = FILE_MAX};
    ck_assert_int_eq(seal_step(&sealed), PST_OK);
    /* A secret is one allocation where guarded memory was kept, else two. */
    ck_assert_int_gt(try_each(seal_step, sealed.len), 14);
    ck_assert_int_gt(try_each(open_step, TEXT_LEN), 10);
    ck_assert_int_gt(try_each(stanzas_step, 0), 10);
    pst_buf_free(&sealed);
    teardown();
}
END_TEST

START_TEST(sealing_and_opening_with_a_passphrase)
{
    setup();
    sealed = (struct pst_buf){.max = FILE_MAX};
    ck_assert_int_eq(seal_passphrase_step(&sealed), PST_OK);
    ck_assert_int_gt(try_each(seal_passphrase_step, sealed.len), 8);
    ck_assert_int_gt(try_each(open_passphrase_step, TEXT_LEN), 8);
    pst_buf_free(&sealed);
    teardown();
}
END_TEST

START_TEST(keys_and_key_files)
{
    ck_assert_int_ge(try_each(keys_step, 0), 7);
}
END_TEST

PST_UNIT_MAIN("age_nomem", sealing_and_opening_with_keys, sealing_and_opening_with_a_passphrase,
              keys_and_key_files)
