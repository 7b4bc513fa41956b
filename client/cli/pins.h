/*
 * What was last seen of each person, each team and the records key, kept in the
 * key ring: the records key under the nil id.
 *
 * Certified is not enough: a certifier can be deceived or taken over. So the
 * first certified key seen of a person is pinned, and a later one is shown with
 * who certified it before anything is sealed to it. One that follows by its
 * owner's own signature is taken with a note; one by a new invitation only with
 * --accept-changed-key; an older one than that seen never.
 */
#ifndef POSTERN_CLI_PINS_H
#define POSTERN_CLI_PINS_H

#include "client/cli/cli.h"
#include "postern/record.h"

/*
 * Compare one certified statement, roster or records key with what is pinned, and pin it.
 *   name    for sentences, borrowed
 * Says what changed. PST_ERR_CHAIN when it must not be used.
 */
PST_MUST_CHECK enum pst_err pst_pins_see(struct pst_cli *cli, const struct pst_record *record,
                                         const char *name);

/*
 * After signing in: the signed-in person's own chain. On a device that has no
 * root pinned yet, nobody may stand in it whom the ring does not know: the ring
 * is what the passphrase protects. Pins the root in the profile.
 */
PST_MUST_CHECK enum pst_err pst_pins_check_own_chain(struct pst_cli *cli);

/* The fingerprint of a statement, roster or records key: PST_FINGERPRINT_TEXT_SIZE bytes. */
void pst_pins_fingerprint(const struct pst_record *record, char *ret_text);

#endif
