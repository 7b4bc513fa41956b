#include "server/migrate/watch.h"

#include <signal.h>
#include <stdio.h>
#include <unistd.h>

#include "postern/progress.h"
#include "postern/time.h"

/* A bar that moves smoothly; lines that do not fill a log. */
#define BAR_EVERY_MS 100
#define LINE_EVERY_MS 10000

#define MIB (INT64_C(1024) * 1024)

static volatile sig_atomic_t interrupted;

static void interrupt(int signal)
{
    (void)signal;
    interrupted = 1;
}

void pst_migrate_watch_begin(struct pst_migrate_watch *watch, bool silent)
{
    static const int signals[] = {SIGINT, SIGTERM, SIGHUP};
    struct sigaction action = {.sa_handler = interrupt, .sa_flags = SA_RESTART};
    (void)sigemptyset(&action.sa_mask);
    for (size_t i = 0; i < sizeof signals / sizeof signals[0]; i++)
        (void)sigaction(signals[i], &action, NULL);
    *watch = (struct pst_migrate_watch){.silent = silent, .terminal = isatty(STDERR_FILENO) != 0};
}

/* Each phase has a bar of its own, and a speed. */
static void phase_begin(struct pst_migrate_watch *watch, const struct pst_copy_progress *progress,
                        int64_t now_ms)
{
    if (watch->begun && watch->phase == progress->phase)
        return;
    watch->begun = true;
    watch->phase = progress->phase;
    watch->begun_ms = watch->shown_ms = now_ms;
    watch->begun_rows = progress->rows;
}

static void show(struct pst_migrate_watch *watch, const struct pst_copy_progress *progress,
                 int64_t now_ms)
{
    char text[PST_PROGRESS_TEXT_SIZE];
    const struct pst_progress bar = {
        .doing = progress->phase == PST_COPY_COPYING ? "Copying" : "Verifying",
        .done = progress->rows,
        .all = progress->rows_all,
        .begun_done = watch->begun_rows,
        .elapsed_ms = now_ms - watch->begun_ms,
    };
    if (!pst_progress_shows(&bar) ||
        now_ms - watch->shown_ms < (watch->terminal ? BAR_EVERY_MS : LINE_EVERY_MS))
        return;
    watch->shown_ms = now_ms;
    watch->drawn = watch->terminal;
    if (watch->terminal) {
        pst_progress_format(&bar, text);
        (void)fprintf(stderr, PST_PROGRESS_CLEAR "%s, %lld MiB", text,
                      (long long)(progress->bytes / MIB));
        (void)fflush(stderr);
    } else {
        (void)fprintf(stderr, "%s: %lld of %lld rows (%d %%), %lld MiB\n", bar.doing,
                      (long long)bar.done, (long long)bar.all, pst_progress_percent(&bar),
                      (long long)(progress->bytes / MIB));
    }
}

bool pst_migrate_watch_step(const struct pst_copy_progress *progress, void *ctx)
{
    struct pst_migrate_watch *watch = ctx;
    int64_t now_ms = pst_monotonic_ms();
    phase_begin(watch, progress, now_ms);
    if (!watch->silent)
        show(watch, progress, now_ms);
    return interrupted == 0;
}

void pst_migrate_watch_end(struct pst_migrate_watch *watch)
{
    if (watch->drawn)
        (void)fputs(PST_PROGRESS_CLEAR, stderr);
    watch->drawn = false;
}
