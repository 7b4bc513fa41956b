#include "server/door/limit.h"

#include <string.h>

#include "unit.h"

static const struct pst_door_settings settings = {
    .connections_max = 100, .connections_per_address = 3, .new_per_address_per_s = 2};

static struct pst_peer v4(uint8_t last)
{
    return (struct pst_peer){.family = 4, .address = {192, 0, 2, last}};
}

static struct pst_door_limits *make(const struct pst_door_settings *with)
{
    struct pst_door_limits *limits = NULL;
    ck_assert_int_eq(pst_door_limits_new(with, &limits), PST_OK);
    return limits;
}

START_TEST(counts_connections_of_one_address)
{
    struct pst_door_limits *limits = make(&settings);
    struct pst_peer one = v4(1), other = v4(2);
    for (int i = 0; i < 3; i++)
        ck_assert_int_eq(pst_door_limits_enter(limits, &one, 0), PST_OK);
    ck_assert_int_eq(pst_door_limits_enter(limits, &one, 0), PST_ERR_BUSY);
    ck_assert_int_eq(pst_door_limits_enter(limits, &other, 0), PST_OK);
    pst_door_limits_leave(limits, &one);
    ck_assert_int_eq(pst_door_limits_enter(limits, &one, 0), PST_OK);
    ck_assert_uint_eq(pst_door_limits_count(limits), 4);
    pst_door_limits_free(&limits);
    ck_assert_ptr_null(limits);
}
END_TEST

START_TEST(counts_connections_in_all)
{
    struct pst_door_limits *limits = make(&settings);
    for (unsigned i = 0; i < 100; i++) {
        struct pst_peer peer = v4((uint8_t)i);
        ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 0), PST_OK);
    }
    struct pst_peer late = v4(200), first = v4(0);
    ck_assert_int_eq(pst_door_limits_enter(limits, &late, 0), PST_ERR_BUSY);
    pst_door_limits_leave(limits, &first);
    ck_assert_int_eq(pst_door_limits_enter(limits, &late, 0), PST_OK);
    pst_door_limits_free(&limits);
}
END_TEST

START_TEST(slows_one_that_opens_and_closes_all_the_time)
{
    struct pst_door_limits *limits = make(&settings);
    struct pst_peer peer = v4(1);
    int admitted = 0;
    while (pst_door_limits_enter(limits, &peer, 1000) == PST_OK) {
        pst_door_limits_leave(limits, &peer);
        admitted++;
    }
    ck_assert_int_eq(admitted, 20); /* ten seconds' worth at once */
    ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 1499), PST_ERR_BUSY);
    ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 1500), PST_OK);
    ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 1500), PST_ERR_BUSY);
    ck_assert_uint_eq(pst_door_limits_count(limits), 1);
    pst_door_limits_free(&limits);
}
END_TEST

START_TEST(takes_a_64_of_ipv6_for_one_customer)
{
    struct pst_door_limits *limits = make(&settings);
    struct pst_peer peer = {.family = 6, .address = {0x20, 1, 0xd, 0xb8}};
    for (uint8_t i = 0; i < 3; i++) {
        peer.address[15] = i;
        ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 0), PST_OK);
    }
    peer.address[15] = 9;
    ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 0), PST_ERR_BUSY);
    peer.address[7] = 1;
    ck_assert_int_eq(pst_door_limits_enter(limits, &peer, 0), PST_OK);
    pst_door_limits_free(&limits);
}
END_TEST

START_TEST(forgets_nothing_that_is_open_and_leaves_only_what_entered)
{
    struct pst_door_limits *limits = make(&settings);
    struct pst_peer here = v4(1), never = v4(3);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 0), PST_OK);
    pst_door_limits_leave(limits, &never);
    ck_assert_uint_eq(pst_door_limits_count(limits), 1);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 1000000), PST_OK);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 1000000), PST_OK);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 1000000), PST_ERR_BUSY);
    pst_door_limits_free(&limits);
}
END_TEST

START_TEST(other_limits_count_for_who_comes_next)
{
    struct pst_door_settings other = settings;
    struct pst_door_limits *limits = make(&settings);
    struct pst_peer here = v4(1);
    other.connections_per_address = settings.connections_per_address + 1;
    for (size_t i = 0; i < settings.connections_per_address; i++)
        ck_assert_int_eq(pst_door_limits_enter(limits, &here, 0), PST_OK);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 0), PST_ERR_BUSY);
    pst_door_limits_change(limits, &other);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 0), PST_OK);
    other.connections_per_address = 1;
    pst_door_limits_change(limits, &other);
    ck_assert_uint_eq(pst_door_limits_count(limits), settings.connections_per_address + 1);
    ck_assert_int_eq(pst_door_limits_enter(limits, &here, 0), PST_ERR_BUSY);
    pst_door_limits_free(&limits);
}
END_TEST

PST_UNIT_MAIN("door_limit", counts_connections_of_one_address, counts_connections_in_all,
              slows_one_that_opens_and_closes_all_the_time, takes_a_64_of_ipv6_for_one_customer,
              forgets_nothing_that_is_open_and_leaves_only_what_entered,
              other_limits_count_for_who_comes_next)
