#include "server/role/role.h"

#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>

#include "server/config/config.h"
#include "server/role/control.h"
#include "server/role/lock.h"
#include "server/role/notify.h"
#include "server/role/privilege.h"
#include "unit.h"

START_TEST(knows_its_roles)
{
    enum pst_process role = 0;
    for (unsigned i = 1; i < PST_ROLE__MAX; i++) {
        ck_assert_int_eq(pst_process_parse(pst_process_name(i), &role), PST_OK);
        ck_assert_uint_eq(role, i);
    }
    ck_assert_int_eq(pst_process_parse("supervisor", &role), PST_ERR_INVALID);
    ck_assert_int_eq(pst_process_parse("", &role), PST_ERR_INVALID);
    ck_assert_str_eq(pst_process_name(PST_ROLE__MAX), "unknown");
}
END_TEST

START_TEST(a_signal_is_a_word)
{
    struct pst_role_start start = {.role = PST_ROLE_WEB};
    struct pst_role_fresh fresh;
    ck_assert_int_eq(pst_role_control_open(&start, -1), PST_OK);
    ck_assert_int_eq(pst_role_word_read(&start, &fresh), PST_ROLE_WORD_NONE);
    raise(SIGHUP);
    ck_assert_int_eq(pst_role_word_read(&start, &fresh), PST_ROLE_WORD_RELOAD);
    raise(SIGTERM);
    ck_assert_int_eq(pst_role_word_read(&start, &fresh), PST_ROLE_WORD_STOP);
    pst_role_control_close(&start);
    ck_assert_int_eq(start.control, -1);
}
END_TEST

START_TEST(the_supervisor_reloads_with_files_and_stops_by_going_away)
{
    int pair[2], plain[2];
    struct pst_role_start start = {.role = PST_ROLE_DOOR};
    struct pst_role_fresh fresh, sent = PST_ROLE_FRESH_NONE;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pipe(plain), 0);
    ck_assert_int_eq(pst_role_control_open(&start, pair[1]), PST_OK);
    ck_assert_int_eq(pst_control_send(pair[0], PST_CONTROL_RELOAD, &sent), PST_OK);
    ck_assert_int_eq(pst_role_word_read(&start, &fresh), PST_ROLE_WORD_RELOAD);
    ck_assert_int_eq(fresh.tls.certificate, -1);
    sent = (struct pst_role_fresh){{plain[0], plain[1], -1}, plain[0]};
    ck_assert_int_eq(pst_control_send(pair[0], PST_CONTROL_RELOAD, &sent), PST_OK);
    ck_assert_int_eq(pst_role_word_read(&start, &fresh), PST_ROLE_WORD_RELOAD);
    ck_assert_int_eq(fresh.tls.authorities, -1);
    char byte = 0;
    ck_assert_int_eq(write(fresh.tls.key, "k", 1), 1);
    ck_assert_int_eq(read(fresh.tls.certificate, &byte, 1), 1);
    pst_role_fresh_close(&fresh);
    ck_assert_int_eq(fresh.tls.key, -1);
    close(pair[0]);
    ck_assert_int_eq(pst_role_word_read(&start, &fresh), PST_ROLE_WORD_STOP);
    pst_role_control_close(&start);
    close(plain[0]);
    close(plain[1]);
}
END_TEST

START_TEST(a_role_tells_its_supervisor)
{
    int pair[2];
    struct pst_role_start start = {.role = PST_ROLE_KEEPER};
    struct pst_role_fresh fresh;
    enum pst_control_word word = PST_CONTROL_STOP;
    ck_assert_int_eq(pst_handover_pair(pair), PST_OK);
    ck_assert_int_eq(pst_role_control_open(&start, pair[1]), PST_OK);
    ck_assert_int_eq(pst_control_recv(pair[0], &word, &fresh), PST_ERR_BUSY);
    pst_role_ready(&start);
    pst_role_alive(&start);
    ck_assert_int_eq(pst_control_recv(pair[0], &word, &fresh), PST_OK);
    ck_assert_int_eq(word, PST_CONTROL_READY);
    ck_assert_int_eq(pst_control_recv(pair[0], &word, &fresh), PST_OK);
    ck_assert_int_eq(word, PST_CONTROL_ALIVE);
    ck_assert_int_eq(send(pair[1], "\x63", 1, 0), 1);
    ck_assert_int_eq(pst_control_recv(pair[0], &word, &fresh), PST_ERR_SYNTAX);
    pst_role_control_close(&start);
    close(pair[0]);
}
END_TEST

START_TEST(notifies_systemd_where_it_listens)
{
    char folder[] = "/tmp/pst-notify-XXXXXX";
    ck_assert_ptr_nonnull(mkdtemp(folder));
    struct sockaddr_un at = {.sun_family = AF_UNIX};
    snprintf(at.sun_path, sizeof at.sun_path, "%s/notify", folder);
    int fd = socket(AF_UNIX, SOCK_DGRAM, 0);
    ck_assert_int_eq(bind(fd, (struct sockaddr *)&at, sizeof at), 0);
    setenv("NOTIFY_SOCKET", at.sun_path, 1);
    pst_notify("READY=1");
    char got[32] = {0};
    ck_assert_int_eq(recv(fd, got, sizeof got, MSG_DONTWAIT), 7);
    ck_assert_str_eq(got, "READY=1");
    setenv("WATCHDOG_USEC", "30000000", 1);
    ck_assert_int_eq(pst_notify_watchdog_ms(), 15000);
    setenv("WATCHDOG_USEC", "soon", 1);
    ck_assert_int_eq(pst_notify_watchdog_ms(), 0);
    close(fd);
    unlink(at.sun_path);
    rmdir(folder);
}
END_TEST

START_TEST(resolves_numbers_without_an_entry_and_never_root)
{
    struct pst_privilege_ids ids;
    ck_assert_int_eq(pst_privilege_resolve("64123", "64200", &ids), PST_OK);
    ck_assert_uint_eq(ids.uid, 64123);
    ck_assert_uint_eq(ids.gid, 64123);
    ck_assert_uint_eq(ids.group, 64200);
    ck_assert_int_eq(pst_privilege_resolve("0", NULL, &ids), PST_ERR_INVALID);
    ck_assert_int_eq(pst_privilege_resolve("root", NULL, &ids), PST_ERR_INVALID);
    ck_assert_int_eq(pst_privilege_resolve("4294967295", NULL, &ids), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_privilege_resolve("no-such-user", NULL, &ids), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_privilege_resolve("64123", "no-such-group", &ids), PST_ERR_NOT_FOUND);
    ck_assert_int_eq(pst_privilege_resolve("", "", &ids), PST_OK);
    ck_assert_uint_eq(ids.uid, geteuid());
}
END_TEST

/* In a child, since nobody gets privileges back. Exit status 0 when all held. */
static int dropped_child(void)
{
    struct pst_privilege_ids ids;
    if (pst_privilege_resolve(geteuid() == 0 ? "64123" : "", "", &ids) != PST_OK ||
        pst_privilege_harden(077) != PST_OK || pst_privilege_drop(&ids) != PST_OK)
        return 1;
    int stray = open("/dev/null", O_RDONLY);
    if (pst_privilege_close_from(3) != PST_OK || fcntl(stray, F_GETFD) != -1)
        return 2;
    struct pst_privilege_rights rights;
    pst_privilege_rights_read(&rights);
    if (!rights.no_new_privileges || rights.core_bytes != 0 || rights.file_mask != 077)
        return 3;
    if (rights.uid != ids.uid || rights.groups != 0 || rights.capabilities != 0 ||
        rights.descriptors > 3)
        return 4;
    return setuid(0) == 0 ? 6 : 0;
}

START_TEST(drops_for_good_and_says_so)
{
    pid_t pid = fork();
    if (pid == 0)
        _exit(dropped_child());
    int status = 0;
    ck_assert_int_eq(waitpid(pid, &status, 0), pid);
    ck_assert_msg(WIFEXITED(status) && WEXITSTATUS(status) == 0, "status %d", status);
}
END_TEST

START_TEST(the_store_is_shared_by_who_serves_or_had_alone)
{
    char folder[] = "/tmp/pst-lock-XXXXXX", path[64];
    const struct pst_config config = {.data = folder};
    int first = -1, second = -1, third = -1;
    ck_assert_ptr_nonnull(mkdtemp(folder));
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_SHARED, &first), PST_OK);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_SHARED, &second), PST_OK);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_ALONE, &third), PST_ERR_BUSY);
    (void)close(first);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_ALONE, &third), PST_ERR_BUSY);
    (void)close(second);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_ALONE, &third), PST_OK);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_SHARED, &first), PST_ERR_BUSY);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_ALONE, &first), PST_ERR_BUSY);
    (void)close(third);
    snprintf(path, sizeof path, "%s/posternd.lock", folder);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(symlink("/dev/null", path), 0);
    ck_assert_int_ne(pst_role_store_lock(&config, PST_LOCK_SHARED, &first), PST_OK);
    ck_assert_int_eq(unlink(path), 0);
    ck_assert_int_eq(rmdir(folder), 0);
    ck_assert_int_eq(pst_role_store_lock(&config, PST_LOCK_SHARED, &first), PST_ERR_NOT_FOUND);
}
END_TEST

PST_UNIT_MAIN("role", knows_its_roles, a_signal_is_a_word,
              the_supervisor_reloads_with_files_and_stops_by_going_away,
              a_role_tells_its_supervisor, notifies_systemd_where_it_listens,
              resolves_numbers_without_an_entry_and_never_root, drops_for_good_and_says_so,
              the_store_is_shared_by_who_serves_or_had_alone)
