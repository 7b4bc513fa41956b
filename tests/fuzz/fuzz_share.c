/* Shares of the records key, and enrolment links: any text, no crash, no surprise. */
#include "postern/share.h"

#include "fuzz.h"
#include "postern/enrol.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t len)
{
    struct pst_bytes texts[] = {pst_bytes(data, len), pst_bytes(data, len)};
    struct pst_share_facts facts = {0};
    struct pst_secret *identity = NULL;
    struct pst_enrol_link link = {0};
    HOLDS(pst_secret_init() == PST_OK);
    if (pst_share_read(texts[0], &facts) == PST_SHARE_OK) {
        HOLDS(facts.threshold >= PST_SHARES_MIN && facts.threshold <= facts.count);
        HOLDS(facts.number >= 1 && facts.number <= facts.count);
        HOLDS(pst_share_combine(texts, 1, &identity, NULL, NULL) == PST_SHARE_TOO_FEW);
        HOLDS(pst_share_combine(texts, 2, &identity, NULL, NULL) == PST_SHARE_REPEATED);
    }
    if (pst_enrol_link_parse((const char *)data, len, &link) == PST_OK) {
        struct pst_secret *text = NULL;
        HOLDS(pst_enrol_link_format(&link, &text) == PST_OK);
        HOLDS(pst_bytes_equal(pst_bytes_str((const char *)pst_secret_bytes(text)), texts[0]));
        pst_secret_free(&text);
        pst_enrol_link_free(&link);
    }
    return 0;
}
