#include "postern/err.h"

#include <stddef.h>
#include <sysexits.h>

static const struct {
    const char *name;
    const char *text;
    enum pst_err_class class;
} errors[PST_ERR__MAX] = {
    [PST_OK] = {"OK", "ok", PST_ERR_CLASS_OK},
#define X(name, class, text) [PST_ERR_##name] = {#name, text, PST_ERR_CLASS_##class},
#include "postern/err.def"
#undef X
};

static const struct {
    int http;
    int exit;
} classes[PST_ERR_CLASS__MAX] = {
    [PST_ERR_CLASS_OK] = {200, EX_OK},
    [PST_ERR_CLASS_TEMPORARY] = {503, EX_TEMPFAIL},
    [PST_ERR_CLASS_PERMANENT] = {400, EX_DATAERR},
    [PST_ERR_CLASS_DENIED] = {403, EX_NOPERM},
    [PST_ERR_CLASS_NOT_FOUND] = {404, EX_NOINPUT},
    [PST_ERR_CLASS_CONFLICT] = {409, EX_DATAERR},
    [PST_ERR_CLASS_CONFIG] = {500, EX_CONFIG},
    [PST_ERR_CLASS_USAGE] = {400, EX_USAGE},
    [PST_ERR_CLASS_BUG] = {500, EX_SOFTWARE},
};

/* An unknown code is our bug, and is treated as one. */
static size_t slot(enum pst_err err)
{
    return (unsigned)err < PST_ERR__MAX ? (size_t)err : PST_ERR_INTERNAL;
}

const char *pst_err_text(enum pst_err err)
{
    return errors[slot(err)].text;
}

const char *pst_err_name(enum pst_err err)
{
    return errors[slot(err)].name;
}

enum pst_err_class pst_err_class(enum pst_err err)
{
    return errors[slot(err)].class;
}

int pst_err_http(enum pst_err err)
{
    return classes[errors[slot(err)].class].http;
}

int pst_err_exit(enum pst_err err)
{
    return classes[errors[slot(err)].class].exit;
}
