/*
 * A bar for people who wait: what is being done, how far it is, how long it
 * will take. Only text, in the caller's array; who draws it knows whether there
 * is a terminal. For postern and posternd alike. Any thread; no clock but the
 * times passed in.
 */
#ifndef POSTERN_PROGRESS_H
#define POSTERN_PROGRESS_H

#include <stdbool.h>
#include <stdint.h>

/* What is over sooner needs no bar. */
#define PST_PROGRESS_AFTER_MS 1000

/* The longest word for what is done, the bar and the time fit into one line of 80 columns. */
#define PST_PROGRESS_DOING_MAX 20
#define PST_PROGRESS_TEXT_SIZE 80

/* Back to the beginning of an empty line. */
#define PST_PROGRESS_CLEAR "\r\033[K"

struct pst_progress {
    const char *doing; /* "Sending" */
    int64_t done;      /* of all, in one unit; more counts as all */
    int64_t all;
    int64_t begun_done; /* was done when it began: tells nothing of the speed */
    int64_t elapsed_ms; /* since it began */
};

/* Has it taken long enough, and is it known how much there is? */
bool pst_progress_shows(const struct pst_progress *progress);

/* Whole per cent, 0 to 100. */
int pst_progress_percent(const struct pst_progress *progress);

/* Seconds still to go at the speed so far; -1 while nobody can know. */
int64_t pst_progress_left_s(const struct pst_progress *progress);

/*
 * "Sending [###########                   ]  37 %, 2 min left", NUL-terminated.
 *   ret_text  PST_PROGRESS_TEXT_SIZE bytes
 */
void pst_progress_format(const struct pst_progress *progress, char *ret_text);

#endif
