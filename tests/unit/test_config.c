#include "server/config/config.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "postern/cleanup.h"
#include "unit.h"

#define HTTPS                                                                                      \
    "https: { listen = [\"[::]:443\"]; certificate = \"/etc/c.pem\"; key = \"/etc/k.pem\"; };\n"
#define TOP                                                                                        \
    "origin = \"messages.clinic.example\";\nstore = \"sqlite:/var/lib/postern/postern.db\";\n"
#define SMALLEST TOP HTTPS
#define SECOND (1000)
#define DAY_MS ((int64_t)86400 * SECOND)

static struct pst_config *read_text(const char *text)
{
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    enum pst_err r = pst_config_read_text(text, PST_CONFIG_CHECK_SHAPE, &config, &problem);
    ck_assert_msg(r == PST_OK, "%s", problem.text);
    ck_assert_str_eq(problem.text, "");
    return config;
}

START_TEST(the_smallest_file_gets_every_default)
{
    struct pst_config *config = read_text(SMALLEST);
    ck_assert_str_eq(config->origin, "messages.clinic.example");
    ck_assert_str_eq(config->data, "/var/lib/postern");
    ck_assert_str_eq(config->vault_key, "/var/lib/postern/vault.key");
    ck_assert_str_eq(config->ledger_key, "/var/lib/postern/ledger.key");
    ck_assert_str_eq(config->practice.name, "messages.clinic.example");
    ck_assert_ptr_null(config->practice.telephone);
    ck_assert_uint_eq(config->https.listen.count, 1);
    ck_assert_str_eq(config->https.listen.at[0].host, "::");
    ck_assert_int_eq(config->https.listen.at[0].port, 443);
    ck_assert(config->https.listen.at[0].is_v6);
    ck_assert_int_eq(config->https.minimum_tls, PST_CONFIG_TLS_1_3);
    ck_assert_int_eq(config->consent.grace_ms, 30 * DAY_MS);
    ck_assert_int_eq(config->consent.reply_after_lapse_ms, 14 * DAY_MS);
    ck_assert_int_eq(config->retention.messages_ms, 3660 * DAY_MS);
    ck_assert_int_eq(config->limits.message_size_bytes, 36 << 20);
    ck_assert_int_eq(config->limits.attachments, 20);
    ck_assert_int_eq(config->log.level, PST_LOG_INFO);
    ck_assert_ptr_null(config->users.web);
    ck_assert(!config->submission.present && !config->inbound.present && !config->relay.present);
    pst_config_free(&config);
    ck_assert_ptr_null(config);
    pst_config_free(&config);
}
END_TEST

START_TEST(every_group_is_read)
{
    struct pst_config *config = read_text(
        "origin = \"localhost\"; store = \"postgresql://gateway@db1,db2/postern\";\n"
        "https: { listen = (\"127.0.0.1:0\", \"[::1]:8443\"); certificate = \"/c\"; key = \"/k\";\n"
        "  minimum-tls = \"1.2\"; idle-time = \"500s\"; connections = 10; };\n"
        "users: { group = \"postern\"; door = \"61001\"; };\n"
        "sessions: { staff-idle = \"1h\"; };\n"
        "log: { level = \"debug\"; };\n"
        "submission: { listen = [\"[::]:465\"]; };\n"
        "inbound: { listen = [\"[::]:25\"]; implicit-tls = true; authserv-id = \"mx.example\";\n"
        "  peers = [\"192.0.2.0/24\", \"2001:db8::1\"]; secret-header = \"X-S\";\n"
        "  secret-file = \"/s\"; };\n"
        "relay: { host = \"smtp.example\"; from = \"portal@clinic.example\"; tls = \"implicit\"; "
        "};\n");
    ck_assert_str_eq(config->data, "/var/lib/postern");
    ck_assert_uint_eq(config->https.listen.count, 2);
    ck_assert_str_eq(config->https.listen.at[0].host, "127.0.0.1");
    ck_assert_int_eq(config->https.listen.at[0].port, 0);
    ck_assert_int_eq(config->https.listen.at[1].port, 8443);
    ck_assert_int_eq(config->https.minimum_tls, PST_CONFIG_TLS_1_2);
    ck_assert_int_eq(config->https.idle_time_ms, 500 * SECOND);
    ck_assert_int_eq(config->https.connections, 10);
    ck_assert_str_eq(config->users.door, "61001");
    ck_assert_int_eq(config->sessions.staff_idle_ms, 3600 * SECOND);
    ck_assert_int_eq(config->log.level, PST_LOG_DEBUG);
    ck_assert(config->submission.present && config->inbound.present && config->relay.present);
    ck_assert(config->inbound.implicit_tls);
    ck_assert_uint_eq(config->inbound.peers.count, 2);
    ck_assert_str_eq(config->inbound.peers.at[1], "2001:db8::1");
    ck_assert_str_eq(config->inbound.redirect, "redirect");
    ck_assert_int_eq(config->relay.tls, PST_CONFIG_RELAY_IMPLICIT);
    ck_assert_int_eq(config->relay.port, 587);
    pst_config_free(&config);
}
END_TEST

/* What is wrong, and how the sentence must begin; line breaks count. */
static const struct {
    const char *text;
    const char *problem;
} wrongs[] = {
    {SMALLEST "color = 1;\n", "(text):4: color: not a setting; expected one of origin, store, "},
    {TOP "https: {\n listen = [\"[::]:443\"];\n certificat = \"/c\"; };\n",
     "(text):5: https.certificat: not a setting; expected one of listen, certificate, key, "},
    {SMALLEST "relay: { password = \"x\"; };\n", "(text):4: relay.password: not a setting; "},
    {"origin = 7;\n" HTTPS, "(text):1: origin: expected a host name in lower case"},
    {"store = \"sqlite:/db\";\n" HTTPS, "(text):1: origin: missing; expected a host name"},
    {"origin = \"localhost\";\n" HTTPS, "(text):1: store: missing; expected \"sqlite:"},
    {TOP, "(text):1: https: missing; expected a group, such as https: {"},
    {TOP "https = \"yes\";\n", "(text):3: https: expected a group, such as https: {"},
    {TOP "\nhttps: { listen = [\"[::]:443\"]; key = \"/k\"; };\n",
     "(text):4: https.certificate: missing; expected the absolute path of a file"},
    {"origin = \"Clinic.example\";\n", "(text):1: origin: expected a host name in lower case"},
    {"origin = \"clinic..example\";\n", "(text):1: origin: expected"},
    {"origin = \"-clinic.example\";\n", "(text):1: origin: expected"},
    {"origin = \"\";\n", "(text):1: origin: expected"},
    {"origin = \"localhost\";\nstore = \"mysql://x\";\n", "(text):2: store: expected \"sqlite:"},
    {"store = \"sqlite:postern.db\";\n", "(text):1: store: expected"},
    {"store = \"postgresql://gateway:word@db/postern\";\n",
     "(text):1: store: expected \"sqlite:/absolute/path\" or \"postgresql://user@host/database\", "
     "without a password"},
    {"store = \"postgresql://gateway@db/postern?password=word\";\n", "(text):1: store: expected"},
    {"data = \"var\";\n", "(text):1: data: expected the absolute path of a folder"},
    {SMALLEST "limits: { attachments = \"20\"; };\n",
     "(text):4: limits.attachments: expected a whole number, from 0 to 20"},
    {SMALLEST "limits: { attachments = 21; };\n", "(text):4: limits.attachments: expected"},
    {SMALLEST "limits: { attachments = -1; };\n", "(text):4: limits.attachments: expected"},
    {SMALLEST "limits: { attachments = 2.5; };\n", "(text):4: limits.attachments: expected"},
    {SMALLEST "limits: { message-size = \"25\"; };\n",
     "(text):4: limits.message-size: expected a size with its unit (b, kb, mb, gb), such as "
     "\"25mb\", from 64kb to 36mb"},
    {SMALLEST "limits: { message-size = \"37mb\"; };\n", "(text):4: limits.message-size: expected"},
    {SMALLEST "consent: { grace = 30; };\n",
     "(text):4: consent.grace: expected a time with its unit (ms, s, min, h, d, w, y), such as "
     "\"15min\", from 0d to 1y"},
    {SMALLEST "consent: { grace = \"30 d\"; };\n", "(text):4: consent.grace: expected"},
    {SMALLEST "consent: { grace = \"-1d\"; };\n", "(text):4: consent.grace: expected"},
    {SMALLEST "consent: { grace = \"9999999999999999999y\"; };\n",
     "(text):4: consent.grace: expected"},
    {SMALLEST "retention: { messages = \"5y\"; };\n",
     "(text):4: retention.messages: expected a time with its unit"},
    {SMALLEST "log: { level = \"loud\"; };\n",
     "(text):4: log.level: expected \"debug\", \"info\", \"warn\" or \"error\""},
    {SMALLEST "users: { web = \"Web\"; };\n", "(text):4: users.web: expected a name of"},
    {SMALLEST "users: { web = \"\"; };\n", "(text):4: users.web: expected a name of"},
    {TOP "https: { listen = \"[::]:443\"; };\n",
     "(text):3: https.listen: expected a list of addresses with ports"},
    {TOP "https: { listen = []; };\n", "(text):3: https.listen: expected a list"},
    {TOP "https: { listen = [443]; };\n", "(text):3: https.listen: expected a list"},
    {TOP "https: { listen = [\"::1:443\"]; };\n", "(text):3: https.listen: expected a list"},
    {TOP "https: { listen = [\"[::1]\"]; };\n", "(text):3: https.listen: expected a list"},
    {TOP "https: { listen = [\"127.0.0.1:65536\"]; };\n", "(text):3: https.listen: expected"},
    {TOP "https: { listen = [\"localhost:443\"]; };\n", "(text):3: https.listen: expected"},
    {TOP "https: { listen = [\"1.1.1.1:1\",\"1.1.1.1:1\",\"1.1.1.1:1\",\"1.1.1.1:1\","
         "\"1.1.1.1:1\",\"1.1.1.1:1\",\"1.1.1.1:1\",\"1.1.1.1:1\",\"1.1.1.1:1\"]; };\n",
     "(text):3: https.listen: expected a list of addresses with ports"},
    {TOP "https: { minimum-tls = \"1.1\"; };\n",
     "(text):3: https.minimum-tls: expected \"1.3\" or \"1.2\""},
    {TOP "https: { key = \"key.pem\"; };\n", "(text):3: https.key: expected the absolute path"},
    {TOP "https: { key = \"credential:../key\"; };\n", "(text):3: https.key: expected"},
    {SMALLEST "sessions: { staff-idle = \"13h\"; };\n",
     "(text):4: sessions.staff-idle: expected no more than sessions.staff-absolute"},
    {SMALLEST "sessions: { patient-idle = \"25h\"; };\n",
     "(text):4: sessions.patient-idle: expected no more than"},
    {SMALLEST "submission: { };\n", "(text):4: submission.listen: missing; expected a list"},
    {SMALLEST "inbound: { listen = [\"[::]:25\"]; authserv-id = \"mx\"; };\n",
     "(text):4: inbound: expected client-ca, or peers with secret-header and secret-file"},
    {SMALLEST "inbound: { implicit-tls = 1; };\n",
     "(text):4: inbound.implicit-tls: expected true or false"},
    {SMALLEST "inbound: { peers = [\"192.0.2.0/33\"]; };\n",
     "(text):4: inbound.peers: expected a list of addresses or networks"},
    {SMALLEST "inbound: { peers = [\"mail.example\"]; };\n", "(text):4: inbound.peers: expected"},
    {SMALLEST "inbound: { secret-header = \"X: y\"; };\n",
     "(text):4: inbound.secret-header: expected the name of a header field"},
    {SMALLEST "relay: { host = \"smtp.example\"; from = \"p@x.example\"; user = \"p\"; };\n",
     "(text):4: relay: expected user and password-file, or neither"},
    {SMALLEST "relay: { from = \"clinic.example\"; };\n", "(text):4: relay.from: expected an addr"},
    {SMALLEST "relay: { from = \"a b@clinic.example\"; };\n", "(text):4: relay.from: expected"},
    {SMALLEST "practice: { name = \"two\\nlines\"; };\n",
     "(text):4: practice.name: expected a text of one line"},
    {"origin = \"localhost\"\n\n}", "(text):3: syntax error; expected settings such as"},
    {"origin = \"localhost\";\norigin = \"localhost\";\n", "(text):2: duplicate setting name"},
};

START_TEST(each_error_names_file_line_key_and_what_is_expected)
{
    for (size_t i = 0; i < sizeof wrongs / sizeof wrongs[0]; i++) {
        struct pst_config *config = NULL;
        struct pst_config_problem problem;
        enum pst_err r =
            pst_config_read_text(wrongs[i].text, PST_CONFIG_CHECK_SHAPE, &config, &problem);
        ck_assert_msg(r == PST_ERR_CONFIG, "accepted: %s", wrongs[i].text);
        ck_assert_msg(strncmp(problem.text, wrongs[i].problem, strlen(wrongs[i].problem)) == 0,
                      "got: %s\nnot: %s", problem.text, wrongs[i].problem);
        ck_assert_ptr_null(config);
    }
}
END_TEST

START_TEST(times_and_sizes_carry_units)
{
    static const struct {
        const char *text;
        int64_t ms;
    } times[] = {{"0d", 0},          {"500ms", 500},       {"15min", 900000}, {"12h", 43200000},
                 {"2w", 1209600000}, {"1y", 366 * DAY_MS}, {"30s", 30000}};
    static const char *const not_times[] = {"",    "15", "min", "1.5h", " 1s",  "1s ",
                                            "+1s", "1m", "1S",  "1 s",  "0x1s", "1s1s"};
    int64_t value = 42;
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        ck_assert_int_eq(pst_config_time_parse(times[i].text, &value), PST_OK);
        ck_assert_int_eq(value, times[i].ms);
    }
    value = 42;
    for (size_t i = 0; i < sizeof not_times / sizeof not_times[0]; i++)
        ck_assert_int_eq(pst_config_time_parse(not_times[i], &value), PST_ERR_SYNTAX);
    ck_assert_int_eq(pst_config_time_parse("9223372036854775808ms", &value), PST_ERR_TOO_LONG);
    ck_assert_int_eq(pst_config_time_parse("9223372036854775807y", &value), PST_ERR_TOO_LONG);
    ck_assert_int_eq(value, 42);
    ck_assert_int_eq(pst_config_size_parse("25mb", &value), PST_OK);
    ck_assert_int_eq(value, 25 << 20);
    ck_assert_int_eq(pst_config_size_parse("1gb", &value), PST_OK);
    ck_assert_int_eq(value, 1 << 30);
    ck_assert_int_eq(pst_config_size_parse("25MB", &value), PST_ERR_SYNTAX);
}
END_TEST

static void write_file(const char *path, const char *text)
{
    FILE *file = fopen(path, "w");
    ck_assert_ptr_nonnull(file);
    ck_assert_int_ge(fputs(text, file), 0);
    ck_assert_int_eq(fclose(file), 0);
}

static void check_files(const char *folder, const char *name, const char *text,
                        const char *expected)
{
    PST_FREE char *path = NULL;
    PST_FREE char *begin = NULL;
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    ck_assert_int_gt(asprintf(&path, "%s/%s", folder, name), 0);
    ck_assert_int_gt(asprintf(&begin, "%s%s", path, expected), 0);
    if (text != NULL)
        write_file(path, text);
    ck_assert_int_eq(pst_config_read(path, PST_CONFIG_CHECK_FILES, &config, &problem),
                     PST_ERR_CONFIG);
    ck_assert_msg(strncmp(problem.text, begin, strlen(begin)) == 0, "got: %s\nnot: %s",
                  problem.text, begin);
    (void)unlink(path);
}

START_TEST(a_missing_file_is_named_with_its_line)
{
    char folder[] = "/tmp/postern-config-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    check_files(folder, "none.conf", NULL, ":1: cannot be read (No such file or directory); ");
    check_files(folder, "p.conf", TOP "https: {\n certificate = \"/nowhere/c.pem\"; };\n",
                ":4: https.certificate: /nowhere/c.pem: No such file or directory; expected the "
                "absolute path of a file that exists");
    check_files(folder, "p.conf", TOP "https: {\n\n key = \"/tmp\"; };\n",
                ":5: https.key: /tmp is no file; expected");
    check_files(folder, "p.conf", "data = \"/nowhere\";\n",
                ":1: data: /nowhere: No such file or directory; expected");
    check_files(folder, "p.conf", "origin = ;\n", ":1: syntax error; expected settings");
    (void)rmdir(folder);
}
END_TEST

START_TEST(an_included_file_is_named_with_its_own_line)
{
    char folder[] = "/tmp/postern-config-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    PST_FREE char *main_path = NULL;
    PST_FREE char *part_path = NULL;
    ck_assert_int_gt(asprintf(&main_path, "%s/main.conf", folder), 0);
    ck_assert_int_gt(asprintf(&part_path, "%s/part.conf", folder), 0);
    write_file(main_path, SMALLEST "@include \"part.conf\"\n");
    write_file(part_path, "\nlog: { level = 3; };\n");
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    ck_assert_int_eq(pst_config_read(main_path, PST_CONFIG_CHECK_SHAPE, &config, &problem),
                     PST_ERR_CONFIG);
    ck_assert_ptr_nonnull(strstr(problem.text, "part.conf:2: log.level: expected"));
    write_file(part_path, "log: { level = \"warn\"; };\n");
    ck_assert_int_eq(pst_config_read(main_path, PST_CONFIG_CHECK_SHAPE, &config, &problem), PST_OK);
    ck_assert_int_eq(config->log.level, PST_LOG_WARN);
    ck_assert_str_eq(config->path, main_path);
    pst_config_free(&config);
    (void)unlink(main_path);
    (void)unlink(part_path);
    (void)rmdir(folder);
}
END_TEST

START_TEST(a_credential_is_a_file_that_systemd_lends)
{
    static const char text[] = TOP "https: { listen = [\"[::]:443\"]; certificate = \"/c\"; "
                                   "key = \"credential:tls-key\"; };\n";
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    ck_assert_int_eq(unsetenv("CREDENTIALS_DIRECTORY"), 0);
    ck_assert_int_eq(pst_config_read_text(text, PST_CONFIG_CHECK_SHAPE, &config, &problem),
                     PST_ERR_CONFIG);
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/postern", 1), 0);
    config = read_text(text);
    ck_assert_str_eq(config->https.key, "/run/credentials/postern/tls-key");
    pst_config_free(&config);
}
END_TEST

/* The example with all its # taken away from what is a setting or a bracket. */
static char *uncommented(const char *path)
{
    FILE *file = fopen(path, "r");
    ck_assert_ptr_nonnull(file);
    struct pst_buf all;
    char line[512];
    pst_buf_init(&all, 1 << 16);
    while (fgets(line, sizeof line, file) != NULL) {
        char *mark = strchr(line, '#');
        bool setting = mark != NULL && strspn(line, " ") == (size_t)(mark - line) &&
                       (strstr(mark, " = ") != NULL || strstr(mark, ": {") != NULL ||
                        strstr(mark, "# };") == mark);
        /* The other store is an alternative, not an addition. */
        if (setting && strstr(mark, "postgresql:") == NULL)
            *mark = ' ';
        ck_assert_int_eq(pst_buf_append_str(&all, line), PST_OK);
    }
    (void)fclose(file);
    char *text = strdup(pst_buf_str(&all));
    pst_buf_free(&all);
    return text;
}

START_TEST(the_example_is_right_as_it_is_and_with_everything_turned_on)
{
    PST_FREE char *path = NULL;
    const char *source = getenv("POSTERN_SOURCE");
    ck_assert_ptr_nonnull(source);
    ck_assert_int_gt(asprintf(&path, "%s/packaging/postern.conf.example", source), 0);
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    ck_assert_int_eq(setenv("CREDENTIALS_DIRECTORY", "/run/credentials/postern", 1), 0);
    enum pst_err r = pst_config_read(path, PST_CONFIG_CHECK_SHAPE, &config, &problem);
    ck_assert_msg(r == PST_OK, "%s", problem.text);
    struct pst_config *smallest = read_text(SMALLEST);
    ck_assert_int_eq(config->https.connections, smallest->https.connections);
    pst_config_free(&config);

    PST_FREE char *all = uncommented(path);
    config = read_text(all);
    ck_assert(config->submission.present && config->inbound.present && config->relay.present);
    /* What stands behind # is the default. */
    ck_assert_int_eq(config->https.handshake_time_ms, smallest->https.handshake_time_ms);
    ck_assert_int_eq(config->https.body_time_ms, smallest->https.body_time_ms);
    ck_assert_int_eq(config->https.connections, smallest->https.connections);
    ck_assert_int_eq(config->sessions.patient_absolute_ms, smallest->sessions.patient_absolute_ms);
    ck_assert_int_eq(config->limits.quota_bytes, smallest->limits.quota_bytes);
    ck_assert_int_eq(config->limits.staging_quota_bytes, smallest->limits.staging_quota_bytes);
    ck_assert_int_eq(config->consent.grace_ms, smallest->consent.grace_ms);
    ck_assert_str_eq(config->web_root, smallest->web_root);
    ck_assert_str_eq(config->vault_key, smallest->vault_key);
    pst_config_free(&config);
    pst_config_free(&smallest);
}
END_TEST

START_TEST(what_a_process_cannot_change_is_set_back_and_named)
{
    struct pst_config *now = read_text(SMALLEST "users: { web = \"www\"; };");
    struct pst_config *next = read_text(
        "origin = \"other.clinic.example\"; store = \"sqlite:/elsewhere/postern.db\";"
        "https: { listen = [\"[::]:444\"]; certificate = \"/etc/new.pem\"; key = \"/etc/k.pem\";"
        " requests-per-minute = 99; threads = 7; };"
        "inbound: { listen = [\"[::]:25\"]; authserv-id = \"mx.example\"; client-ca = \"/ca\"; };");
    static const char *const want[] = {"origin",     "store",         "data",          "vault-key",
                                       "ledger-key", "https.listen",  "https.threads", "users.web",
                                       "inbound",    "inbound.listen"};
    uint64_t kept = 0;
    size_t found = 0;
    ck_assert_int_eq(pst_config_keep(next, now, &kept), PST_OK);
    for (unsigned i = 0; i < 64; i++) {
        if ((kept >> i & 1) == 0)
            continue;
        ck_assert_uint_lt(found, sizeof want / sizeof want[0]);
        ck_assert_str_eq(pst_config_fixed_name(i), want[found++]);
    }
    ck_assert_uint_eq(found, sizeof want / sizeof want[0]);
    ck_assert_str_eq(next->origin, now->origin);
    ck_assert_str_eq(next->users.web, "www");
    ck_assert_int_eq(next->https.listen.at[0].port, 443);
    ck_assert_int_eq(next->https.threads, 2);
    ck_assert(!next->inbound.present);
    ck_assert_str_eq(next->https.certificate, "/etc/new.pem");
    ck_assert_int_eq(next->https.requests_per_minute, 99);
    ck_assert_int_eq(pst_config_keep(next, now, &kept), PST_OK);
    ck_assert_uint_eq(kept, 0);
    pst_config_free(&next);
    pst_config_free(&now);
}
END_TEST

START_TEST(an_open_file_is_read_from_its_start_whoever_read_it_before)
{
    char path[] = "/tmp/postern-config-XXXXXX";
    int fd = mkstemp(path);
    ck_assert_int_eq(write(fd, SMALLEST, strlen(SMALLEST)), (int)strlen(SMALLEST));
    for (int i = 0; i < 2; i++) {
        struct pst_config *config = NULL;
        struct pst_config_problem problem;
        ck_assert_int_eq(pst_config_read_fd(fd, path, PST_CONFIG_CHECK_SHAPE, &config, &problem),
                         PST_OK);
        ck_assert_str_eq(config->path, path);
        pst_config_free(&config);
    }
    struct pst_config *config = NULL;
    struct pst_config_problem problem;
    ck_assert_int_eq(write(fd, "wrong", 5), 5);
    ck_assert_int_eq(pst_config_read_fd(fd, path, PST_CONFIG_CHECK_SHAPE, &config, &problem),
                     PST_ERR_CONFIG);
    ck_assert_int_eq(strncmp(problem.text, path, strlen(path)), 0);
    close(fd);
    unlink(path);
}
END_TEST

PST_UNIT_MAIN("config", the_smallest_file_gets_every_default, every_group_is_read,
              each_error_names_file_line_key_and_what_is_expected, times_and_sizes_carry_units,
              a_missing_file_is_named_with_its_line, an_included_file_is_named_with_its_own_line,
              a_credential_is_a_file_that_systemd_lends,
              the_example_is_right_as_it_is_and_with_everything_turned_on,
              what_a_process_cannot_change_is_set_back_and_named,
              an_open_file_is_read_from_its_start_whoever_read_it_before)
