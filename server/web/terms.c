/* /v1/terms: the wording patients agree to. Versions only grow; nothing is changed. */
#include "server/store/terms.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "postern/event.h"
#include "server/web/answer.h"
#include "server/web/request.h"

#define LANGUAGES_MAX 32
/* Cursors are a count of rows: terms are few and only added to. */
#define CURSOR_MAX 1000000

struct listing {
    json_t *items;
    size_t limit;
    bool more;
};

static enum pst_err list_one(void *ctx, const struct pst_terms *terms)
{
    struct listing *listing = ctx;
    if (json_array_size(listing->items) == listing->limit) {
        listing->more = true;
        return PST_OK;
    }
    json_t *item =
        json_pack("{s:s, s:I, s:s, s:o, s:s, s:o}", "id", terms->id, "version",
                  (json_int_t)terms->version, "language", terms->language, "hash",
                  pst_answer_binary(pst_bytes(terms->hash.bytes, sizeof terms->hash.bytes)), "text",
                  terms->text, "effective", pst_answer_time(terms->effective_at_ms));
    return json_array_append_new(listing->items, item) == 0 ? PST_OK : PST_ERR_NOMEM;
}

static bool cursor_read(const char *cursor, size_t *ret_skip)
{
    char *end = NULL;
    if (cursor == NULL) {
        *ret_skip = 0;
        return true;
    }
    unsigned long skip = strtoul(cursor, &end, 10);
    if (!isdigit((unsigned char)cursor[0]) || *end != '\0' || skip > CURSOR_MAX)
        return false;
    *ret_skip = skip;
    return true;
}

static enum pst_err terms_list(struct pst_tx *tx, struct pst_request *request)
{
    struct pst_page page;
    size_t skip = 0;
    char next[24];
    enum pst_err r = pst_request_page(request, &page);
    if (r != PST_OK)
        return r;
    if (!cursor_read(page.cursor, &skip))
        return pst_request_bad(request, "cursor");
    struct listing listing = {.items = json_array(), .limit = page.limit};
    r = pst_terms_list(tx, pst_request_query(request, "language"), page.limit + 1, skip, list_one,
                       &listing);
    if (r != PST_OK) {
        json_decref(listing.items);
        return r;
    }
    (void)snprintf(next, sizeof next, "%zu", skip + page.limit);
    return pst_request_list(request, listing.items, listing.more ? next : NULL);
}

struct terms_state {
    const char *id;
    int64_t version;
    int64_t effective_ms;
    json_t *texts;
};

static const struct pst_json_member members[] = {
    {"id", PST_JSON_TEXT, PST_JSON_REQUIRED, offsetof(struct terms_state, id),
     PST_TERMS_ID_SIZE - 1},
    {"version", PST_JSON_INT, PST_JSON_REQUIRED, offsetof(struct terms_state, version), 0},
    {"effective", PST_JSON_TIME, PST_JSON_REQUIRED, offsetof(struct terms_state, effective_ms), 0},
    {"texts", PST_JSON_OBJECT, PST_JSON_REQUIRED, offsetof(struct terms_state, texts), 0},
};

static bool is_id(const char *text)
{
    for (; *text != '\0'; text++) {
        if (!islower((unsigned char)*text) && *text != '-')
            return false;
    }
    return true;
}

/* BCP 47 as far as we need it: letters and digits in groups of at most eight. */
static bool is_language(const char *text)
{
    size_t group = 0, len = strlen(text);
    for (size_t i = 0; i < len; i++) {
        group = text[i] == '-' ? 0 : group + 1;
        if ((!isalnum((unsigned char)text[i]) && text[i] != '-') || group > 8)
            return false;
    }
    return len >= 2 && len < PST_LANGUAGE_SIZE && islower((unsigned char)text[0]) &&
           islower((unsigned char)text[1]) && text[len - 1] != '-';
}

static bool are_texts(json_t *texts)
{
    const char *language = NULL;
    json_t *text = NULL;
    json_object_foreach(texts, language, text)
    {
        size_t len = json_string_length(text);
        if (!is_language(language) || !json_is_string(text) || len == 0 || len > PST_TERMS_TEXT_MAX)
            return false;
    }
    return json_object_size(texts) > 0 && json_object_size(texts) <= LANGUAGES_MAX;
}

static enum pst_err terms_prepare(struct pst_request *request)
{
    struct terms_state *state = NULL;
    enum pst_err r = pst_request_state_new(request, sizeof *state, NULL, (void **)&state);
    if (r == PST_OK)
        r = pst_request_decode(request, members, sizeof members / sizeof members[0], state, NULL);
    if (r != PST_OK)
        return r;
    if (!is_id(state->id))
        return pst_request_bad(request, "id");
    if (state->version < 1)
        return pst_request_bad(request, "version");
    return are_texts(state->texts) ? PST_OK : pst_request_bad(request, "texts");
}

/* Nobody who agreed in a language may find the next version without it. */
static enum pst_err has_language(void *ctx, const char *language)
{
    const struct terms_state *state = ctx;
    return json_object_get(state->texts, language) != NULL ? PST_OK : PST_ERR_NOT_FOUND;
}

static enum pst_err insert_all(struct pst_tx *tx, const struct terms_state *state)
{
    const char *language = NULL;
    json_t *text = NULL;
    enum pst_err r = PST_OK;
    json_object_foreach(state->texts, language, text)
    {
        struct pst_terms terms = {.id = state->id,
                                  .version = state->version,
                                  .language = language,
                                  .text = json_string_value(text),
                                  .effective_at_ms = state->effective_ms};
        if (r == PST_OK)
            r = pst_terms_insert(tx, &terms);
    }
    return r;
}

static enum pst_err terms_add(struct pst_tx *tx, struct pst_request *request)
{
    struct terms_state *state = request->state;
    struct pst_event event;
    int64_t newest = 0, current = 0;
    enum pst_err r = pst_terms_newest(tx, state->id, request->now_ms, &newest, &current);
    if (r == PST_OK && state->version <= newest)
        return PST_ERR_CONFLICT;
    if (r == PST_OK)
        r = pst_terms_languages(tx, state->id, newest, has_language, state);
    if (r == PST_ERR_NOT_FOUND)
        return pst_request_bad(request, "texts");
    if (r == PST_OK)
        r = insert_all(tx, state);
    pst_request_event_init(request, PST_EVENT_TERMS, &event);
    if (r == PST_OK)
        r = pst_request_event_put(tx, &event);
    if (r != PST_OK)
        return r;
    return pst_request_json(
        request, 201,
        json_pack("{s:s, s:I}", "id", state->id, "version", (json_int_t)state->version));
}

const struct pst_route pst_routes_terms[] = {
    {.method = "GET",
     .path = "/v1/terms",
     .roles = PST_WEB_ALL,
     .kind = PST_WEB_READ,
     .query = "language limit cursor",
     .run = terms_list},
    {.method = "POST",
     .path = "/v1/terms",
     .roles = PST_ROLE_ADMINISTRATOR,
     .flags = PST_WEB_JSON | PST_WEB_STEP_UP,
     .kind = PST_WEB_WRITE,
     .prepare = terms_prepare,
     .run = terms_add},
    {0},
};
