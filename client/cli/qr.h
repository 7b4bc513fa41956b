/* QR codes (ISO/IEC 18004) on a terminal, by libqrencode. */
#ifndef POSTERN_CLI_QR_H
#define POSTERN_CLI_QR_H

#include <stdio.h>

#include "postern/err.h"

/*
 * Draws text as half blocks, dark on light whatever the terminal's colours,
 * with the quiet zone of four modules that readers need.
 */
PST_MUST_CHECK enum pst_err pst_qr_print(FILE *out, const char *text);

#endif
