/* A text as a QR code for a terminal: two modules a character, light on dark and dark on light. */
#ifndef POSTERN_SERVER_INIT_QR_H
#define POSTERN_SERVER_INIT_QR_H

#include <stdio.h>

#include "postern/err.h"

/* PST_OK; PST_ERR_TOO_LONG for a text that no code holds; PST_ERR_IO. */
PST_MUST_CHECK enum pst_err pst_qr_print(FILE *to, const char *text);

#endif
