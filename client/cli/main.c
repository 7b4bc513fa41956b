#include <locale.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sysexits.h>

#include "client/cli/cli.h"
#include "postern/secret.h"

int main(int argc, char **argv)
{
    setlocale(LC_ALL, "");
    /* Keys and plaintext pass through this process: no core of it on disk. */
    struct rlimit none = {0, 0};
    if (setrlimit(RLIMIT_CORE, &none) != 0 || pst_secret_init() != PST_OK) {
        fputs("postern: this computer cannot keep keys in memory safely.\n", stderr);
        return EX_OSERR;
    }
    static struct pst_cli cli;
    cli.out = stdout;
    cli.err = stderr;
    int status = pst_cli_main(&cli, argc - 1, argv + 1);
    if (fflush(stdout) != 0 && status == 0)
        status = EX_IOERR;
    return status;
}
