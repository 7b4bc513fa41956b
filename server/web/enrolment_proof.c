#include "server/web/enrolment_proof.h"

#include "postern/base64.h"
#include "postern/cleanup.h"
#include "postern/time.h"

/* An origin, an id and a time. */
#define TEXT_MAX 512

enum pst_err pst_enrolment_proof_check(const struct pst_sign_public *key, const char *origin,
                                       const struct pst_uuid *invitation, int64_t at_ms,
                                       const char *proof, int64_t now_ms)
{
    PST_BUF struct pst_buf text = {.max = TEXT_MAX};
    char id[PST_UUID_TEXT_SIZE];
    char at[PST_TIME_TEXT_SIZE];
    struct pst_signature signature;
    pst_uuid_format(invitation, id);
    pst_time_format(at_ms, at);
    if (at_ms < now_ms - PST_ENROLMENT_PROOF_MS || at_ms > now_ms + PST_ENROLMENT_PROOF_MS ||
        pst_base64url_decode_exact(pst_bytes_str(proof), signature.bytes, sizeof signature.bytes) !=
            PST_OK)
        return PST_ERR_NOT_FOUND;
    enum pst_err r = pst_buf_printf(&text, "postern enrol/1\n%s\n%s\n%s\n", origin, id, at);
    if (r != PST_OK)
        return r;
    return pst_sign_verify(key, pst_buf_bytes(&text), &signature) == PST_OK ? PST_OK
                                                                            : PST_ERR_NOT_FOUND;
}
