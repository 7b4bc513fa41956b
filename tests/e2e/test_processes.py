"""One process per role: who they are, how they die, come back and stop."""
import contextlib
import json
import os
import signal
import sqlite3
import ssl
import subprocess
import sys
import tempfile
import time
import unittest
from http.client import HTTPSConnection
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e.cast import Practice  # noqa: E402  (after the path is set)
from e2e.harness import FIRST_UID, ROLES, Gateway, free_port, wait_until  # noqa: E402

RUNNING = {"door", "web", "courier", "keeper"}


def records_key():
    done = subprocess.run(["age-keygen"], capture_output=True, text=True, check=True)
    return next(line.split()[-1] for line in done.stdout.splitlines() if "public key" in line)


def status(pid):
    lines = Path(f"/proc/{pid}/status").read_text().splitlines()
    return dict(line.split(":\t", 1) for line in lines if ":\t" in line)


def alive(pid):
    with contextlib.suppress(OSError):
        return status(pid)["State"][0] != "Z"
    return False


class ProcessesTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-processes-")
        self.addCleanup(folder.cleanup)
        self.gateway = Gateway(folder.name)
        self.gateway.lay_out()
        self.gateway.init(records_key())
        self.addCleanup(self.gateway.stop)
        self.gateway.start()

    def get(self, connection=None):
        return self.gateway.request("GET", "/healthz", connection=connection)[0]

    def test_each_role_is_a_process_with_the_rights_of_its_row(self):
        roles = self.gateway.roles()
        self.assertEqual(set(roles), RUNNING)
        for role, pid in roles.items():
            seen = status(pid)
            self.assertEqual(seen["NoNewPrivs"], "1", role)
            if os.geteuid() != 0:
                continue
            uid = str(FIRST_UID + ROLES.index(role))
            self.assertEqual(seen["Uid"].split(), [uid] * 4, role)
            self.assertEqual(seen["CapEff"].strip("0"), "", role)
            self.assertEqual(seen["CapPrm"].strip("0"), "", role)
            shared = [] if role == "door" else [str(FIRST_UID)]
            self.assertEqual(seen["Groups"].split(), shared, role)

    def test_no_role_but_the_door_is_given_a_listener_or_the_key(self):
        for role, pid in self.gateway.roles().items():
            words = Path(f"/proc/{pid}/cmdline").read_bytes().decode().split("\0")
            inherited = words[words.index("--inherit") + 1].split(",")
            wanted = {"door": ["control", "handover", "https", "certificate", "key"],
                      "web": ["control", "handover", "local"]}.get(role, ["control"])
            self.assertEqual(inherited, wanted)
        key = self.gateway.folder / "certs" / "server.key"
        self.assertEqual(key.stat().st_mode & 0o077, 0)

    def test_starts_a_killed_role_again_and_serves(self):
        for role in ("web", "door", "keeper", "courier", "web"):
            before = self.gateway.kill(role)
            wait_until(lambda: self.gateway.roles().get(role) not in (None, before),
                       f"another {role}")
            wait_until(self.gateway.serving, "service")
        self.assertEqual(set(self.gateway.roles()), RUNNING)

    def test_a_connection_made_while_web_is_gone_is_served_when_it_is_back(self):
        web = self.gateway.roles()["web"]
        os.kill(web, signal.SIGSTOP)
        connection = self.gateway.connect()
        connection.request("GET", "/healthz")
        os.kill(web, signal.SIGKILL)
        # Handed over to the process that was killed, or to the next: never lost unseen.
        with contextlib.suppress(ConnectionError):
            self.assertEqual(connection.getresponse().status, 200)
        connection.close()
        wait_until(self.gateway.serving, "service")

    def test_reloads_without_dropping_a_connection(self):
        connection = self.gateway.connect()
        self.assertEqual(self.get(connection), 200)
        before = connection.sock.getpeercert(binary_form=True)
        self.gateway.make_certificates()
        self.gateway.process.send_signal(signal.SIGHUP)

        def renewed():
            other = self.gateway.connect()
            with contextlib.closing(other):
                other.connect()
                return other.sock.getpeercert(binary_form=True) != before
        wait_until(renewed, "the new certificate")
        kept = connection.sock
        self.assertEqual(self.get(connection), 200)
        self.assertIs(connection.sock, kept)
        connection.close()

    def test_a_door_started_later_has_the_new_certificate_too(self):
        connection = self.gateway.connect()
        connection.connect()
        before = connection.sock.getpeercert(binary_form=True)
        connection.close()
        self.gateway.make_certificates()
        self.gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: self.gateway.log.read_text().count("event=reloaded") >= 2, "reload")
        self.gateway.kill("door")
        wait_until(self.gateway.serving, "service")
        connection = self.gateway.connect()
        connection.connect()
        self.assertNotEqual(connection.sock.getpeercert(binary_form=True), before)
        connection.close()

    def test_leftovers_of_uploads_are_gone_after_a_start(self):
        self.gateway.stop()
        with contextlib.closing(sqlite3.connect(self.gateway.data / "postern.db")) as store:
            with store:
                store.execute("INSERT INTO staging (upload, part, person, at_ms, bytes) "
                              "VALUES (?, 1, ?, 1, ?)", (b"u" * 16, b"p" * 16, b"left over"))
            self.gateway.start()
            self.assertEqual(store.execute("SELECT count(*) FROM staging").fetchone(), (0,))
        self.assertIn("event=staging-swept parts=1", self.gateway.log.read_text())

    def test_goes_on_with_the_old_configuration_when_the_new_one_is_wrong(self):
        self.gateway.config.write_text("nonsense = 1;\n")
        self.gateway.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "event=reload-failed" in self.gateway.log.read_text(), "the refusal")
        self.assertEqual(self.get(), 200)
        self.assertEqual(set(self.gateway.roles()), RUNNING)

    def test_stops_in_order_with_nothing_left(self):
        connection = self.gateway.connect()
        self.assertEqual(self.get(connection), 200)
        roles = self.gateway.roles()
        begun = time.monotonic()
        self.assertEqual(self.gateway.stop(), 0)
        self.assertLess(time.monotonic() - begun, 15)
        self.assertFalse([pid for pid in roles.values() if alive(pid)])
        said = self.gateway.log.read_text()
        self.assertLess(said.index("role=door event=stopped"),
                        said.index("role=web event=stopping"))
        connection.close()

    def test_no_role_outlives_its_supervisor(self):
        roles = self.gateway.roles()
        self.gateway.process.kill()
        self.gateway.process.wait()
        wait_until(lambda: not [pid for pid in roles.values() if alive(pid)], "the roles to end")

    def test_says_what_is_wrong_and_exits_by_sysexits(self):
        done = self.gateway.posternd("check", "-c", self.gateway.config, "--json", check=False)
        found = json.loads(done.stdout)
        self.assertEqual((done.returncode, found["ok"]), (0, True), found)
        (self.gateway.folder / "certs" / "server.key").chmod(0o644)
        done = self.gateway.posternd("check", "-c", self.gateway.config, "--json", check=False)
        wrong = [check["name"] for check in json.loads(done.stdout)["checks"] if not check["ok"]]
        self.assertEqual((done.returncode, wrong), (1, ["permissions"]))
        for arguments, status_wanted in ((("run",), 64), (("bogus",), 64), (("--version",), 0),
                                         (("run", "-c", "/nonexistent.conf"), 78),
                                         (("run", "-c", "x", "--role", "root"), 64)):
            done = self.gateway.posternd(*arguments, check=False)
            self.assertEqual(done.returncode, status_wanted, arguments)


class ReloadTest(unittest.TestCase):
    """A configuration that changed, taken up by SIGHUP."""

    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-reload-")
        self.addCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        self.gateway = Gateway(Path(folder.name) / "practice")
        self.addCleanup(self.gateway.stop)

    def reload(self):
        said = [self.gateway.log.read_text().count(f"role={role} event=reloaded")
                for role in RUNNING]
        self.gateway.write_config()
        self.gateway.process.send_signal(signal.SIGHUP)
        for role, before in zip(RUNNING, said):
            wait_until(lambda: self.gateway.log.read_text().count(
                f"role={role} event=reloaded") > before, f"{role} to reload")

    def test_requests_per_minute_change_under_a_connection_that_goes_on(self):
        token = Practice(self.gateway).open().token()
        connection = self.gateway.connect()
        connection.connect()
        kept = connection.sock

        def statuses(count):
            found = [self.gateway.request("GET", "/v1/me", token=token, connection=connection)[0]
                     for _ in range(count)]
            self.assertIs(connection.sock, kept)
            return set(found)
        self.assertEqual(statuses(20), {200})
        self.gateway.https = "requests-per-minute = 10;"
        self.reload()
        self.assertIn(429, statuses(25))  # more than one minute's, should it turn just now
        self.gateway.https = "requests-per-minute = 1000;"
        self.reload()
        self.assertEqual(statuses(20), {200})
        connection.close()

    def test_minimum_tls_changes_and_what_cannot_change_is_said(self):
        self.gateway.lay_out()
        self.gateway.init(records_key())
        self.gateway.start()

        def old_client():
            context = self.gateway.tls()
            context.maximum_version = ssl.TLSVersion.TLSv1_2
            with contextlib.closing(HTTPSConnection("127.0.0.1", port, context=context)) as old:
                old.request("GET", "/healthz")
                return old.getresponse().status
        port = self.gateway.port
        self.assertRaises(ssl.SSLError, old_client)
        self.gateway.https = 'minimum-tls = "1.2"; threads = 3;'
        self.gateway.port = free_port()
        self.reload()
        self.assertEqual(old_client(), 200)
        said = self.gateway.log.read_text()
        for setting in ("https.listen", "https.threads"):
            self.assertEqual(said.count(f"event=setting-kept setting={setting}\n"), 1)
        self.assertEqual(said.count("event=setting-kept"), 2)
        self.gateway.https = 'minimum-tls = "1.3";'
        self.gateway.port = port
        self.reload()
        self.assertRaises(ssl.SSLError, old_client)


if __name__ == "__main__":
    unittest.main()
