/*
 * Files in and out of the offline commands: large reads, and output that
 * appears under its name only when it is whole.
 */
#ifndef POSTERN_CLI_STREAM_H
#define POSTERN_CLI_STREAM_H

#include "client/cli/cli.h"
#include "postern/sink.h"

/* Bytes read at once: four chunks of an age file; larger pieces are not faster. */
#define PST_INPUT_BYTES ((size_t)256 * 1024)

/* Where output goes. Zeroed before pst_output_open; release with pst_output_free. */
struct pst_output {
    struct pst_cli *cli;
    int fd;
    char *path; /* NULL: what was given is not a regular file and is written as it comes */
    char *temp; /* the name until it is whole */
    bool terminal;
    bool after_c2; /* the last byte to a terminal began a two-byte character */
};

/*
 * Begin output to path; NULL or "-" is stdout. What stands under path stays
 * until pst_output_commit. A new file is readable by its owner alone when
 * private, else as umask says. Says what is wrong.
 */
PST_MUST_CHECK enum pst_err pst_output_open(struct pst_cli *cli, const char *path, bool private,
                                            struct pst_output *output);

/*
 * Takes bytes. To a terminal it gives text alone: control characters could
 * drive it, so PST_ERR_INVALID, said, at the first.
 */
struct pst_sink pst_output_sink(struct pst_output *output);

/* Give the file its name. Says what is wrong. */
PST_MUST_CHECK enum pst_err pst_output_commit(struct pst_output *output);

/* Without a commit before, nothing is left of the file. */
void pst_output_free(struct pst_output *output);

/*
 * Push all of a file (NULL or "-" is stdin) through push in pieces of up to
 * PST_INPUT_BYTES. Says only what is wrong with reading; what push returns
 * stops it and comes back.
 */
PST_MUST_CHECK enum pst_err pst_input_push(struct pst_cli *cli, const char *path,
                                           struct pst_sink push);

#endif
