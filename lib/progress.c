#include "postern/progress.h"

#include <stdio.h>
#include <string.h>

#define BAR_COLUMNS 30
static const char bar[] = "##############################";
_Static_assert(sizeof bar == BAR_COLUMNS + 1, "as long as the bar");

/* Longer than that, minutes say it better, then hours. */
#define SECONDS_SHOWN 90
#define MINUTES_SHOWN_S (90 * 60)

static int64_t done_of(const struct pst_progress *progress)
{
    if (progress->done < 0)
        return 0;
    return progress->done < progress->all ? progress->done : progress->all;
}

/* In parts of so many; without a product that could overflow. */
static int part(const struct pst_progress *progress, int parts)
{
    if (progress->all <= 0)
        return 0;
    return (int)((double)done_of(progress) / (double)progress->all * parts);
}

bool pst_progress_shows(const struct pst_progress *progress)
{
    return progress->all > 0 && progress->elapsed_ms >= PST_PROGRESS_AFTER_MS;
}

int pst_progress_percent(const struct pst_progress *progress)
{
    return part(progress, 100);
}

int64_t pst_progress_left_s(const struct pst_progress *progress)
{
    int64_t since = done_of(progress) - progress->begun_done;
    if (since <= 0 || progress->elapsed_ms < PST_PROGRESS_AFTER_MS)
        return -1;
    double left = (double)(progress->all - done_of(progress));
    return (int64_t)((double)progress->elapsed_ms / 1000 / (double)since * left + 0.5);
}

static void left_format(int64_t left_s, char *ret_text, size_t size)
{
    if (left_s < 0)
        ret_text[0] = '\0';
    else if (left_s < SECONDS_SHOWN)
        (void)snprintf(ret_text, size, ", %lld s left", (long long)left_s);
    else if (left_s < MINUTES_SHOWN_S)
        (void)snprintf(ret_text, size, ", %lld min left", (long long)(left_s + 30) / 60);
    else
        (void)snprintf(ret_text, size, ", %lld h left", (long long)(left_s + 1800) / 3600);
}

void pst_progress_format(const struct pst_progress *progress, char *ret_text)
{
    char left[32];
    left_format(pst_progress_left_s(progress), left, sizeof left);
    (void)snprintf(ret_text, PST_PROGRESS_TEXT_SIZE, "%.*s [%-*.*s] %3d %%%s",
                   PST_PROGRESS_DOING_MAX, progress->doing, BAR_COLUMNS,
                   part(progress, BAR_COLUMNS), bar, pst_progress_percent(progress), left);
}
