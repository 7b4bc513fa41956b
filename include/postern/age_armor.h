/*
 * ASCII armor of age files: strict PEM (RFC 7468, figure 3), label
 * "AGE ENCRYPTED FILE", base 64 with padding in lines of 64 columns.
 *
 * Source: c2sp.org/age, "ASCII armor". Read strictly: full lines but the last,
 * canonical base 64, no headers, no checksum; lines end with LF or CRLF; white
 * space before and after the block is passed over, and nothing else may stand
 * there. Push style like age.h. One thread at a time.
 */
#ifndef POSTERN_AGE_ARMOR_H
#define POSTERN_AGE_ARMOR_H

#include "postern/sink.h"

#define PST_AGE_ARMOR_BEGIN "-----BEGIN AGE ENCRYPTED FILE-----"
#define PST_AGE_ARMOR_END "-----END AGE ENCRYPTED FILE-----"

/* Characters and bytes of a full line. */
#define PST_AGE_ARMOR_COLUMNS 64
#define PST_AGE_ARMOR_LINE_BYTES 48

/* White space allowed before and after the block: more is not a text but a load. */
#define PST_AGE_ARMOR_SPACE_MAX 1024

/* Binary in, text out. Plain data, holds no resource; zeroed but for out. */
struct pst_age_armorer {
    struct pst_sink out;
    bool begun;
    size_t held_len;
    uint8_t held[PST_AGE_ARMOR_LINE_BYTES];
};
PST_MUST_CHECK enum pst_err pst_age_armorer_update(struct pst_age_armorer *armorer,
                                                   struct pst_bytes binary);
PST_MUST_CHECK enum pst_err pst_age_armorer_finish(struct pst_age_armorer *armorer);

/* Text in, binary out. Plain data, holds no resource; zeroed but for out. */
struct pst_age_dearmorer {
    struct pst_sink out;
    int expect; /* which line comes next */
    size_t space_len;
    size_t line_len;
    char line[PST_AGE_ARMOR_COLUMNS + 2]; /* and CR, and one too many */
};

/* PST_ERR_SYNTAX; PST_ERR_TOO_LONG for too much white space; what out returned. */
PST_MUST_CHECK enum pst_err pst_age_dearmorer_update(struct pst_age_dearmorer *dearmorer,
                                                     struct pst_bytes text);

/* PST_ERR_TRUNCATED when the block has not ended. */
PST_MUST_CHECK enum pst_err pst_age_dearmorer_finish(struct pst_age_dearmorer *dearmorer);

/*
 * Whether a file's first bytes are armor: white space, then "-----BEGIN".
 * A binary age file never is.
 */
bool pst_age_armor_likely(struct pst_bytes first);

#endif
