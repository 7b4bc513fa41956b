/*
 * bench_store [--json] [--bare | --paced RATE] DIR: accepted messages a second through the
 * store, 64 in flight, beside the same rows put by bare SQLite in groups of 64
 * on the same file system (DIR). Medians of rounds in turns.
 *
 * One message: its row, three keys, head and payload of 4 KiB together, event,
 * place of its thread, notice. --bare measures the peer alone, with a notice
 * for the first message of each thread only, as a gateway under load writes them.
 * --paced measures the peer's latency while RATE messages a second come: each
 * group is what is due by then.
 */
#include <semaphore.h>
#include <sqlite3.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "postern/uuid.h"
#include "server/store/events.h"
#include "server/store/messages.h"
#include "server/store/sql.h"
#include "server/store/store.h"

#define IN_FLIGHT 64
#define THREADS 64
#define MESSAGES 12000
#define ROUNDS 3
#define HEAD_BYTES 700
#define PAYLOAD_BYTES (4096 - HEAD_BYTES)
#define EVENT_BYTES 640
#define NOW 1790000000000
/* A store that costs more than this beside bare SQLite is worth a profile. */
#define BAR 0.7

static struct pst_uuid person, patient, team, threads[THREADS], consent;
static uint8_t head[HEAD_BYTES], payload[PAYLOAD_BYTES];
static char event_line[EVENT_BYTES + 1];

static _Noreturn void die(const char *what)
{
    fprintf(stderr, "bench_store: %s\n", what);
    exit(1);
}

static double now_s(void)
{
    struct timespec now;
    clock_gettime(CLOCK_MONOTONIC, &now);
    return (double)now.tv_sec + (double)now.tv_nsec / 1e9;
}

static void remove_store(const char *path)
{
    static const char *const endings[] = {"", "-wal", "-shm"};
    char name[4096];
    for (size_t i = 0; i < 3; i++) {
        snprintf(name, sizeof name, "%s%s", path, endings[i]);
        (void)unlink(name);
    }
}

/* ---- rows both sides begin with ---- */

static void run(sqlite3 *db, const char *sql)
{
    char *error = NULL;
    if (sqlite3_exec(db, sql, NULL, NULL, &error) != SQLITE_OK)
        die(error);
}

static void put(sqlite3 *db, const char *sql, const struct pst_uuid *const *ids, size_t count)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    for (size_t i = 0; i < count; i++)
        sqlite3_bind_blob(stmt, (int)i + 1, ids[i]->bytes, PST_UUID_BYTES, SQLITE_STATIC);
    if (sqlite3_step(stmt) != SQLITE_DONE)
        die(sqlite3_errmsg(db));
    sqlite3_finalize(stmt);
}

#define PUT(db, sql, ...)                                                                          \
    put(db, sql, (const struct pst_uuid *const[]){__VA_ARGS__},                                    \
        sizeof((const struct pst_uuid *const[]){__VA_ARGS__}) / sizeof(struct pst_uuid *))

static void seed(const char *path)
{
    sqlite3 *db = NULL;
    if (sqlite3_open(path, &db) != SQLITE_OK)
        die("cannot open");
    PUT(db,
        "INSERT INTO person (id, roles, state, name_enc, created_at_ms) "
        "VALUES (?1, 8, 1, x'00', 0), (?2, 1, 1, x'00', 0)",
        &person, &patient);
    PUT(db,
        "INSERT INTO patient (person, key_enc, name_index, birth_enc, language, identity_enc, "
        "created_by, created_at_ms) VALUES (?2, x'00', x'00', x'00', 'en', x'00', ?1, 0)",
        &person, &patient);
    PUT(db, "INSERT INTO team (id, name, created_at_ms) VALUES (?1, 'Example', 0)", &team);
    PUT(db,
        "INSERT INTO address (patient, kind, address_enc, address_index, changed_at_ms) "
        "VALUES (?1, 'email', x'00', x'01', 0)",
        &patient);
    PUT(db,
        "INSERT INTO consent (id, patient, seq, decision, purposes, terms_id, terms_version, "
        "language, at_ms, recorded_at_ms, recorded_by, hash, record_enc) "
        "VALUES (?1, ?2, 1, 0, 5, 'messages', 1, 'en', 0, 0, ?3, x'00', x'00')",
        &consent, &patient, &person);
    PUT(db,
        "INSERT INTO consent_purpose (consent, purpose, address_index) "
        "VALUES (?1, 2, x'01')",
        &consent);
    for (size_t i = 0; i < THREADS; i++)
        PUT(db,
            "INSERT INTO thread (id, patient, team, state, created_by, created_at_ms, "
            "changed_at_ms) VALUES (?1, ?2, ?3, 0, ?4, 0, 0)",
            &threads[i], &patient, &team, &person);
    sqlite3_close(db);
}

static void make_store(const char *path, const char *url)
{
    struct pst_store_problem problem = {""};
    remove_store(path);
    if (pst_store_migrate(url, NULL, NULL, &problem) != PST_OK)
        die(problem.text);
    seed(path);
}

/* ---- through the store ---- */

struct post {
    struct pst_store_job job;
    struct pst_message_acceptance acceptance;
    struct pst_notice_order notice;
    struct pst_key_id keys[3];
    sem_t *free_slots;
    bool busy;
};

static enum pst_err accept_one(struct pst_tx *tx, void *ctx)
{
    struct post *post = ctx;
    enum pst_err r = pst_message_accept(tx, &post->acceptance);
    if (r == PST_OK)
        r = pst_event_insert(tx, &post->acceptance.event, event_line);
    return r == PST_OK ? pst_notice_queue(tx, &post->notice) : r;
}

static void accepted(struct pst_store_job *job, enum pst_err result)
{
    struct post *post = (struct post *)job;
    if (result != PST_OK)
        die(pst_err_name(result));
    __atomic_store_n(&post->busy, false, __ATOMIC_RELEASE);
    sem_post(post->free_slots);
}

static void fill(struct post *post, int64_t number)
{
    struct pst_message *message = &post->acceptance.message;
    post->acceptance =
        (struct pst_message_acceptance){.consent = consent,
                                        .keys = post->keys,
                                        .keys_count = 3,
                                        .head = pst_bytes(head, sizeof head),
                                        .payload = pst_bytes(payload, sizeof payload)};
    *message = (struct pst_message){.thread = threads[number % THREADS],
                                    .seq = number / THREADS + 1,
                                    .sender = person,
                                    .sent_ms = NOW,
                                    .accepted_ms = NOW + number,
                                    .size_bytes = 4096};
    pst_uuid_v7(NOW + number, NULL, &message->id);
    pst_uuid_v7(NOW + number, NULL, &post->acceptance.event);
    memcpy(post->acceptance.hash.bytes, message->id.bytes, PST_UUID_BYTES);
    for (size_t i = 0; i < 3; i++)
        memset(post->keys[i].bytes, (int)i + 1, sizeof post->keys[i].bytes);
    post->notice = (struct pst_notice_order){
        .patient = patient, .consent = consent, .email = true, .now_ms = NOW + number};
    pst_uuid_v7(NOW + number, NULL, &post->notice.email_id);
    pst_uuid_v7(NOW + number, NULL, &post->notice.sms_id);
    /* As if of threads that nobody was told of yet: each message brings a notice. */
    pst_uuid_v7(NOW + number, NULL, &post->notice.thread);
}

static struct post *free_post(struct post *posts)
{
    for (size_t i = 0; i < IN_FLIGHT; i++) {
        if (!__atomic_load_n(&posts[i].busy, __ATOMIC_ACQUIRE))
            return &posts[i];
    }
    die("no free slot");
}

static double through_store(const char *path)
{
    static struct post posts[IN_FLIGHT];
    char url[4200];
    struct pst_store *store = NULL;
    struct pst_store_problem problem = {""};
    struct pst_store_counters counters;
    sem_t free_slots;
    snprintf(url, sizeof url, "sqlite:%s", path);
    make_store(path, url);
    if (pst_store_open(url, PST_STORE_WEB, &store, &problem) != PST_OK)
        die(problem.text);
    sem_init(&free_slots, 0, IN_FLIGHT);
    double start = now_s();
    for (int64_t number = 0; number < MESSAGES; number++) {
        sem_wait(&free_slots);
        struct post *post = free_post(posts);
        post->busy = true;
        post->free_slots = &free_slots;
        post->job = (struct pst_store_job){.fn = accept_one, .ctx = post, .done = accepted};
        fill(post, number);
        if (pst_store_submit(store, &post->job) != PST_OK)
            die("not submitted");
    }
    for (int i = 0; i < IN_FLIGHT; i++)
        sem_wait(&free_slots);
    double seconds = now_s() - start;
    pst_store_counters(store, &counters);
    fprintf(stderr, "store: %.0f/s, %.1f messages a commit\n", MESSAGES / seconds,
            (double)counters.jobs / (double)counters.commits);
    pst_store_close(&store);
    remove_store(path);
    return MESSAGES / seconds;
}

/* ---- bare SQLite ---- */

struct bare {
    sqlite3 *db;
    sqlite3_stmt *message, *keys, *body, *event, *thread, *notice, *begin, *commit;
};

static sqlite3_stmt *prepare(sqlite3 *db, const char *sql)
{
    sqlite3_stmt *stmt = NULL;
    if (sqlite3_prepare_v3(db, sql, -1, SQLITE_PREPARE_PERSISTENT, &stmt, NULL) != SQLITE_OK)
        die(sqlite3_errmsg(db));
    return stmt;
}

static void bare_open(struct bare *bare, const char *path)
{
    if (sqlite3_open(path, &bare->db) != SQLITE_OK)
        die("cannot open");
    run(bare->db, "PRAGMA journal_mode = WAL; PRAGMA synchronous = FULL;");
    bare->message = prepare(bare->db, pst_statement_def(PST_STMT_MESSAGE_INSERT)->sql);
    bare->keys = prepare(bare->db, pst_statement_def(PST_STMT_MESSAGE_KEYS_INSERT_3)->sql);
    bare->body = prepare(bare->db, pst_statement_def(PST_STMT_BODY_INSERT_2)->sql);
    bare->event = prepare(bare->db, pst_statement_def(PST_STMT_EVENT_INSERT)->sql);
    bare->thread = prepare(bare->db, pst_statement_def(PST_STMT_THREAD_ADVANCE)->sql);
    bare->notice = prepare(bare->db, "INSERT INTO notice (id, patient, person, thread, kind, "
                                     "state, created_at_ms, next_at_ms) "
                                     "VALUES ($1, $2, $2, $3, 'email', 0, $4, $4)");
    bare->begin = prepare(bare->db, "BEGIN IMMEDIATE");
    bare->commit = prepare(bare->db, "COMMIT");
}

static void bare_close(struct bare *bare)
{
    sqlite3_stmt *all[] = {bare->message, bare->keys,   bare->body,  bare->event,
                           bare->thread,  bare->notice, bare->begin, bare->commit};
    for (size_t i = 0; i < sizeof all / sizeof all[0]; i++)
        sqlite3_finalize(all[i]);
    sqlite3_close(bare->db);
}

static void step(struct bare *bare, sqlite3_stmt *stmt)
{
    if (sqlite3_step(stmt) != SQLITE_DONE)
        die(sqlite3_errmsg(bare->db));
    sqlite3_reset(stmt);
}

static void bind(sqlite3_stmt *stmt, int number, const void *bytes, size_t len)
{
    char name[8];
    snprintf(name, sizeof name, "$%d", number);
    sqlite3_bind_blob(stmt, sqlite3_bind_parameter_index(stmt, name), bytes, (int)len,
                      SQLITE_STATIC);
}

static void bind_int(sqlite3_stmt *stmt, int number, int64_t value)
{
    char name[8];
    snprintf(name, sizeof name, "$%d", number);
    sqlite3_bind_int64(stmt, sqlite3_bind_parameter_index(stmt, name), value);
}

static void bare_one(struct bare *bare, const struct post *post, bool notice)
{
    const struct pst_message_acceptance *acceptance = &post->acceptance;
    const struct pst_message *message = &acceptance->message;
    bind(bare->message, 1, message->id.bytes, PST_UUID_BYTES);
    bind(bare->message, 2, message->thread.bytes, PST_UUID_BYTES);
    bind_int(bare->message, 3, message->seq);
    bind(bare->message, 4, message->sender.bytes, PST_UUID_BYTES);
    bind_int(bare->message, 5, 0);
    bind_int(bare->message, 6, message->sent_ms);
    bind_int(bare->message, 7, message->accepted_ms);
    for (int i = 8; i <= 10; i++)
        bind_int(bare->message, i, 0);
    bind_int(bare->message, 12, 0);
    bind(bare->message, 13, acceptance->hash.bytes, sizeof acceptance->hash.bytes);
    bind(bare->message, 14, acceptance->event.bytes, PST_UUID_BYTES);
    bind(bare->message, 15, acceptance->consent.bytes, PST_UUID_BYTES);
    step(bare, bare->message);
    bind(bare->keys, 1, message->id.bytes, PST_UUID_BYTES);
    for (int i = 0; i < 3; i++)
        bind(bare->keys, i + 2, post->keys[i].bytes, sizeof post->keys[i].bytes);
    step(bare, bare->keys);
    bind(bare->body, 1, message->id.bytes, PST_UUID_BYTES);
    bind(bare->body, 2, head, sizeof head);
    bind(bare->body, 3, payload, sizeof payload);
    step(bare, bare->body);
    bind(bare->event, 1, acceptance->event.bytes, PST_UUID_BYTES);
    sqlite3_bind_text(bare->event, sqlite3_bind_parameter_index(bare->event, "$2"), event_line, -1,
                      SQLITE_STATIC);
    step(bare, bare->event);
    bind(bare->thread, 1, message->thread.bytes, PST_UUID_BYTES);
    bind_int(bare->thread, 2, message->seq);
    bind_int(bare->thread, 3, message->accepted_ms);
    bind_int(bare->thread, 4, message->size_bytes);
    step(bare, bare->thread);
    if (!notice)
        return;
    bind(bare->notice, 1, post->notice.email_id.bytes, PST_UUID_BYTES);
    bind(bare->notice, 2, patient.bytes, PST_UUID_BYTES);
    bind(bare->notice, 3, post->notice.thread.bytes, PST_UUID_BYTES);
    bind_int(bare->notice, 4, message->accepted_ms);
    step(bare, bare->notice);
}

static double by_bare_sqlite(const char *path, bool all_notices)
{
    char url[4200];
    struct bare bare;
    struct post post = {.busy = false};
    snprintf(url, sizeof url, "sqlite:%s", path);
    make_store(path, url);
    bare_open(&bare, path);
    double start = now_s();
    for (int64_t number = 0; number < MESSAGES; number++) {
        if (number % IN_FLIGHT == 0)
            step(&bare, bare.begin);
        fill(&post, number);
        bare_one(&bare, &post, all_notices || number < THREADS);
        if (number % IN_FLIGHT == IN_FLIGHT - 1 || number == MESSAGES - 1)
            step(&bare, bare.commit);
    }
    double seconds = now_s() - start;
    fprintf(stderr, "bare SQLite: %.0f/s\n", MESSAGES / seconds);
    bare_close(&bare);
    remove_store(path);
    return MESSAGES / seconds;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static void wait_until(double at_s)
{
    double left = at_s - now_s();
    struct timespec pause = {.tv_sec = (time_t)left, .tv_nsec = (long)(left * 1e9) % 1000000000L};
    if (left > 0)
        (void)nanosleep(&pause, NULL);
}

/* One group: what is due by now, at most IN_FLIGHT. The number of the next message. */
static int64_t bare_group(struct bare *bare, struct post *post, int64_t number, double start,
                          double rate, double *latencies_ms)
{
    int64_t first = number;
    wait_until(start + (double)number / rate);
    step(bare, bare->begin);
    while (number < MESSAGES && number - first < IN_FLIGHT &&
           start + (double)number / rate <= now_s()) {
        fill(post, number);
        bare_one(bare, post, number < THREADS);
        number++;
    }
    step(bare, bare->commit);
    for (int64_t i = first; i < number; i++)
        latencies_ms[i] = (now_s() - start - (double)i / rate) * 1e3;
    return number;
}

/* 99th percentile in ms from when a row was due to when it was durable. */
static double p99_by_bare_sqlite(const char *path, double rate)
{
    static double latencies_ms[MESSAGES];
    char url[4200];
    struct bare bare;
    struct post post = {.busy = false};
    snprintf(url, sizeof url, "sqlite:%s", path);
    make_store(path, url);
    bare_open(&bare, path);
    double start = now_s();
    for (int64_t number = 0; number < MESSAGES;)
        number = bare_group(&bare, &post, number, start, rate, latencies_ms);
    bare_close(&bare);
    remove_store(path);
    qsort(latencies_ms, MESSAGES, sizeof *latencies_ms, compare);
    return latencies_ms[MESSAGES * 99 / 100];
}

/* ---- figures ---- */

static double median(double *values)
{
    qsort(values, ROUNDS, sizeof *values, compare);
    return values[ROUNDS / 2];
}

static void init_rows(void)
{
    struct pst_uuid *ids[] = {&person, &patient, &team, &consent};
    for (size_t i = 0; i < sizeof ids / sizeof ids[0]; i++)
        pst_uuid_v7(NOW, NULL, ids[i]);
    for (size_t i = 0; i < THREADS; i++)
        pst_uuid_v7(NOW, NULL, &threads[i]);
    pst_random_fill(pst_random_system(), head, sizeof head);
    pst_random_fill(pst_random_system(), payload, sizeof payload);
    memset(event_line, 'e', EVENT_BYTES);
}

static void print(bool json, const char *name, double value, const char *against, double ratio)
{
    if (json)
        printf("{\"figures\":[{\"name\":\"%s\",\"value\":%.0f,\"unit\":\"1/s\","
               "\"against\":\"%s\",\"ratio\":%.3f,\"bar\":%.2f,\"met\":%s}]}\n",
               name, value, against, ratio, BAR, ratio >= BAR ? "true" : "false");
    else
        printf("%s: %.0f/s, %.2f of %s (bar %.2f)\n", name, value, ratio, against, BAR);
}

static void paced(bool json, const char *path, double rate)
{
    double rounds[ROUNDS];
    for (int i = 0; i < ROUNDS; i++)
        rounds[i] = p99_by_bare_sqlite(path, rate);
    double value = median(rounds);
    if (json)
        printf("{\"figures\":[{\"name\":\"rows of accepted messages by bare SQLite, 99th "
               "percentile\",\"value\":%.3f,\"unit\":\"ms\",\"against\":\"itself\","
               "\"ratio\":1,\"bar\":0,\"met\":true}]}\n",
               value);
    else
        printf("99th percentile at %.0f/s by bare SQLite: %.3f ms\n", rate, value);
}

int main(int argc, char **argv)
{
    bool json = false, bare_alone = false;
    double ours[ROUNDS], peer[ROUNDS], rate = 0;
    char path[4096];
    const char *folder = NULL;
    for (int i = 1; i < argc; i++) {
        if (strcmp(argv[i], "--json") == 0)
            json = true;
        else if (strcmp(argv[i], "--bare") == 0)
            bare_alone = true;
        else if (strcmp(argv[i], "--paced") == 0 && i + 1 < argc)
            rate = strtod(argv[++i], NULL);
        else
            folder = argv[i];
    }
    if (folder == NULL || pst_secret_init() != PST_OK || realpath(folder, path) == NULL)
        die("usage: bench_store [--json] [--bare | --paced RATE] DIR");
    strncat(path, "/bench-store.db", sizeof path - strlen(path) - 1);
    init_rows();
    if (rate > 0) {
        paced(json, path, rate);
        return 0;
    }
    for (int i = 0; i < ROUNDS; i++) {
        peer[i] = by_bare_sqlite(path, /* all_notices= */ !bare_alone);
        ours[i] = bare_alone ? peer[i] : through_store(path);
    }
    double value = median(ours), against = median(peer);
    print(json,
          bare_alone ? "rows of accepted messages by bare SQLite" : "accepted messages stored",
          value, "bare SQLite in groups of 64", value / against);
    return 0;
}
