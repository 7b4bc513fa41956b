/* How soon a role that died is started again. */
#include <signal.h>
#include <string.h>
#include <unistd.h>

#include "server/supervisor/child.h"
#include "unit.h"

START_TEST(pauses_double_from_a_tenth_of_a_second_to_half_a_minute)
{
    static const int64_t want_ms[] = {100,  100,  200,   400,   800,   1600,
                                      3200, 6400, 12800, 25600, 30000, 30000};
    for (unsigned i = 0; i < sizeof want_ms / sizeof want_ms[0]; i++)
        ck_assert_int_eq(pst_child_delay_ms(i), want_ms[i]);
    ck_assert_int_eq(pst_child_delay_ms(1000000000), 30000);
}
END_TEST

/* A child whose process ended after it had lived so long. */
static void end_after(struct pst_child *child, int64_t lived_ms, int64_t now_ms)
{
    int pair[2];
    ck_assert_int_eq(pipe(pair), 0);
    close(pair[1]);
    child->control = pair[0];
    child->pid = 1;
    child->started_ms = now_ms - lived_ms;
    pst_child_ended(child, SIGKILL, now_ms);
    ck_assert_int_eq(child->pid, 0);
    ck_assert_int_eq(child->control, -1);
}

START_TEST(who_dies_at_once_waits_longer_each_time_and_who_settled_begins_anew)
{
    static const struct pst_role_program program = {.role = PST_ROLE_WEB};
    struct pst_child child = {.program = &program};
    int64_t now_ms = 1000000;
    for (unsigned i = 1; i < 12; i++) {
        end_after(&child, 10, now_ms);
        ck_assert_uint_eq(child.failures, i);
        ck_assert_int_eq(child.start_at_ms, now_ms + pst_child_delay_ms(i));
    }
    end_after(&child, 60000, now_ms);
    ck_assert_uint_eq(child.failures, 1);
    ck_assert_int_eq(child.start_at_ms, now_ms + 100);
}
END_TEST

START_TEST(who_was_told_to_stop_is_not_started_again)
{
    static const struct pst_role_program program = {.role = PST_ROLE_WEB};
    struct pst_child child = {.program = &program, .stopping = true};
    end_after(&child, 10, 1000000);
    ck_assert_uint_eq(child.failures, 0);
    ck_assert_int_eq(child.start_at_ms, 0);
}
END_TEST

PST_UNIT_MAIN("supervisor", pauses_double_from_a_tenth_of_a_second_to_half_a_minute,
              who_dies_at_once_waits_longer_each_time_and_who_settled_begins_anew,
              who_was_told_to_stop_is_not_started_again)
