#include "server/vault/vault.h"

#include <fcntl.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/uuid.h"
#include "unit.h"

static struct pst_vault *fixed_vault(uint8_t seed)
{
    struct pst_secret *master = NULL;
    struct pst_vault *vault = NULL;
    ck_assert_int_eq(pst_secret_new(PST_VAULT_KEY_BYTES, &master), PST_OK);
    memset(pst_secret_mut(master), seed, PST_VAULT_KEY_BYTES);
    ck_assert_int_eq(pst_vault_new(master, &vault), PST_OK);
    pst_secret_free(&master);
    return vault;
}

START_TEST(what_was_sealed_opens_in_its_place_alone)
{
    static const uint8_t row[16] = {1, 2, 3}, other[16] = {1, 2, 4};
    struct pst_vault *vault = fixed_vault(1), *stranger = fixed_vault(2);
    struct pst_buf sealed = {.max = 4096}, opened = {.max = 4096};
    struct pst_bytes plain = pst_bytes_str("Ada Example");
    struct pst_vault_place place = pst_vault_at("person.name", row, sizeof row);
    ck_assert_int_eq(pst_vault_field_seal(vault, place, plain, &sealed), PST_OK);
    ck_assert_uint_eq(sealed.len, plain.len + PST_VAULT_OVERHEAD_BYTES);
    ck_assert_ptr_null(memmem(sealed.bytes, sealed.len, "Ada", 3));
    ck_assert_int_eq(pst_vault_field_open(vault, place, pst_buf_bytes(&sealed), &opened), PST_OK);
    ck_assert_str_eq(pst_buf_str(&opened), "Ada Example");
    pst_buf_clear(&opened);
    struct pst_vault_place elsewhere[] = {
        pst_vault_at("person.name", other, sizeof other),
        pst_vault_at("person.nam", row, sizeof row),
        pst_vault_at("account.login", row, sizeof row),
        pst_vault_at("person.name", row, sizeof row - 1),
    };
    for (size_t i = 0; i < sizeof elsewhere / sizeof elsewhere[0]; i++)
        ck_assert_int_eq(pst_vault_field_open(vault, elsewhere[i], pst_buf_bytes(&sealed), &opened),
                         PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_vault_field_open(stranger, place, pst_buf_bytes(&sealed), &opened),
                     PST_ERR_CRYPTO);
    ck_assert_uint_eq(opened.len, 0);
    pst_buf_free(&sealed);
    pst_buf_free(&opened);
    pst_vault_free(&vault);
    pst_vault_free(&stranger);
}
END_TEST

START_TEST(no_changed_byte_opens)
{
    static const uint8_t row[1] = {9};
    struct pst_vault *vault = fixed_vault(1);
    struct pst_buf sealed = {.max = 4096}, opened = {.max = 4096};
    struct pst_vault_place place = pst_vault_at("t.c", row, sizeof row);
    ck_assert_int_eq(pst_vault_field_seal(vault, place, pst_bytes_str("x"), &sealed), PST_OK);
    for (size_t i = 0; i < sealed.len; i++) {
        sealed.bytes[i] ^= 1;
        ck_assert_int_eq(pst_vault_field_open(vault, place, pst_buf_bytes(&sealed), &opened),
                         PST_ERR_CRYPTO);
        sealed.bytes[i] ^= 1;
    }
    for (size_t len = 0; len < sealed.len; len++)
        ck_assert_int_eq(pst_vault_field_open(vault, place, pst_bytes(sealed.bytes, len), &opened),
                         PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_vault_field_open(vault, place, pst_buf_bytes(&sealed), &opened), PST_OK);
    pst_buf_free(&sealed);
    pst_buf_free(&opened);
    pst_vault_free(&vault);
}
END_TEST

START_TEST(a_place_must_be_named)
{
    static const uint8_t row[PST_VAULT_ROW_MAX + 1] = {0};
    char column[PST_VAULT_PLACE_MAX + 2];
    struct pst_vault *vault = fixed_vault(1);
    struct pst_buf sealed = {.max = 4096};
    memset(column, 'c', sizeof column - 1);
    column[sizeof column - 1] = '\0';
    struct pst_vault_place wrong[] = {
        pst_vault_at("", row, 16),
        pst_vault_at(column, row, 16),
        pst_vault_at("t.c", row, 0),
        pst_vault_at("t.c", row, sizeof row),
    };
    for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++)
        ck_assert_int_eq(pst_vault_field_seal(vault, wrong[i], pst_bytes_str("x"), &sealed),
                         PST_ERR_INVALID);
    ck_assert_uint_eq(sealed.len, 0);
    pst_vault_free(&vault);
}
END_TEST

START_TEST(a_patients_key_opens_that_patients_fields_alone)
{
    static const uint8_t row[3] = {1, 2, 3};
    struct pst_uuid ada = {{1}}, bea = {{2}};
    struct pst_vault *vault = fixed_vault(1);
    struct pst_patient_key *key = NULL, *again = NULL, *other = NULL;
    struct pst_buf wrapped = {.max = 4096}, wrapped_other = {.max = 4096}, sealed = {.max = 4096},
                   opened = {.max = 4096};
    struct pst_vault_place place = pst_vault_at("address.address", row, sizeof row);
    ck_assert_int_eq(pst_patient_key_new(vault, &ada, &wrapped, &key), PST_OK);
    ck_assert_int_eq(pst_patient_key_new(vault, &bea, &wrapped_other, &other), PST_OK);
    ck_assert_int_eq(pst_patient_key_seal(key, place, pst_bytes_str("ada@home.example"), &sealed),
                     PST_OK);
    ck_assert_int_eq(pst_patient_key_open(other, place, pst_buf_bytes(&sealed), &opened),
                     PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_vault_field_open(vault, place, pst_buf_bytes(&sealed), &opened),
                     PST_ERR_CRYPTO);
    ck_assert_int_eq(pst_patient_key_unwrap(vault, &bea, pst_buf_bytes(&wrapped), &again),
                     PST_ERR_CRYPTO);
    ck_assert_ptr_null(again);
    ck_assert_int_eq(pst_patient_key_unwrap(vault, &ada, pst_buf_bytes(&wrapped), &again), PST_OK);
    ck_assert_int_eq(pst_patient_key_open(again, place, pst_buf_bytes(&sealed), &opened), PST_OK);
    ck_assert_str_eq(pst_buf_str(&opened), "ada@home.example");
    /* Shredded: the wrapped key is overwritten with zeroes. */
    pst_patient_key_free(&again);
    memset(wrapped.bytes, 0, wrapped.len);
    ck_assert_int_eq(pst_patient_key_unwrap(vault, &ada, pst_buf_bytes(&wrapped), &again),
                     PST_ERR_CRYPTO);
    pst_patient_key_free(&key);
    pst_patient_key_free(&other);
    pst_buf_free(&wrapped);
    pst_buf_free(&wrapped_other);
    pst_buf_free(&sealed);
    pst_buf_free(&opened);
    pst_vault_free(&vault);
}
END_TEST

START_TEST(hashes_are_one_for_one_use_and_vault)
{
    struct pst_vault *vault = fixed_vault(1), *other = fixed_vault(2);
    struct pst_uuid ada = {{1}}, bea = {{2}};
    uint8_t a[PST_VAULT_HASH_BYTES], b[PST_VAULT_HASH_BYTES];
    struct pst_bytes text = pst_bytes_str("ada@home.example");
    ck_assert_int_eq(pst_vault_index(vault, "address.email", text, a), PST_OK);
    ck_assert_int_eq(pst_vault_index(vault, "address.email", text, b), PST_OK);
    ck_assert_mem_eq(a, b, sizeof a);
    ck_assert_int_eq(pst_vault_index(vault, "account.login", text, b), PST_OK);
    ck_assert_mem_ne(a, b, sizeof a);
    ck_assert_int_eq(pst_vault_index(other, "address.email", text, b), PST_OK);
    ck_assert_mem_ne(a, b, sizeof a);
    ck_assert_int_eq(pst_vault_auth_hash(vault, "auth", &ada, text, a), PST_OK);
    ck_assert_int_eq(pst_vault_auth_hash(vault, "auth", &bea, text, b), PST_OK);
    ck_assert_mem_ne(a, b, sizeof a);
    ck_assert_int_eq(pst_vault_auth_hash(vault, "recovery", &ada, text, b), PST_OK);
    ck_assert_mem_ne(a, b, sizeof a);
    ck_assert_int_eq(pst_vault_index(vault, "", text, b), PST_ERR_INVALID);
    pst_vault_free(&vault);
    pst_vault_free(&other);
}
END_TEST

START_TEST(the_key_file_is_ours_alone)
{
    char path[] = "/tmp/pst-vault-XXXXXX";
    struct pst_vault *vault = NULL;
    struct stat found;
    ck_assert_ptr_nonnull(mkdtemp(path));
    char file[64];
    snprintf(file, sizeof file, "%s/vault.key", path);
    ck_assert_int_eq(pst_vault_load(file, &vault), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_vault_create(file), PST_OK);
    ck_assert_int_eq(pst_vault_create(file), PST_ERR_EXISTS);
    ck_assert_int_eq(stat(file, &found), 0);
    ck_assert_int_eq(found.st_mode & 0777, 0640);
    ck_assert_int_eq(pst_vault_load(file, &vault), PST_OK);
    pst_vault_free(&vault);
    ck_assert_int_eq(chmod(file, 0644), 0);
    ck_assert_int_eq(pst_vault_load(file, &vault), PST_ERR_DENIED);
    ck_assert_int_eq(chmod(file, 0600), 0);
    ck_assert_int_eq(truncate(file, 31), 0);
    ck_assert_int_eq(pst_vault_load(file, &vault), PST_ERR_INVALID);
    ck_assert_ptr_null(vault);
    unlink(file);
    rmdir(path);
}
END_TEST

PST_UNIT_MAIN("vault", what_was_sealed_opens_in_its_place_alone, no_changed_byte_opens,
              a_place_must_be_named, a_patients_key_opens_that_patients_fields_alone,
              hashes_are_one_for_one_use_and_vault, the_key_file_is_ours_alone)
