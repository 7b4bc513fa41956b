#include "server/init/qr.h"

#include <qrencode.h>

/* Modules of quiet around it (ISO/IEC 18004 wants four; two suffice for telephones). */
#define QUIET 2

static int module(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return 0;
    return code->data[y * code->width + x] & 1;
}

enum pst_err pst_qr_print(FILE *to, const char *text)
{
    /* Upper and lower half of a character cell; a dark module is the terminal's background. */
    static const char *const halves[2][2] = {{"█", "▀"}, {"▄", " "}};
    QRcode *code = QRcode_encodeString(text, 0, QR_ECLEVEL_M, QR_MODE_8, 1);
    if (code == NULL)
        return PST_ERR_TOO_LONG;
    for (int y = -QUIET; y < code->width + QUIET; y += 2) {
        for (int x = -QUIET; x < code->width + QUIET; x++)
            (void)fputs(halves[module(code, x, y)][module(code, x, y + 1)], to);
        (void)fputc('\n', to);
    }
    QRcode_free(code);
    return ferror(to) == 0 ? PST_OK : PST_ERR_IO;
}
