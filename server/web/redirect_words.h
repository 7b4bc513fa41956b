/*
 * The words to answer a personal channel with: plain, without content, with
 * what to do in an emergency. Data (schema/words/redirect.<language>.txt), one
 * file a language, compiled in. Static, any thread.
 */
#ifndef POSTERN_SERVER_WEB_REDIRECT_WORDS_H
#define POSTERN_SERVER_WEB_REDIRECT_WORDS_H

#include <stdbool.h>
#include <stddef.h>

struct pst_words {
    const char *language; /* BCP 47 */
    const char *text;     /* UTF-8 */
};

extern const struct pst_words pst_redirect_words_builtin[];
extern const size_t pst_redirect_words_builtin_count;

/* In that language, or in English where there are none. Never NULL. */
const char *pst_redirect_words(const char *language);

bool pst_redirect_has_words(const char *language);

#endif
