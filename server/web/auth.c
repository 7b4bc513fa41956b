#include "server/web/auth.h"

#include <stdlib.h>
#include <string.h>

#include "postern/time.h"
#include "server/store/sessions.h"
#include "server/web/site.h"

/* person.state (0001-practice.sql). */
#define PERSON_ACTIVE 1

static const char bearer[] = "Bearer ";

static enum pst_err token_read(struct pst_web_exchange *exchange)
{
    const char *text = pst_request_header(&exchange->request, "Authorization");
    size_t len = 0;
    if (text != NULL && strncmp(text, bearer, sizeof bearer - 1) == 0) {
        text += sizeof bearer - 1;
        len = strlen(text);
    } else {
        text = pst_web_cookie_find(pst_request_header(&exchange->request, "Cookie"), &len);
        exchange->by_cookie = text != NULL;
    }
    if (text == NULL)
        return PST_ERR_NOT_FOUND;
    enum pst_err r = pst_session_token_hash(text, len, &exchange->token.hash);
    exchange->token.present = r == PST_OK;
    return r;
}

static bool session_live(const struct pst_config *config, const struct pst_session_row *session,
                         int64_t now_ms)
{
    return session->state == PERSON_ACTIVE &&
           now_ms < pst_session_ends_ms(config, session->roles, session->used_at_ms,
                                        session->expires_at_ms);
}

enum pst_err pst_web_auth_again(struct pst_tx *tx, struct pst_web_exchange *exchange)
{
    struct pst_caller *caller = &exchange->request.caller;
    const struct pst_config *config = exchange->request.config;
    struct pst_session_row session;
    enum pst_err r = pst_session_find(tx, &exchange->token.hash, &session);
    if (r != PST_OK && r != PST_ERR_NOT_FOUND)
        return r;
    if (r == PST_ERR_NOT_FOUND || !session_live(config, &session, exchange->request.now_ms)) {
        *caller = (struct pst_caller){0};
        return PST_OK;
    }
    *caller = (struct pst_caller){
        .signed_in = true,
        .person = session.person,
        .session = session.id,
        .roles = session.roles,
        .expires_at_ms = pst_session_ends_ms(config, session.roles, exchange->request.now_ms,
                                             session.expires_at_ms),
        .step_up_until_ms = pst_session_step_up_until_ms(config, session.step_up_at_ms),
        .used_at_ms = session.used_at_ms,
    };
    return PST_OK;
}

static enum pst_err find(struct pst_tx *tx, void *ctx)
{
    return pst_web_auth_again(tx, ctx);
}

struct touch {
    struct pst_store_job job;
    struct pst_sha256 token;
    int64_t now_ms;
};

static enum pst_err touch_run(struct pst_tx *tx, void *ctx)
{
    const struct touch *touch = ctx;
    return pst_session_touch(tx, &touch->token, touch->now_ms);
}

static void touch_done(struct pst_store_job *job, enum pst_err result)
{
    /* A lost refresh ends the session a minute early at worst. */
    (void)result;
    free(job->ctx);
}

static void touch_submit(const struct pst_web_exchange *exchange)
{
    struct touch *touch = calloc(1, sizeof *touch);
    if (touch == NULL)
        return;
    touch->token = exchange->token.hash;
    touch->now_ms = exchange->request.now_ms;
    touch->job =
        (struct pst_store_job){.fn = touch_run, .ctx = touch, .done = touch_done, .shared = true};
    if (pst_store_submit(exchange->request.store, &touch->job) != PST_OK)
        free(touch);
}

enum pst_err pst_web_auth(struct pst_web_exchange *exchange)
{
    const struct pst_caller *caller = &exchange->request.caller;
    if (token_read(exchange) != PST_OK)
        return PST_OK;
    enum pst_err r = pst_store_read_one(exchange->request.store, find, exchange);
    if (r == PST_OK && caller->signed_in &&
        (exchange->request.route->flags & PST_WEB_UNUSED) == 0 &&
        exchange->request.now_ms - caller->used_at_ms >= PST_SESSION_TOUCH_MS)
        touch_submit(exchange);
    return r;
}
