#include "client/cli/qr.h"

#include <qrencode.h>
#include <stdbool.h>

#define QUIET 4

static bool dark(const QRcode *code, int x, int y)
{
    if (x < 0 || y < 0 || x >= code->width || y >= code->width)
        return false;
    return (code->data[y * code->width + x] & 1) != 0;
}

/* Two rows of modules in one of characters: the upper is drawn as foreground. */
static void print_row(FILE *out, const QRcode *code, int y)
{
    fputs("\033[38;5;16;48;5;231m", out);
    for (int x = -QUIET; x < code->width + QUIET; x++) {
        bool upper = dark(code, x, y);
        bool lower = dark(code, x, y + 1);
        fputs(upper && lower ? "\xe2\x96\x88"
              : upper        ? "\xe2\x96\x80"
              : lower        ? "\xe2\x96\x84"
                             : " ",
              out);
    }
    fputs("\033[0m\n", out);
}

enum pst_err pst_qr_print(FILE *out, const char *text)
{
    QRcode *code = QRcode_encodeString8bit(text, 0, QR_ECLEVEL_M);
    if (code == NULL)
        return PST_ERR_TOO_LONG;
    for (int y = -QUIET; y < code->width + QUIET; y += 2)
        print_row(out, code, y);
    QRcode_free(code);
    return PST_OK;
}
