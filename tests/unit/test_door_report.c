#include "server/door/report.h"

#include <string.h>
#include <unistd.h>

#include "unit.h"

static const struct pst_peer alice = {.family = 4, .address = {192, 0, 2, 1}, .port = 4711};
static const struct pst_peer bob = {.family = 6, .address = {0x20, 1}, .port = 4712};

struct seen {
    size_t messages;
    uint32_t count;
    struct pst_handover last;
};

static struct seen receive(int socket)
{
    struct seen seen = {.messages = 0};
    int stream = -1;
    while (pst_handover_recv(socket, &seen.last, &stream) == PST_OK) {
        ck_assert_int_eq(stream, -1);
        ck_assert_int_eq(seen.last.kind, PST_HANDOVER_REFUSED);
        seen.messages++;
        seen.count += seen.last.count;
    }
    return seen;
}

static void count(struct pst_door_report *report, const struct pst_peer *peer, int64_t now_s)
{
    pst_door_report_count(report, PST_HANDOVER_TLS_REQUIRED, PST_LISTENER_HTTPS, peer, now_s);
}

START_TEST(a_flood_becomes_two_messages_a_minute)
{
    int pair[2];
    struct pst_door_report *report = NULL;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_door_report_new(&report), PST_OK);
    count(report, &alice, 600);
    pst_door_report_send(report, pair[0], 600, false);
    struct seen first = receive(pair[1]);
    ck_assert_uint_eq(first.messages, 1);
    ck_assert_uint_eq(first.count, 1);
    ck_assert_uint_eq(first.last.peer.port, 0);
    ck_assert_int_eq(first.last.minute, 10);
    for (int i = 0; i < 5000; i++) {
        count(report, &alice, 601 + i / 100);
        pst_door_report_send(report, pair[0], 601 + i / 100, false);
    }
    ck_assert_uint_eq(receive(pair[1]).messages, 0);
    pst_door_report_send(report, pair[0], 660, false);
    struct seen rest = receive(pair[1]);
    ck_assert_uint_eq(rest.messages, 1);
    ck_assert_uint_eq(rest.count, 5000);
    ck_assert_int_eq(rest.last.minute, 10);
    pst_door_report_send(report, pair[0], 720, true);
    ck_assert_uint_eq(receive(pair[1]).messages, 0);
    pst_door_report_free(&report);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(addresses_codes_and_minutes_stay_apart)
{
    int pair[2];
    struct pst_door_report *report = NULL;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_door_report_new(&report), PST_OK);
    count(report, &alice, 0);
    count(report, &bob, 0);
    count(report, &alice, 60);
    pst_door_report_count(report, PST_HANDOVER_RATE_LIMITED, PST_LISTENER_HTTPS, &alice, 0);
    pst_door_report_send(report, pair[0], 60, true);
    struct seen seen = receive(pair[1]);
    ck_assert_uint_eq(seen.messages, 4);
    ck_assert_uint_eq(seen.count, 4);
    pst_door_report_free(&report);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(more_addresses_than_fit_are_counted_together)
{
    int pair[2];
    struct pst_door_report *report = NULL;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_door_report_new(&report), PST_OK);
    const uint32_t all = PST_DOOR_REPORT_ADDRESSES + 1000;
    for (uint32_t i = 0; i < all; i++) {
        struct pst_peer peer = {.family = 4};
        memcpy(peer.address, &(uint32_t){i + 1}, 4);
        count(report, &peer, 0);
    }
    uint32_t got = 0, largest = 0;
    for (int i = 0; i < 1000 && got < all; i++) {
        pst_door_report_send(report, pair[0], 0, true);
        struct seen seen = receive(pair[1]);
        got += seen.count;
        largest = seen.last.count > largest ? seen.last.count : largest;
    }
    ck_assert_uint_eq(got, all);
    ck_assert_uint_eq(largest, 1000);
    pst_door_report_free(&report);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

START_TEST(what_cannot_be_sent_waits)
{
    int pair[2];
    struct pst_door_report *report = NULL;
    struct pst_handover filler = {.kind = PST_HANDOVER_REFUSED,
                                  .listener = PST_LISTENER_HTTPS,
                                  .peer = alice,
                                  .refusal = PST_HANDOVER_TOO_LARGE,
                                  .count = 1};
    filler.peer.port = 0;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_door_report_new(&report), PST_OK);
    while (pst_handover_send(pair[0], &filler, -1) == PST_OK)
        ;
    count(report, &alice, 0);
    pst_door_report_send(report, pair[0], 120, true);
    (void)receive(pair[1]);
    pst_door_report_send(report, pair[0], 120, false);
    struct seen seen = receive(pair[1]);
    ck_assert_uint_eq(seen.messages, 1);
    ck_assert_int_eq(seen.last.refusal, PST_HANDOVER_TLS_REQUIRED);
    pst_door_report_free(&report);
    close(pair[0]);
    close(pair[1]);
}
END_TEST

PST_UNIT_MAIN("door_report", a_flood_becomes_two_messages_a_minute,
              addresses_codes_and_minutes_stay_apart, more_addresses_than_fit_are_counted_together,
              what_cannot_be_sent_waits)
