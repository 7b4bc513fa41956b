/*
 * The JSON inside a key ring. For lib/keyring.c alone: it holds private keys, so
 * it is written and read in buffers that pst_keyring_json_wipe wipes.
 */
#ifndef POSTERN_LIB_KEYRING_JSON_H
#define POSTERN_LIB_KEYRING_JSON_H

#include "postern/keyring.h"

/* Appends canonical JSON to a zeroed buffer; wipe it in every case. */
PST_MUST_CHECK enum pst_err pst_keyring_json_write(const struct pst_keyring *ring,
                                                   struct pst_buf *json);

/* Given. PST_ERR_SYNTAX; PST_ERR_TOO_LONG; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_keyring_json_read(struct pst_bytes json,
                                                  struct pst_keyring **ret_ring);

void pst_keyring_json_wipe(struct pst_buf *json);

#endif
