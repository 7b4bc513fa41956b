#include <stdarg.h>
#include <stdint.h>
#include <string.h>
#include <sysexits.h>

#include "client/cli/cli.h"

#define REPLACEMENT "\xef\xbf\xbd" /* U+FFFD */

__attribute__((format(printf, 2, 0))) static void fail(struct pst_cli *cli, const char *format,
                                                       va_list args)
{
    fputs("postern: ", cli->err);
    vfprintf(cli->err, format, args);
    fputc('\n', cli->err);
    cli->said = true;
}

enum pst_err pst_cli_fail(struct pst_cli *cli, enum pst_err err, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(cli, format, args);
    va_end(args);
    return err;
}

enum pst_err pst_cli_fail_exit(struct pst_cli *cli, int exit_status, enum pst_err err,
                               const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fail(cli, format, args);
    va_end(args);
    cli->exit_status = exit_status;
    return err;
}

void pst_cli_note(struct pst_cli *cli, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    vfprintf(cli->err, format, args);
    va_end(args);
    fputc('\n', cli->err);
}

void pst_cli_print(struct pst_cli *cli, const char *format, ...)
{
    if (cli->json)
        return;
    va_list args;
    va_start(args, format);
    vfprintf(cli->out, format, args);
    va_end(args);
    fputc('\n', cli->out);
}

void pst_cli_print_json(struct pst_cli *cli, const json_t *json)
{
    json_dumpf(json, cli->out, JSON_INDENT(2) | JSON_ENCODE_ANY);
    fputc('\n', cli->out);
}

/* Length of the UTF-8 character at text if it could drive a terminal; else 0. */
static size_t unsafe_len(const unsigned char *text, bool keep_lines)
{
    if (text[0] < 0x20 || text[0] == 0x7f)
        return keep_lines && (text[0] == '\n' || text[0] == '\t') ? 0 : 1;
    /* C1 controls: U+0080 to U+009F. */
    if (text[0] == 0xc2 && text[1] >= 0x80 && text[1] <= 0x9f)
        return 2;
    /* U+200E, U+200F, U+202A to U+202E, U+2066 to U+2069: writing direction. */
    if (text[0] == 0xe2 && text[1] == 0x80 &&
        (text[2] == 0x8e || text[2] == 0x8f || (text[2] >= 0xaa && text[2] <= 0xae)))
        return 3;
    if (text[0] == 0xe2 && text[1] == 0x81 && text[2] >= 0xa6 && text[2] <= 0xa9)
        return 3;
    return 0;
}

void pst_cli_write_safe(FILE *out, const char *text, bool keep_lines)
{
    const unsigned char *at = (const unsigned char *)text;
    while (*at != '\0') {
        size_t len = unsafe_len(at, keep_lines);
        if (len == 0)
            fputc(*at++, out);
        else {
            /* A carriage return before a line feed is only a line's end. */
            if (!(keep_lines && at[0] == '\r' && at[1] == '\n'))
                fputs(at[0] == '\n' || at[0] == '\t' ? " " : REPLACEMENT, out);
            at += len;
        }
    }
}
