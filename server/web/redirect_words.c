#include "server/web/redirect_words.h"

#include <string.h>

static const char *find(const char *language)
{
    for (size_t i = 0; i < pst_redirect_words_builtin_count; i++)
        if (strcmp(pst_redirect_words_builtin[i].language, language) == 0)
            return pst_redirect_words_builtin[i].text;
    return NULL;
}

bool pst_redirect_has_words(const char *language)
{
    return find(language) != NULL;
}

const char *pst_redirect_words(const char *language)
{
    const char *words = find(language);
    if (words == NULL)
        words = find("en");
    return words != NULL ? words : "";
}
