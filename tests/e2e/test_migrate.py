"""posternd migrate: a practice goes from store to store, of either engine, and goes on there."""
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway, wait_until  # noqa: E402
from e2e.postgres import Cluster  # noqa: E402

# sysexits.h
USAGE, DATAERR, NOINPUT, TEMPFAIL = 64, 65, 66, 75
# Enough that a copy takes some seconds, so that a kill comes in the middle.
FILL_MESSAGES = 4000
FILL_BYTES = 16 * 1024


class Stores:
    """Urls of new, empty stores, by engine."""

    def __init__(self, test, gateway):
        self.test, self.gateway = test, gateway
        self.cluster = None
        self.made = 0

    def new(self, engine):
        self.made += 1
        if engine == "sqlite":
            return f"sqlite:{self.gateway.data}/copy-{self.made}.db"
        if self.cluster is None:
            self.cluster = Cluster().start()
            self.test.addCleanup(self.cluster.close)
        practice = f"practice{self.made}"
        self.cluster.make_practice(practice)
        passfile = self.cluster.write_passfiles(self.gateway.data / practice, practice)
        return self.cluster.url(passfile, practice)

    def rows(self, url):
        """What the copy's own mark says; None while there is none."""
        sql = "SELECT row_count FROM copy"
        if url.startswith("sqlite:"):
            with contextlib.suppress(sqlite3.Error), \
                    contextlib.closing(sqlite3.connect(f"file:{url[7:]}?mode=ro", uri=True)) as db:
                return (db.execute(sql).fetchone() or [None])[0]
            return None
        with contextlib.suppress(RuntimeError):
            found = self.cluster.sql(sql, database=url.rsplit("/", 1)[1].split("?")[0])
            return int(found[0][0]) if found else None
        return None


class MigrateTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-migrate-")
        self.addCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        self.gateway = Gateway(Path(folder.name) / "practice")
        self.addCleanup(self.gateway.stop)
        self.stores = Stores(self, self.gateway)

    def use(self, url):
        """The configuration names another store from here on."""
        self.gateway.store = url
        self.gateway.write_config()

    def migrate(self, *args):
        return self.gateway.posternd("migrate", "-c", self.gateway.config, *args, check=False)

    def said(self, status, words, *args):
        done = self.migrate(*args)
        self.assertEqual(done.returncode, status, done.stdout + done.stderr)
        self.assertIn(words, done.stdout + done.stderr)

    def copied(self, url):
        done = self.migrate("--json", "--to", url)
        self.assertEqual(done.returncode, 0, done.stderr)
        self.assertEqual(done.stderr, "")
        answer = json.loads(done.stdout)
        self.assertTrue(answer["complete"])
        self.assertEqual(answer["rows"], sum(answer["tables"].values()))
        return answer

    def test_a_practice_goes_on_in_every_store_it_is_copied_to(self):
        practice = cast.small_practice(self.gateway)
        carol, ada = practice["carol"], practice["ada"]
        sent = {}

        def send(text):
            message = carol.json("send", "--to", ada.id, "--team", practice.team, text=text)
            sent[message["id"]] = text

        def read_all():
            for message, text in sent.items():
                self.assertIn(text, ada.run("read", message).stdout)
        send("Before any copy.\n")
        self.said(TEMPFAIL, "the gateway is running")
        self.said(TEMPFAIL, "the gateway is running", "--to", self.stores.new("sqlite"))
        for number, engine in enumerate(["sqlite", "postgresql", "postgresql", "sqlite"]):
            self.gateway.stop()
            url = self.stores.new(engine)
            tables = self.copied(url)["tables"]
            self.assertEqual(tables["message"], len(sent))
            self.assertGreater(tables["body"], len(sent))
            self.use(url)
            self.gateway.start()
            read_all()
            send(f"After copy {number} into {engine}.\n")
            read_all()
        self.assertEqual(self.gateway.posternd("check", "-c", self.gateway.config,
                                               check=False).stdout.count("FAIL store"), 0)

    def small(self):
        """A practice without people, on SQLite, not running."""
        self.gateway.lay_out()
        custodian = json.loads(subprocess.run(
            [self.gateway.program("postern"), "--json", "records", "init", "--custodians", "3",
             "--threshold", "2", "--shares", self.gateway.folder / "shares"],
            capture_output=True, check=True).stdout)
        self.gateway.init(custodian["recipient"])

    def test_what_it_says_when_it_cannot(self):
        self.gateway.lay_out()
        self.said(NOINPUT, "there is no practice yet")
        self.small()
        self.said(0, "nothing was to be done")
        versions = json.loads(self.migrate("--json").stdout)
        self.assertEqual(versions["from"], versions["to"])
        self.said(DATAERR, "practice's store itself", "--to",
                  f"sqlite:{self.gateway.data}/postern.db")
        self.said(NOINPUT, "cannot be made", "--to", f"sqlite:{self.gateway.data}/none/x.db")
        self.said(DATAERR, "must be sqlite:", "--to", "mysql://nowhere")
        self.said(USAGE, "usage:", "--too", "x")
        url = self.stores.new("sqlite")
        self.said(0, f'store = "{url}"', "--to", url)
        self.said(DATAERR, "finished copy", "--to", url)
        # An older store of this practice is brought up; a newer one is left alone.
        with contextlib.closing(sqlite3.connect(f"{self.gateway.data}/postern.db")) as db:
            db.execute("UPDATE migration SET version = version + 1 WHERE version = "
                       "(SELECT max(version) FROM migration)")
            db.commit()
        self.said(DATAERR, "newer program")

    def test_an_older_store_is_brought_up(self):
        self.small()
        path = f"{self.gateway.data}/postern.db"
        with contextlib.closing(sqlite3.connect(path)) as db:
            newest = db.execute("SELECT max(version) FROM migration").fetchone()[0]
            for table in ("message_grant", "copy"):  # what came after the first migration
                db.execute(f"DROP TABLE {table}")
            db.execute("DELETE FROM migration WHERE version > 1")
            db.commit()
        self.said(DATAERR, "run posternd migrate", "--to", self.stores.new("sqlite"))
        self.assertEqual(json.loads(self.migrate("--json").stdout), {"from": 1, "to": newest})
        self.assertEqual(self.copied(self.stores.new("sqlite"))["tables"]["practice"], 1)

    def fill(self):
        """Rows enough that a copy takes a while; nobody could open these messages."""
        with contextlib.closing(sqlite3.connect(f"{self.gateway.data}/postern.db")) as db:
            person = db.execute("SELECT id FROM person").fetchone()[0]
            db.execute("INSERT INTO thread (id, state, created_by, created_at_ms, changed_at_ms) "
                       "VALUES (?, 0, ?, 1, 1)", (person, person))
            for number in range(FILL_MESSAGES):
                message = os.urandom(16)
                db.execute("INSERT INTO message (id, thread, seq, sender, category, sent_ms, "
                           "accepted_ms, size_bytes, attachments, images, hash, event) "
                           "VALUES (?, ?, ?, ?, 0, 1, 1, 1, 0, 0, x'00', ?)",
                           (message, person, number + 1, person, message))
                db.executemany("INSERT INTO body VALUES (?, ?, ?)",
                               [(message, part, os.urandom(FILL_BYTES)) for part in range(2)])
            db.commit()

    def killed(self, url, least, sign):
        """Begins to copy, and ends it once more than so many rows are there."""
        process = subprocess.Popen(
            [self.gateway.program("posternd"), "migrate", "-c", self.gateway.config, "--to", url],
            stdin=subprocess.DEVNULL, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
        self.addCleanup(process.kill)
        wait_until(lambda: process.poll() is not None or (self.stores.rows(url) or 0) > least,
                   "rows in the copy", 120)
        process.send_signal(sign)
        _, said = process.communicate(timeout=60)
        return process.returncode, said, self.stores.rows(url) or 0

    def go_on(self, url):
        """Killed, stopped by Ctrl-C, used too early, gone on with."""
        status, _, rows = self.killed(url, 0, signal.SIGKILL)
        self.assertEqual(status, -signal.SIGKILL)
        for _ in range(2):
            status, said, now = self.killed(url, rows, signal.SIGINT)
            self.assertEqual(status, TEMPFAIL, said)
            self.assertIn("The same command goes on", said)
            self.assertGreater(now, rows)
            rows = now
        self.unfinished(url)
        answer = self.copied(url)
        self.assertEqual(answer["tables"]["message"], FILL_MESSAGES)
        self.assertEqual(answer["tables"]["body"], 2 * FILL_MESSAGES)
        self.assertGreater(answer["rows"], rows)

    def unfinished(self, url):
        """Nobody starts a gateway on half a practice."""
        before = self.stores.gateway.config.read_text()
        self.use(url)
        done = self.gateway.posternd("check", "-c", self.gateway.config, check=False)
        self.assertEqual(done.returncode, 1)
        self.assertRegex(done.stdout, "FAIL store .*unfinished copy")
        with self.assertRaisesRegex(RuntimeError, "unfinished copy"):
            self.gateway.run("--role", "web")
            wait_until(self.gateway.serving, "web to give up")
        self.gateway.process = None
        self.gateway.config.write_text(before)

    def test_killed_in_the_middle_it_goes_on_into_sqlite(self):
        self.small()
        self.fill()
        self.go_on(self.stores.new("sqlite"))

    def test_killed_in_the_middle_it_goes_on_into_postgresql(self):
        self.small()
        self.fill()
        self.go_on(self.stores.new("postgresql"))


if __name__ == "__main__":
    unittest.main()
