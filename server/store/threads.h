/*
 * Threads: conversations of a patient with a team, and colleague rooms.
 *
 * Who may see a thread is decided here, in the statement that reads it: absent
 * and invisible are the same PST_ERR_NOT_FOUND after the same statements.
 * Inside an operation, on its thread.
 */
#ifndef POSTERN_SERVER_STORE_THREADS_H
#define POSTERN_SERVER_STORE_THREADS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "postern/buf.h"
#include "postern/uuid.h"
#include "server/store/store.h"

/* How somebody belongs to a thread. */
enum pst_thread_as {
    PST_THREAD_AS_NONE = 0,
    PST_THREAD_AS_PATIENT = 1,
    PST_THREAD_AS_REPRESENTATIVE = 2,
    PST_THREAD_AS_TEAM = 3,
    PST_THREAD_AS_ROOM = 4,
};

#define PST_THREAD_OPEN 0
#define PST_THREAD_CLOSED 1

/* Longest team name, with its terminator. */
#define PST_TEAM_NAME_SIZE 257
/* Everybody a room can have: PST_ENVELOPE_KEYS_MAX less the records key. */
#define PST_ROOM_MEMBERS_MAX 63
/* Unread messages are counted up to here; more are said to be this many. */
#define PST_UNREAD_MAX 100

struct pst_thread {
    enum pst_thread_as as; /* how the one who asked belongs to it; NONE in lists */
    struct pst_uuid id;
    struct pst_uuid patient; /* nil: a room */
    struct pst_uuid team;    /* nil: a room */
    char team_name[PST_TEAM_NAME_SIZE];
    int64_t state;
    struct pst_uuid assigned; /* nil: nobody */
    int64_t last_seq;
    struct pst_uuid created_by;
    int64_t created_at_ms;
    int64_t changed_at_ms;
};

/* A thread that person belongs to. PST_ERR_NOT_FOUND, also when they do not. */
PST_MUST_CHECK enum pst_err pst_thread_get(struct pst_tx *tx, const struct pst_uuid *id,
                                           const struct pst_uuid *person, int64_t now_ms,
                                           struct pst_thread *ret_thread);

/*
 * Open a thread of patient and team for person, its patient, a live
 * representative, or a member of the team.
 *   ret_new  false: it was there already, the same by the same person
 * PST_OK; PST_ERR_NOT_FOUND (patient or team absent, or person has no part in
 * it); PST_ERR_EXISTS: the id is of another thread.
 */
PST_MUST_CHECK enum pst_err pst_thread_open(struct pst_tx *tx, const struct pst_uuid *id,
                                            const struct pst_uuid *patient,
                                            const struct pst_uuid *team,
                                            const struct pst_uuid *person, int64_t now_ms,
                                            bool *ret_new);

/*
 * Open a room of active clinicians; person is one of members or is added.
 *   members  sorted, no repeats
 * As above; PST_ERR_NOT_FOUND when a member is no active clinician.
 */
PST_MUST_CHECK enum pst_err pst_room_open(struct pst_tx *tx, const struct pst_uuid *id,
                                          const struct pst_uuid *members, size_t members_count,
                                          const struct pst_uuid *person, int64_t now_ms,
                                          bool *ret_new);

/* state: PST_THREAD_OPEN or _CLOSED. */
PST_MUST_CHECK enum pst_err pst_thread_state_set(struct pst_tx *tx, const struct pst_uuid *id,
                                                 int64_t state);

/* assigned: an active clinician of the team, else PST_ERR_NOT_FOUND; NULL: nobody. */
PST_MUST_CHECK enum pst_err pst_thread_assign(struct pst_tx *tx, const struct pst_thread *thread,
                                              const struct pst_uuid *assigned);

/* Where a page of a list begins: after the last item of the page before. */
struct pst_thread_after {
    int64_t changed_at_ms; /* INT64_MAX: the first page */
    struct pst_uuid id;
};

struct pst_thread_filter {
    int64_t state;           /* -1: any */
    struct pst_uuid patient; /* nil: any */
};

/*
 * A person's threads, last changed first: their own or their patients', their
 * teams', their rooms.
 *   ret_threads  room for max; *ret_count of them are filled
 */
PST_MUST_CHECK enum pst_err pst_thread_list(struct pst_tx *tx, const struct pst_uuid *person,
                                            const struct pst_thread_filter *filter,
                                            const struct pst_thread_after *after, int64_t now_ms,
                                            struct pst_thread *ret_threads, size_t max,
                                            size_t *ret_count);

/* A member who is a person; the team is not among them. */
struct pst_thread_person {
    enum pst_thread_as as;
    struct pst_uuid id;
    struct pst_bytes name_enc; /* borrowed for the call */
};

/*
 * Call each for every person of the thread: the enrolled patient, enrolled
 * representatives whom the latest consent names; or the room's members. An
 * error it returns ends the walk and is returned.
 */
PST_MUST_CHECK enum pst_err
pst_thread_people(struct pst_tx *tx, const struct pst_uuid *thread, int64_t now_ms,
                  enum pst_err (*each)(void *ctx, const struct pst_thread_person *person),
                  void *ctx);

/* Messages that person received in the thread and has not opened, PST_UNREAD_MAX at most. */
PST_MUST_CHECK enum pst_err pst_thread_unread(struct pst_tx *tx, const struct pst_thread *thread,
                                              const struct pst_uuid *person, int64_t *ret_count);

#endif
