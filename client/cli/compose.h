/* What commands that write have in common: which thread, and what to say. */
#ifndef POSTERN_CLI_COMPOSE_H
#define POSTERN_CLI_COMPOSE_H

#include "client/cli/message.h"

/*
 * The thread of --thread; else the open one of the patient (--to or --patient)
 * and the team (--team, or the only one); one is opened when there is none.
 */
PST_MUST_CHECK enum pst_err pst_compose_thread(struct pst_cli *cli, struct pst_uuid *ret_thread);

/* --subject, --attach, --images, --category. Not the text. */
PST_MUST_CHECK enum pst_err pst_compose_files(struct pst_cli *cli, struct pst_outgoing *out);

/* The text: --text-file, or what comes on stdin. */
PST_MUST_CHECK enum pst_err pst_compose_text(struct pst_cli *cli, struct pst_outgoing *out);

/* Both. */
PST_MUST_CHECK enum pst_err pst_compose_read(struct pst_cli *cli, struct pst_outgoing *out);

#endif
