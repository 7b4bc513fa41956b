"""The client in every role: what it prints, what it keeps, and how it ends."""
import json
import os
import stat
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway  # noqa: E402

NOWHERE = "01900000-0000-7000-8000-000000000000"
MAIL = b"From: ada@mail.example\r\nSubject: itchy\r\n\r\nIt itches.\r\n"


class ClientTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-client-")
        os.chmod(cls.work.name, 0o755)
        cls.gateway = Gateway(Path(cls.work.name) / "practice")
        cls.practice = cast.small_practice(cls.gateway)
        for profile in ("admin", "ines", "carol", "chris", "ada", "ben"):
            setattr(cls, profile, cls.practice[profile])

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    def file(self, name, content):
        path = Path(self.work.name) / name
        path.write_bytes(content)
        return path

    def send(self, sender, patient, *options, text="Hello.\n"):
        return sender.json("send", "--to", patient.id, "--team", self.practice.team, *options,
                           text=text)

    def test_a_message_with_files_comes_out_as_it_went_in(self):
        files = [self.file("señal.pdf", b"%PDF-1.4\n" + os.urandom(70000)),
                 self.file("empty.txt", b""), self.file("skin.png", b"\x89PNG\r\n\x1a\nrest")]
        options = [word for path in files for word in ("--attach", path)]
        sent = self.send(self.carol, self.ada, "--subject", "Año nuevo", *options,
                         text="¡Está bien!\n")
        saved = Path(self.work.name) / "saved"
        came = self.ada.json("read", sent["id"], "--save-attachments", saved)
        self.assertTrue(came["genuine"])
        self.assertEqual(("Año nuevo", "Carol Clinician", 3, 1),
                         (came["subject"], came["sender"], came["attachments"], came["images"]))
        self.assertIn("¡Está bien!", came["text"])
        for path in files:
            self.assertEqual(path.read_bytes(), (saved / path.name).read_bytes())
        again = self.ada.run("read", sent["id"], "--save-attachments", saved)
        self.assertIn("Saved: skin-2.png", again.stderr)

    def test_an_answer_keeps_conversation_and_subject(self):
        sent = self.send(self.carol, self.ada, "--subject", "Results")
        answer = self.ada.json("reply", sent["id"], text="Thanks.\n")
        self.assertEqual(sent["thread"], answer["thread"])
        came = self.chris.json("read", answer["id"])
        self.assertEqual(("Re: Results", sent["id"]), (came["subject"], came["replyto"]))
        states = {item["id"]: item["state"]
                  for item in self.carol.json("thread", sent["thread"])["items"]}
        self.assertEqual("answered", states[sent["id"]])
        self.assertEqual("opened", states[answer["id"]])

    def test_refusals_end_with_77_code_and_cure(self):
        done = self.carol.run("send", "--to", NOWHERE, "--team", self.practice.team, text="x\n",
                              check=False)
        self.assertEqual(77, done.returncode)
        self.assertIn("Code: not-permitted", done.stderr)
        self.assertIn("What to do:", done.stderr)
        done = self.carol.run("--json", "send", "--to", NOWHERE, "--team", self.practice.team,
                              text="x\n", check=False)
        self.assertEqual("not-permitted", json.loads(done.stdout)["code"])

    def test_pictures_need_consent_whatever_the_file_is_called(self):
        ben = self.practice.register(self.ines, "bea", "Bea Wordsonly")
        self.practice.visit(self.ines, ben, self.carol)
        self.practice.consent(self.ines, ben)
        self.practice.let_in(self.ines, ben)
        picture = self.file("notes.txt", b"\xff\xd8\xff\xe0 a photograph")
        done = self.carol.run("--json", "send", "--to", ben.id, "--team", self.practice.team,
                              "--attach", picture, text="x\n", check=False)
        self.assertEqual((77, "consent-scope"), (done.returncode, json.loads(done.stdout)["code"]))
        sent = self.carol.json("send", "--to", ben.id, "--team", self.practice.team, "--attach",
                               picture, "--images", "0", text="x\n")
        done = ben.run("read", sent["id"], check=False)
        self.assertEqual(65, done.returncode)
        self.assertIn("not genuine", done.stderr)
        self.assertNotIn("photograph", done.stdout)

    def test_statuses_say_what_kind_of_trouble_it_was(self):
        for status, args in ((64, ["send", "--frobnicate"]), (64, ["read", "no-id"]),
                             (66, ["send", "--to", self.ada.id, "--attach", "/nonexistent"]),
                             (69, ["--server", "https://localhost:1", "whoami"]),
                             (76, ["--ca", "/etc/ssl/certs/ca-certificates.crt", "whoami"])):
            done = self.carol.run(*args, text="x\n", check=False)
            self.assertEqual(status, done.returncode, (args, done.stderr))
            self.assertIn("postern: ", done.stderr)

    def test_signing_out_forgets_and_signing_in_asks(self):
        session = self.gateway.folder / "state" / "postern" / "ben" / "session"
        self.assertEqual(0o600, stat.S_IMODE(session.stat().st_mode))
        self.ben.run("logout")
        self.assertFalse(session.exists())
        done = self.ben.run("threads", check=False)
        self.assertEqual(77, done.returncode)
        self.assertIn("postern login", done.stderr)
        self.ben.run("login")
        self.assertEqual("Ben Sample", self.ben.json("whoami")["name"])

    def test_a_second_device_knows_the_practice_by_the_key_ring(self):
        other = cast.Person(self.gateway, "ada-telephone", "Ada Example", "patient")
        other.environment["POSTERN_PASSPHRASE_FILE"] = str(self.ada.passphrase_file)
        other.run("login", "--login", "ada")
        self.assertEqual(self.ada.json("whoami"), other.json("whoami"))
        sessions = other.json("devices")["items"]
        self.assertGreaterEqual(len(sessions), 2)
        mine = next(item["id"] for item in sessions if item["current"])
        self.ada.run("devices", "end", mine)
        self.assertEqual(77, other.run("whoami", check=False).returncode)

    def test_a_lost_passphrase_is_cured_by_the_recovery_code(self):
        code = self.ben.folder / "ben.recovery"
        self.ben.run("login", "--recovery", "--recovery-code-file", code)
        fresh = self.file("fresh", "quite another phrase altogether\n".encode())
        self.ben.environment["POSTERN_NEW_PASSPHRASE_FILE"] = str(fresh)
        self.ben.run("passwd")
        self.ben.passphrase_file.write_bytes(fresh.read_bytes())
        self.ben.run("login")
        self.ben.run("keys", "recovery-code", "--recovery-code-file", code)
        self.ben.run("login", "--recovery", "--recovery-code-file", code)

    def test_new_keys_are_taken_when_the_old_ones_sign_them(self):
        before = self.send(self.carol, self.ada, text="Before.\n")
        old = self.ada.json("keys", "show")
        self.ada.run("keys", "rotate")
        self.ada.run("login")
        new = self.ada.json("keys", "show")
        self.assertEqual(old["serial"] + 1, new["serial"])
        self.assertNotEqual(old["fingerprint"], new["fingerprint"])
        done = self.carol.run("send", "--to", self.ada.id, "--team", self.practice.team,
                              text="After.\n")
        self.assertIn("The keys of Ada Example changed", done.stderr)
        self.assertIn("Before.", self.ada.run("read", before["id"]).stdout)

    def test_a_draft_is_for_its_owner(self):
        thread = self.send(self.carol, self.ada)["thread"]
        self.carol.run("draft", "save", "--thread", thread, "--subject", "Later", text="Soon.\n")
        self.assertEqual("Later", self.carol.json("draft", "show", "--thread", thread)["subject"])
        self.assertNotEqual(0, self.chris.run("draft", "show", "--thread", thread,
                                              check=False).returncode)
        self.carol.run("draft", "drop", "--thread", thread)
        self.assertNotEqual(0, self.carol.run("draft", "show", "--thread", thread,
                                              check=False).returncode)

    def test_an_enrolled_patient_signs_what_staff_captured(self):
        record = Path(self.work.name) / "ada.consent"
        self.ines.run("consent", "record", self.ada.id, "--yes-discussed", "passphrase",
                      "--purpose", "messages", "--purpose", "images", "--to-sign", record)
        self.assertEqual(77, self.ben.run("consent", "sign", record, "--yes",
                                          check=False).returncode)
        self.ada.run("consent", "sign", record, "--yes")
        self.assertEqual("given", self.ines.json("consent", "post", record)["state"])

    def test_a_stray_mail_goes_on_in_the_conversation_unchanged(self):
        mail = self.file("stray.eml", MAIL)
        done = self.carol.run("redirect", "--channel", "email", "--patient", self.ada.id,
                              "--team", self.practice.team, "--file", mail)
        self.assertIn("Answer with these words", done.stdout)
        message = done.stdout.split()[-1]
        saved = Path(self.work.name) / "stray"
        came = self.ada.json("read", message, "--save-attachments", saved)
        self.assertEqual(("redirect", True), (came["via"], came["genuine"]))
        self.assertEqual(MAIL, (saved / "original.eml").read_bytes())

    def test_who_leaves_a_team_reads_nothing_more(self):
        dana = self.practice.hire("dana", "Dana Dermatest", "clinician")
        self.practice.check_credential(dana, cast.NPIS[2])
        self.carol.run("team", "members", self.practice.team, "--add", dana.id)
        sent = self.send(self.ada, self.ada, text="To all three.\n")
        self.assertIn("To all three.", dana.run("read", sent["id"]).stdout)
        self.carol.run("team", "members", self.practice.team, "--remove", dana.id)
        later = self.send(self.ada, self.ada, text="To the two.\n")
        self.assertNotEqual(0, dana.run("read", later["id"], check=False).returncode)
        self.assertIn("To the two.", self.chris.run("read", later["id"]).stdout)

    def test_lists_for_people_and_for_programs(self):
        self.assertIn("Carol Clinician", self.admin.run("staff", "list").stdout)
        self.assertIn("Ada Example", self.ines.run("patient", "list").stdout)
        self.assertEqual([self.ada.id], [item["id"] for item in self.ines.json(
            "patient", "list", "--name", "Ada Example")["items"]])
        self.assertIn("Riverside team", self.ada.run("team", "list").stdout)
        self.assertIn("version 1", self.ada.run("consent", "terms", "--language", "es").stdout)
        self.assertIn("given", self.ada.run("consent", "show").stdout)

    def test_completion_offers_what_can_come_next(self):
        script = self.file("completion.bash", self.carol.run("completion", "bash").stdout.encode())
        ask = ('source "$0"; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1)); _postern; '
               'echo "${COMPREPLY[@]}"')
        for typed, wanted in ((["admin", "user", ""], "add invite disable enable"),
                              (["team", "m"], "members"), (["send", "--su"], "--subject"),
                              (["--json", "keys", "ro"], "rotate")):
            came = subprocess.run(["bash", "-c", ask, script, "postern", *typed],
                                  capture_output=True, text=True, check=True)
            self.assertEqual((wanted, ""), (came.stdout.strip(), came.stderr), typed)


if __name__ == "__main__":
    unittest.main()
