/*
 * What every command of `postern` is given, and what it says.
 *
 * A command is one row of the table in commands.c and one function, which
 * takes the context and answers PST_OK or an error. Whoever finds an error
 * says it once, by pst_cli_fail; the caller only hands the code up. The
 * process has one context and one thread.
 */
#ifndef POSTERN_CLI_CLI_H
#define POSTERN_CLI_CLI_H

#include <jansson.h>
#include <stdbool.h>
#include <stdio.h>

#include "postern/err.h"

struct pst_cli;

enum {
    PST_CLI_REQUIRED = 1 << 0, /* option: must be given */
    PST_CLI_REPEATED = 1 << 1, /* option: may be given more than once */
    PST_CLI_FILE = 1 << 2,     /* option: a file name, for completion */
    PST_CLI_FOLDER = 1 << 3,   /* option: a folder, for completion */
};

struct pst_cli_option {
    const char *name;  /* long name, without hyphens; NULL ends a table */
    char letter;       /* short name; 0: none */
    const char *value; /* what stands for the value in help; NULL: a flag */
    const char *help;  /* one line, no full stop */
    unsigned flags;
};

struct pst_cli_command {
    const char *name;                     /* "send", "patient add" */
    const char *operands;                 /* as in help: "ID", ""; never NULL */
    const char *summary;                  /* one line, no full stop */
    const struct pst_cli_option *options; /* NULL: only those every command takes */
    int operands_min;
    int operands_max;
    enum pst_err (*run)(struct pst_cli *cli);
};

/* The table of commands, sorted as help shows it, ended by a NULL name. */
extern const struct pst_cli_command pst_cli_commands[];

/* The options every command takes, ended by a NULL name. */
extern const struct pst_cli_option pst_cli_common_options[];

/* Most options one call can carry; more would only be a mistake. */
#define PST_CLI_OPTIONS_MAX 256

struct pst_cli_given {
    const struct pst_cli_option *option;
    const char *value; /* borrowed from argv; "" for a flag */
};

struct pst_net;
struct pst_state;
struct pst_self;

struct pst_cli {
    const struct pst_cli_command *command;
    char **operands; /* borrowed from argv */
    int operands_count;
    struct pst_cli_given given[PST_CLI_OPTIONS_MAX];
    size_t given_count;
    bool json; /* --json */
    FILE *out; /* stdout; tests give their own */
    FILE *err; /* stderr */
    /* The status the process ends with; 0: by the class of the error. */
    int exit_status;
    bool said; /* an error was said already */
    bool bulk; /* a call of very many requests: waits as long as the server's pace asks */
    /* Made when first asked for: see state.h, net.h, self.h. Owned. */
    struct pst_state *state;
    struct pst_net *net;
    struct pst_self *self;
};

/*
 * Read the arguments of one call (without the program's name).
 * Says what is wrong and returns PST_ERR_USAGE; on PST_OK cli->command is set.
 */
PST_MUST_CHECK enum pst_err pst_cli_parse(struct pst_cli *cli, int argc, char **argv);

/* Parse, run, release; answers the exit status (sysexits.h). */
int pst_cli_main(struct pst_cli *cli, int argc, char **argv);

/* The last value of an option by its long name; NULL: not given. Borrowed. */
const char *pst_cli_get(const struct pst_cli *cli, const char *name);

/* Was this option given at all? For flags. */
bool pst_cli_has(const struct pst_cli *cli, const char *name);

/* The nth value of a repeated option, from 0; NULL when there are no more. */
const char *pst_cli_nth(const struct pst_cli *cli, const char *name, size_t nth);

/* A whole number from min to max; fallback when not given; says what is wrong. */
PST_MUST_CHECK enum pst_err pst_cli_get_int(struct pst_cli *cli, const char *name, long min,
                                            long max, long fallback, long *ret_value);

/*
 * Say in one or more plain sentences on stderr what went wrong and what to do,
 * and answer err. The exit status is that of err's class unless set before.
 */
enum pst_err pst_cli_fail(struct pst_cli *cli, enum pst_err err, const char *format, ...)
    __attribute__((format(printf, 3, 4)));

/* The same with a chosen exit status of sysexits.h. */
enum pst_err pst_cli_fail_exit(struct pst_cli *cli, int exit_status, enum pst_err err,
                               const char *format, ...) __attribute__((format(printf, 4, 5)));

/* A note or warning on stderr; changes no status. */
void pst_cli_note(struct pst_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* A line on stdout, not with --json. */
void pst_cli_print(struct pst_cli *cli, const char *format, ...)
    __attribute__((format(printf, 2, 3)));

/* The object on stdout, one document, indented. */
void pst_cli_print_json(struct pst_cli *cli, const json_t *json);

/*
 * Writes text from outside to a terminal: line feeds and tabs stay, other
 * control characters (C0, DEL, C1, and the marks that turn writing direction)
 * become U+FFFD, so that no name and no message can drive the terminal.
 *   keep_lines   false: line feeds too become spaces, for one-line fields
 */
void pst_cli_write_safe(FILE *out, const char *text, bool keep_lines);

#endif
