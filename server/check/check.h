/*
 * posternd check: what an administrator wants to know before patients do.
 *
 * A table of checks, each of which answers with one sentence. Changes nothing.
 */
#ifndef POSTERN_SERVER_CHECK_H
#define POSTERN_SERVER_CHECK_H

#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "postern/buf.h"
#include "postern/err.h"

struct pst_config;

/* The certificate is renewed long before; from here on it is a failure. */
#define PST_CHECK_DAYS_LEFT_MIN 7

struct pst_check_result {
    bool ok;
    struct pst_buf text; /* a sentence, for people */
    bool has_days;
    int64_t days; /* certificate: left until it ends; negative: since */
};

/*
 * One check of the table: fill *result, which starts as failed and empty.
 * now is given, so that expiry can be tested.
 */
struct pst_check {
    const char *name;
    enum pst_err (*run)(const struct pst_config *config, time_t now,
                        struct pst_check_result *result);
};

extern const struct pst_check pst_checks[];
extern const size_t pst_checks_count;

/* Run all and print a line each, or one JSON object. Exit status: 0, or 1 if one failed. */
int pst_check_run(const char *config_path, bool json);

#endif
