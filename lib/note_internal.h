/* What the two halves of note.h share. */
#ifndef POSTERN_LIB_NOTE_INTERNAL_H
#define POSTERN_LIB_NOTE_INTERNAL_H

#include <stdbool.h>

#include "postern/buf.h"

/* As pst_note_verifier_init wants names. */
bool pst_note_name_valid(struct pst_bytes name);

#endif
