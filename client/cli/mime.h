/*
 * The Internet message inside a sealed one: made, and read again, by GMime.
 *
 * Headers are those of formats.md, in that order: From, To, Message-ID,
 * Postern-Thread, Subject, Date; lines end with CRLF; text is UTF-8; each
 * attachment is a part with its file's name. The readers of an envelope check
 * that these headers say what the envelope says: a valid age file could be
 * signed again by somebody else.
 */
#ifndef POSTERN_CLI_MIME_H
#define POSTERN_CLI_MIME_H

#include <stdbool.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/envelope.h"

/* What composing may grow to: less than an envelope may be. */
#define PST_MIME_MAX_BYTES ((size_t)PST_ENVELOPE_MAX_BYTES - 65536)
#define PST_MIME_SUBJECT_MAX_BYTES 512
#define PST_MIME_PARTS_MAX 64

struct pst_mime_file {
    const char *name; /* as the reader sees it; no folders */
    struct pst_bytes bytes;
    bool is_message; /* a whole message, carried unchanged */
};

struct pst_mime_draft {
    const char *subject; /* UTF-8; "" for none */
    const char *text;    /* UTF-8 */
    const struct pst_mime_file *files;
    size_t files_count;
};

/*
 * Append the whole message; who, to whom and when come from the envelope's header.
 * PST_ERR_TOO_LONG beyond PST_MIME_MAX_BYTES; PST_ERR_NOMEM; PST_ERR_SYNTAX for
 * text that is not UTF-8.
 */
PST_MUST_CHECK enum pst_err pst_mime_compose(const struct pst_mime_draft *draft,
                                             const struct pst_envelope_header *header,
                                             struct pst_buf *out);

/* The same without anybody: a draft for oneself, with Subject and text alone. */
PST_MUST_CHECK enum pst_err pst_mime_compose_note(const struct pst_mime_draft *draft,
                                                  struct pst_buf *out);

/* The media type of a file by its first bytes, else its name; static. */
const char *pst_mime_type_of(const struct pst_mime_file *file);

/* Is it a picture, for the purpose "images"? A message is when one is in it. */
bool pst_mime_is_image(const struct pst_mime_file *file);

struct pst_mime_part {
    char *name;     /* "" when it has none; a plain file name, never a path */
    char *type;     /* "image/png" */
    uint8_t *bytes; /* decoded; NULL when empty */
    size_t len;
    bool is_image;
};

/* A message as read; everything owned. */
struct pst_mime_message {
    char *from;
    char *to;
    char *message_id;
    char *thread;
    char *subject; /* decoded */
    char *date;
    char *text; /* decoded, UTF-8 */
    struct pst_mime_part parts[PST_MIME_PARTS_MAX];
    size_t parts_count;
    size_t images;
};

/* Read one. PST_ERR_SYNTAX; PST_ERR_TOO_LONG for too many parts; PST_ERR_NOMEM. */
PST_MUST_CHECK enum pst_err pst_mime_parse(struct pst_bytes bytes,
                                           struct pst_mime_message *ret_message);
void pst_mime_message_free(struct pst_mime_message *message);

/* Which inner header differs from the envelope, as a word ("From"); NULL: none. Static. */
const char *pst_mime_mismatch(const struct pst_mime_message *message,
                              const struct pst_envelope_header *header);

#endif
