#include "server/door/report.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>

#define MINUTE_S 60

struct row {
    struct pst_handover message; /* count is what was not yet sent */
    bool said;                   /* the first of its minute was sent */
};

struct pst_door_report {
    pthread_mutex_t lock;
    size_t count;
    struct row rows[PST_DOOR_REPORT_ADDRESSES + PST_HANDOVER_REFUSAL__MAX];
};

enum pst_err pst_door_report_new(struct pst_door_report **ret_report)
{
    struct pst_door_report *report = calloc(1, sizeof *report);
    if (report == NULL)
        return PST_ERR_NOMEM;
    (void)pthread_mutex_init(&report->lock, NULL);
    *ret_report = report;
    return PST_OK;
}

void pst_door_report_free(struct pst_door_report **report)
{
    if (report == NULL || *report == NULL)
        return;
    (void)pthread_mutex_destroy(&(*report)->lock);
    free(*report);
    *report = NULL;
}

static bool same(const struct pst_handover *a, const struct pst_handover *b)
{
    return a->refusal == b->refusal && a->listener == b->listener && a->minute == b->minute &&
           a->peer.family == b->peer.family &&
           memcmp(a->peer.address, b->peer.address, sizeof a->peer.address) == 0;
}

static struct row *find(struct pst_door_report *report, const struct pst_handover *key)
{
    for (size_t i = 0; i < report->count; i++)
        if (same(&report->rows[i].message, key))
            return &report->rows[i];
    return NULL;
}

/* The row of key, or of all addresses once the table is full; NULL when even that is. */
static struct row *find_or_add(struct pst_door_report *report, struct pst_handover *key)
{
    struct row *row = find(report, key);
    if (row != NULL)
        return row;
    size_t cap = PST_DOOR_REPORT_ADDRESSES;
    if (report->count >= cap) {
        key->peer = (struct pst_peer){.family = 4};
        key->listener = PST_LISTENER_HTTPS;
        row = find(report, key);
        cap = sizeof report->rows / sizeof report->rows[0];
    }
    if (row == NULL && report->count < cap) {
        row = &report->rows[report->count++];
        *row = (struct row){.message = *key};
    }
    return row;
}

void pst_door_report_count(struct pst_door_report *report, enum pst_handover_refusal refusal,
                           enum pst_listener_kind listener, const struct pst_peer *peer,
                           int64_t now_s)
{
    struct pst_handover key = {.kind = PST_HANDOVER_REFUSED,
                               .listener = listener,
                               .peer = *peer,
                               .refusal = refusal,
                               .minute = now_s / MINUTE_S};
    key.peer.port = 0;
    (void)pthread_mutex_lock(&report->lock);
    struct row *row = find_or_add(report, &key);
    if (row != NULL && row->message.count < UINT32_MAX)
        row->message.count++;
    (void)pthread_mutex_unlock(&report->lock);
}

/* Sends the row if it is due. False when the receiver has no room. */
static bool send_row(struct row *row, int socket, bool over)
{
    if (row->message.count == 0 || (row->said && !over))
        return true;
    if (pst_handover_send(socket, &row->message, -1) != PST_OK)
        return false;
    row->message.count = 0;
    row->said = true;
    return true;
}

void pst_door_report_send(struct pst_door_report *report, int socket, int64_t now_s,
                          bool everything)
{
    (void)pthread_mutex_lock(&report->lock);
    bool room = true;
    for (size_t i = 0; i < report->count && room;) {
        struct row *row = &report->rows[i];
        bool over = row->message.minute != now_s / MINUTE_S;
        room = send_row(row, socket, over || everything);
        if (room && over && row->message.count == 0)
            *row = report->rows[--report->count];
        else
            i++;
    }
    (void)pthread_mutex_unlock(&report->lock);
}
