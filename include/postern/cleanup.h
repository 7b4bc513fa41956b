/*
 * The closed list of things that free themselves at the end of their scope.
 *
 *     PST_FREE char *text = NULL;
 *     PST_BUF struct pst_buf body = {.max = LIMIT};
 *
 * Not mixed with goto in one function. Modules below libpostern (store, TLS)
 * have their own in their headers.
 */
#ifndef POSTERN_CLEANUP_H
#define POSTERN_CLEANUP_H

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "postern/buf.h"
#include "postern/secret.h"

static inline void pst_cleanup_free(void *at)
{
    free(*(void **)at);
}

static inline void pst_cleanup_fd(int *fd)
{
    if (*fd >= 0)
        (void)close(*fd);
}

static inline void pst_cleanup_file(FILE **file)
{
    if (*file != NULL)
        (void)fclose(*file);
}

static inline void pst_cleanup_json(json_t **json)
{
    json_decref(*json);
}

#define PST_FREE __attribute__((cleanup(pst_cleanup_free)))
#define PST_FD __attribute__((cleanup(pst_cleanup_fd)))
#define PST_FILE __attribute__((cleanup(pst_cleanup_file)))
#define PST_BUF __attribute__((cleanup(pst_buf_free)))
#define PST_SECRET __attribute__((cleanup(pst_secret_free)))
#define PST_JSON __attribute__((cleanup(pst_cleanup_json)))

#endif
