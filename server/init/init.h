/*
 * posternd init: make a practice.
 *
 * The data folder, the vault's key, the ledger's key, the store with the terms
 * this program brings, the records key (serial 0, until the root signs it), and
 * the first administrator's invitation: the only one that nobody signs. Its
 * link is printed once; the code in it is nowhere else.
 *
 * Run before any role, by whoever installs. A second run changes nothing and
 * says so; a first one that was interrupted is taken up again.
 */
#ifndef POSTERN_SERVER_INIT_H
#define POSTERN_SERVER_INIT_H

/*
 *   config_path   borrowed
 *   records_key   age1…, borrowed
 *   name          of the first administrator, borrowed; NULL: "Administrator"
 * Returns the exit status (sysexits.h): EX_OK; EX_CONFIG; EX_DATAERR for a
 * records key or name that is none; EX_CANTCREAT when initialised before or a
 * file cannot be made.
 */
int pst_init_run(const char *config_path, const char *records_key, const char *name);

#endif
