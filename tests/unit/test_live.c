/* A configuration that was replaced stays until the last who has it lets go. */
#include "server/web/live.h"

#include <stdio.h>
#include <string.h>

#include "server/config/config.h"
#include "unit.h"

static struct pst_config *config_new(const char *origin)
{
    char text[256];
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    snprintf(text, sizeof text,
             "origin = \"%s\"; store = \"sqlite:/tmp/none\"; "
             "https: { listen = [\"127.0.0.1:0\"]; certificate = \"/c\"; key = \"/k\"; };",
             origin);
    ck_assert_int_eq(pst_config_read_text(text, PST_CONFIG_CHECK_SHAPE, &config, &problem), PST_OK);
    return config;
}

/* Under AddressSanitizer a configuration that went too early, or never, fails this. */
START_TEST(each_keeps_what_it_took)
{
    struct pst_config *first = config_new("first.example");
    struct pst_config *second = config_new("second.example");
    struct pst_config *third = config_new("third.example");
    struct pst_live live;
    ck_assert_int_eq(pst_live_init(&live, first), PST_OK);
    struct pst_live_config *a = pst_live_take(&live);
    ck_assert_int_eq(pst_live_change(&live, &second), PST_OK);
    ck_assert_ptr_null(second);
    struct pst_live_config *b = pst_live_take(&live);
    struct pst_live_config *c = pst_live_take(&live);
    ck_assert_int_eq(pst_live_change(&live, &third), PST_OK);
    struct pst_live_config *d = pst_live_take(&live);
    ck_assert_str_eq(a->config->origin, "first.example");
    ck_assert_str_eq(b->config->origin, "second.example");
    pst_live_put(&live, &b);
    ck_assert_ptr_null(b);
    ck_assert_uint_eq(c->users, 1);
    ck_assert_str_eq(c->config->origin, "second.example");
    ck_assert_str_eq(d->config->origin, "third.example");
    pst_live_put(&live, &c);
    pst_live_put(&live, &d);
    pst_live_put(&live, &a);
    pst_live_clear(&live);
    ck_assert_str_eq(first->origin, "first.example");
    pst_config_free(&first);
}
END_TEST

PST_UNIT_MAIN("live", each_keeps_what_it_took)
