/*
 * HTTP to the practice's server, by libcurl: TLS 1.2 or later, the server
 * verified, one connection kept for the whole call.
 *
 * What the server refuses is said in plain sentences with its code and cure,
 * and with --json printed as the object it is; the status is 77 then. An
 * answer that asks to wait is waited for once. A step that asks for the second
 * factor again gets it (totp.h) and is tried once more.
 */
#ifndef POSTERN_CLI_NET_H
#define POSTERN_CLI_NET_H

#include <stdint.h>

#include "client/cli/cli.h"
#include "postern/buf.h"
#include "postern/sink.h"

struct pst_net_request {
    const char *method;          /* NULL: GET */
    const char *path;            /* "/v1/…" */
    const json_t *json;          /* a body of JSON, borrowed; or NULL */
    struct pst_bytes bytes;      /* another body, borrowed */
    const char *content_type;    /* of bytes */
    const char *if_match;        /* NULL: none */
    const char *doing;           /* shown with progress: "Sending"; NULL: silent */
    size_t max_bytes;            /* of the answer; 0: that of JSON */
    const struct pst_sink *live; /* takes a 200's body as it comes, for as long as it comes */
    const char *last_event;      /* Last-Event-ID; NULL or "": none */
    bool anonymous;              /* without the session's token */
    bool quiet;                  /* refusals are the caller's business: nothing is said */
};

#define PST_NET_ETAG_MAX 128

struct pst_net_answer {
    long status;
    json_t *json;        /* of a JSON answer; else NULL */
    struct pst_buf body; /* of any other */
    char etag[PST_NET_ETAG_MAX];
    int64_t retry_after_s; /* -1: not said */
};

void pst_net_answer_free(struct pst_net_answer *answer);
#define PST_NET_ANSWER __attribute__((cleanup(pst_net_answer_free)))

/*
 * One exchange. PST_OK for 2xx; for others the problem was said (unless quiet)
 * and the error is of its class. ret_answer is to be freed in every case. That
 * a live one broke off after it had begun is not said, nor that a quiet one
 * did not begin: PST_ERR_IO, and the status is 0.
 */
PST_MUST_CHECK enum pst_err pst_net_send(struct pst_cli *cli, const struct pst_net_request *request,
                                         struct pst_net_answer *ret_answer);

/*
 * The usual one: JSON out, JSON in.
 *   body      borrowed, or NULL
 *   ret_json  given; may be NULL, and is set to NULL by an answer without a body
 */
PST_MUST_CHECK enum pst_err pst_net_json(struct pst_cli *cli, const char *method, const char *path,
                                         const json_t *body, json_t **ret_json);

/* All pages of a list, as {"items":[…]}, up to max items (0: all). Given. */
PST_MUST_CHECK enum pst_err pst_net_list(struct pst_cli *cli, const char *path, size_t max,
                                         json_t **ret_list);

/* Say a problem object and set the exit status; answers the error of its class. */
enum pst_err pst_net_problem(struct pst_cli *cli, long status, const json_t *problem);

/* Milliseconds since 1970, corrected by what the server said the time is. */
int64_t pst_net_now_ms(struct pst_cli *cli);

void pst_net_free(struct pst_net **net);

#endif
