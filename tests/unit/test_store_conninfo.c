#include "server/store/postgresql/postgresql.h"

#include <string.h>

#include "unit.h"

static const char *value(const struct pg_conninfo *info, const char *keyword)
{
    for (size_t i = 0; i < info->count; i++)
        if (strcmp(info->keywords[i], keyword) == 0)
            return info->values[i];
    return NULL;
}

static void has(const char *target, enum pst_store_role role, const char *keyword,
                const char *expected)
{
    struct pg_conninfo info;
    struct pst_store_problem problem = {""};
    ck_assert_msg(pst_pg_conninfo(target, role, &info, &problem) == PST_OK, "%s", problem.text);
    if (expected == NULL)
        ck_assert_ptr_null(value(&info, keyword));
    else
        ck_assert_str_eq(value(&info, keyword), expected);
    pst_pg_conninfo_free(&info);
    ck_assert_uint_eq(info.count, 0);
}

static void refused(const char *target, const char *word)
{
    struct pg_conninfo info = {.count = 0};
    struct pst_store_problem problem = {""};
    ck_assert_int_eq(pst_pg_conninfo(target, PST_STORE_WEB, &info, &problem), PST_ERR_INVALID);
    ck_assert_msg(strstr(problem.text, word) != NULL, "%s", problem.text);
    ck_assert_uint_eq(info.count, 0);
}

START_TEST(every_role_has_a_login_of_its_own)
{
    static const char target[] = "//gateway@127.0.0.1/postern?passfile=/etc/postern/pass";
    has(target, PST_STORE_TOOL, "user", "gateway");
    has(target, PST_STORE_WEB, "user", "gateway_web");
    has(target, PST_STORE_COURIER, "user", "gateway_courier");
    has(target, PST_STORE_KEEPER, "user", "gateway_keeper");
    has(target, PST_STORE_TOOL, "passfile", "/etc/postern/pass");
    has(target, PST_STORE_WEB, "passfile", "/etc/postern/pass.web");
}
END_TEST

START_TEST(a_url_without_a_login_or_with_a_password_is_refused)
{
    refused("//127.0.0.1/postern", "no login");
    refused("//@127.0.0.1/postern", "no login");
    refused("//gateway:secret@127.0.0.1/postern", "passfile");
    refused("//gateway@127.0.0.1/postern?password=secret", "passfile");
    refused("//gateway@127.0.0.1/postern?no-such-option=1", "no-such-option");
}
END_TEST

START_TEST(what_leaves_the_machine_is_verified)
{
    has("//gateway@db1/postern", PST_STORE_WEB, "sslmode", "verify-full");
    has("//gateway@127.0.0.1,db2/postern", PST_STORE_WEB, "sslmode", "verify-full");
    has("//gateway@/postern?hostaddr=192.0.2.1", PST_STORE_WEB, "sslmode", "verify-full");
    has("//gateway@db1/postern?sslmode=verify-full&sslrootcert=/etc/ca.crt", PST_STORE_WEB,
        "sslrootcert", "/etc/ca.crt");
    refused("//gateway@db1/postern?sslmode=disable", "verify-full");
    refused("//gateway@db1/postern?sslmode=prefer", "verify-full");
    refused("//gateway@db1/postern?sslmode=verify-ca", "verify-full");
    refused("//gateway@127.0.0.1,db2/postern?sslmode=require", "verify-full");
    refused("//gateway@127.0.0.1/postern?hostaddr=192.0.2.1&sslmode=require", "verify-full");
    refused("//gateway@128.0.0.1/postern?sslmode=require", "verify-full");
}
END_TEST

START_TEST(this_machine_needs_no_certificate)
{
    has("//gateway@127.0.0.1/postern", PST_STORE_WEB, "sslmode", NULL);
    has("//gateway@127.3.2.1,localhost,[::1]/postern", PST_STORE_WEB, "sslmode", NULL);
    has("//gateway@/postern?host=/run/postgresql", PST_STORE_WEB, "sslmode", NULL);
    has("//gateway@/postern?host=/run/postgresql&sslmode=disable", PST_STORE_WEB, "sslmode",
        "disable");
}
END_TEST

START_TEST(a_server_that_vanished_is_noticed)
{
    static const char target[] = "//gateway@127.0.0.1/postern?connect_timeout=7";
    has(target, PST_STORE_WEB, "connect_timeout", "7");
    has(target, PST_STORE_WEB, "tcp_user_timeout", "10000");
    has(target, PST_STORE_WEB, "keepalives_idle", "5");
    has(target, PST_STORE_WEB, "target_session_attrs", "read-write");
    has(target, PST_STORE_WEB, "dbname", "postern");
}
END_TEST

PST_UNIT_MAIN("store_conninfo", every_role_has_a_login_of_its_own,
              a_url_without_a_login_or_with_a_password_is_refused,
              what_leaves_the_machine_is_verified, this_machine_needs_no_certificate,
              a_server_that_vanished_is_noticed)
