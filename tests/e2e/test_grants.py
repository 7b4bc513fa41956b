"""Old messages for newer keys: loss and re-enrolment, joining and leaving, by signed grants."""
import base64
import contextlib
import json
import os
import signal
import sqlite3
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway  # noqa: E402

LIMITS = "limits: { messages-per-minute = 100000; };"
MANY = 300
PATIENCE_S = 120


class GrantsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-grants-")
        os.chmod(cls.work.name, 0o755)
        cls.gateway = Gateway(Path(cls.work.name) / "practice", extra=LIMITS)
        cls.practice = cast.small_practice(cls.gateway)
        for profile in ("admin", "ines", "carol", "chris", "ada", "ben"):
            setattr(cls, profile, cls.practice[profile])

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    # ---- helpers ------------------------------------------------------------

    def newcomer(self, profile, name):
        """A patient of Carol's who agreed and enrolled."""
        patient = self.practice.register(self.ines, profile, name)
        self.practice.visit(self.ines, patient, self.carol)
        self.practice.consent(self.ines, patient, ["messages"])
        return self.practice.let_in(self.ines, patient)

    def send(self, sender, patient, text):
        return sender.json("send", "--to", patient.id, "--team", self.practice.team,
                           "--accept-changed-key", text=text)

    def lose_everything(self, patient):
        """Passphrase and recovery code gone: seen again at the desk, enrolled with new keys."""
        link = self.ines.json("patient", "invite", patient.id)["link"]
        anew = self.practice.add(patient.profile + "-anew", patient.name, "patient")
        anew.run("enrol", link, "--login", patient.profile,
                 "--recovery-code-file", anew.folder / f"{anew.profile}.recovery")
        anew.id = patient.id
        return anew

    def rows(self, sql, *values):
        store = sqlite3.connect(f"file:{self.gateway.data}/postern.db?mode=ro", uri=True)
        with contextlib.closing(store):
            return store.execute(sql, values).fetchall()

    def change(self, sql, *values):
        """What somebody does who has the store in their hands."""
        store = sqlite3.connect(f"{self.gateway.data}/postern.db", timeout=30)
        with contextlib.closing(store), store:
            self.assertGreater(store.execute(sql, values).rowcount, 0)

    def grants(self, message):
        return self.rows("SELECT count(*) FROM message_grant WHERE hex(message) = ?",
                         message.replace("-", "").upper())[0][0]

    def closed(self, person, message):
        done = person.run("read", message, check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("None of your keys opens this message", done.stderr)

    # ---- a passphrase is lost ---------------------------------------------------

    def test_who_lost_their_keys_reads_again_what_a_clinician_grants(self):
        eva = self.newcomer("eva", "Eva Example")
        first = self.send(self.carol, eva, "Before the loss.\n")
        answer = eva.json("reply", first["id"], text="Written by my lost key.\n")
        anew = self.lose_everything(eva)
        self.closed(anew, first["id"])
        # Consent is about new exchanges: whose it is may read it without.
        anew.run("consent", "withdraw")
        done = self.carol.run("keys", "grant", "--to", eva.id, check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("certified by Ines Intakeworth", done.stderr)
        self.assertIn("--accept-changed-key", done.stderr)
        self.assertEqual(0, self.grants(first["id"]))
        done = self.carol.json("keys", "grant", "--to", eva.id, "--accept-changed-key")
        self.assertEqual((2, 0, 0), (done["granted"], done["unopened"], done["not_genuine"]))
        came = anew.json("read", first["id"])
        self.assertTrue(came["genuine"])
        self.assertIn("Before the loss.", came["text"])
        self.assertEqual("Carol Clinician", came["granted"]["by"])
        done = anew.run("read", answer["id"])
        self.assertIn("Written by my lost key.", done.stdout)
        self.assertIn(f"Opened:     by a grant of Carol Clinician, {cast.today()}", done.stdout)
        # Who could open it before shows no grant, and there is nothing left to do.
        self.assertNotIn("granted", self.carol.json("read", answer["id"]))
        self.assertEqual(0, self.chris.json("keys", "grant", "--to", eva.id)["granted"])
        events = [json.loads(line) for (line,) in self.rows("SELECT line FROM event")]
        events = [event for event in events if event["kind"] == "grant"
                  and event["message"] == first["id"]]
        self.assertEqual([(self.carol.id, "clinician", eva.id)],
                         [(event["actor"], event["role"], event["patient"]) for event in events])
        self.assertNotIn("X25519", json.dumps(events))

    def test_grants_go_to_members_alone(self):
        eve = self.newcomer("eve", "Eve Example")
        sent = self.send(self.carol, eve, "Not for Ben.\n")
        done = self.carol.run("keys", "grant", "--to", self.ben.id, "--thread", sent["thread"],
                              check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("share no conversation", done.stderr)
        self.assertNotEqual(0, self.ben.run("keys", "grant", "--to", eve.id, "--thread",
                                            sent["thread"], check=False).returncode)
        officer = self.practice.hire("olga", "Olga Officer", "compliance")
        self.assertNotEqual(0, self.carol.run("keys", "grant", "--to", officer.id,
                                              check=False).returncode)
        self.assertEqual(0, self.grants(sent["id"]))

    # ---- joining and leaving -------------------------------------------------------

    def test_who_joins_reads_history_and_who_left_nothing_later(self):
        team = self.practice.team
        old = self.send(self.ada, self.ada, "Under the first key.\n")
        self.carol.run("team", "rotate", team)
        dana = self.practice.hire("dana", "Dana Dermatest", "clinician")
        self.practice.check_credential(dana, cast.NPIS[2])
        middle = self.send(self.ada, self.ada, "Under the second key.\n")
        self.carol.run("team", "members", team, "--add", dana.id)
        self.assertIn("Under the second key.", dana.run("read", middle["id"]).stdout)
        self.closed(dana, old["id"])
        done = self.chris.json("keys", "grant", "--to", dana.id, "--thread", old["thread"])
        self.assertGreaterEqual(done["granted"], 1)
        came = dana.json("read", old["id"])
        self.assertEqual(("Under the first key.\n", "Chris Colleague"),
                         (came["text"].replace("\r", ""), came["granted"]["by"]))
        # Everything that Dana ever held: own keys, and the team's as they were sealed to her.
        own = dana.folder / "dana.key"
        dana.run("keys", "show", "--identity-file", own)
        status, _, rosters = self.gateway.request("GET", f"/v1/teams/{team}/roster",
                                                  token=dana.token())
        self.assertEqual(200, status)
        kept = self.keep_team_keys(own, rosters)
        self.assertTrue(kept)
        self.carol.run("team", "members", team, "--remove", dana.id)
        later = self.send(self.ada, self.ada, "After she left.\n")
        self.assertNotEqual(0, dana.run("read", later["id"], check=False).returncode)
        self.assertNotEqual(0, self.carol.run("keys", "grant", "--to", dana.id, "--thread",
                                              later["thread"], check=False).returncode)
        self.assertEqual(0, self.opens(middle["id"], [own, *kept]).returncode)
        self.assertNotEqual(0, self.opens(later["id"], [own, *kept]).returncode)
        self.assertIn("After she left.", self.chris.run("read", later["id"]).stdout)

    def keep_team_keys(self, own, rosters):
        kept = []
        for at, item in enumerate(rosters["rosters"]):
            text = item.get("sealed")
            if not text:
                continue
            sealed = own.with_suffix(f".team{at}.age")
            sealed.write_bytes(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)))
            plain = own.with_suffix(f".team{at}")
            subprocess.run([self.gateway.program("postern"), "open", "-i", own, "-o", plain,
                            sealed], check=True, capture_output=True)
            kept.append(plain)
        return kept

    def opens(self, message, keys):
        """The message as the server keeps it, opened offline with these keys."""
        status, _, envelope = self.gateway.request("GET", f"/v1/messages/{message}",
                                                   token=self.carol.token())
        self.assertEqual(200, status)
        age = Path(self.work.name) / "stolen.age"
        age.write_bytes(envelope.split(b"\n", 3)[3])
        identities = [word for key in keys for word in ("-i", key)]
        return subprocess.run([self.gateway.program("postern"), "open", *identities, age],
                              capture_output=True)

    # ---- a store in the wrong hands -----------------------------------------------

    def test_a_grant_that_was_changed_is_refused_with_a_word(self):
        fay = self.newcomer("fay", "Fay Example")
        one, two = (self.send(self.carol, fay, f"Number {n}.\n") for n in (1, 2))
        anew = self.lose_everything(fay)
        self.carol.run("keys", "grant", "--to", fay.id, "--accept-changed-key")
        row = [bytes.fromhex(message["id"].replace("-", "")) for message in (one, two)]
        kept = dict(self.rows("SELECT message, record_enc FROM message_grant"))
        # Another message's grant in its place.
        self.change("UPDATE message_grant SET record_enc = ? WHERE message = ?", kept[row[1]],
                    row[0])
        done = anew.run("read", one["id"], check=False)
        self.assertEqual(65, done.returncode)
        self.assertIn("a grant that is refused: it was changed where it is stored", done.stderr)
        self.assertNotIn("Number 1.", done.stdout)
        self.assertIn("Number 2.", anew.run("read", two["id"]).stdout)
        reports = self.rows("SELECT line FROM event WHERE line LIKE '%\"kind\":\"report\"%'")
        self.assertTrue(any(one["id"] in line for (line,) in reports))
        # Put right, it opens again: nothing of the message was touched.
        self.change("UPDATE message_grant SET record_enc = ? WHERE message = ?", kept[row[0]],
                    row[0])
        self.assertIn("Number 1.", anew.run("read", one["id"]).stdout)

    # ---- by the hundred ---------------------------------------------------------------

    def made(self):
        return self.rows("SELECT count(*) FROM message_grant")[0][0]

    def test_a_run_that_was_killed_is_taken_up_again(self):
        gus = self.newcomer("gus", "Gus Example")
        thread = self.send(self.carol, gus, "The first.\n")["thread"]
        forger = cast.Forger(self.practice, self.carol, thread)
        with contextlib.closing(self.gateway.connect()) as connection:
            for envelope in cast.unbundle(forger.bundle(MANY, 600)):
                self.assertEqual(201, forger.post(envelope, connection=connection)[0])
        anew = self.lose_everything(gus)
        before = self.made()
        command = [self.gateway.program("postern"), "--profile", "carol", "keys", "grant", "--to",
                   gus.id, "--accept-changed-key", "--totp-secret-file", self.carol.totp_file]
        running = subprocess.Popen(command, env=self.carol.environment, cwd=self.carol.folder,
                                   stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
        deadline = time.monotonic() + PATIENCE_S
        while self.made() - before < MANY // 10 and time.monotonic() < deadline:
            time.sleep(0.01)
        running.send_signal(signal.SIGKILL)
        running.wait()
        there = self.made() - before
        self.assertGreaterEqual(there, MANY // 10)
        self.assertLess(there, MANY)
        done = self.carol.json("keys", "grant", "--to", gus.id, "--accept-changed-key")
        # What was under way when the client died may have been committed since.
        self.assertIn(MANY + 1 - there - done["granted"], (0, 1))
        self.assertEqual(MANY + 1, self.made() - before)
        messages = anew.json("thread", thread)["items"]
        for message in messages[::60]:
            self.assertTrue(anew.json("read", message["id"])["genuine"])


if __name__ == "__main__":
    unittest.main()
