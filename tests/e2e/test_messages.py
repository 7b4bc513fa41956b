"""Messages between real clients over the real server: what goes through, and what does not."""
import contextlib
import json
import os
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

NOWHERE = "01900000-0000-7000-8000-000000000000"
MIAS = "01900000-0000-7000-8000-000000000001"
MIB = 1024 * 1024
# Long enough that everything before it is done by then, on a busy machine under sanitizers too.
CONSENT_S = 20
# How much more a large file may take than a small one.
MEMORY_KIB = 24 * 1024


class PracticeTest(unittest.TestCase):
    """One gateway with a small practice for the class."""
    extra = ""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-messages-")
        cls.folder = Path(cls.work.name)
        os.chmod(cls.folder, 0o755)
        cls.gateway = Gateway(cls.folder / "practice", extra=cls.extra)
        cls.practice = cast.small_practice(cls.gateway)
        for profile in ("admin", "ines", "carol", "chris", "ada", "ben"):
            setattr(cls, profile, cls.practice[profile])
        cls.team = cls.practice.team

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    def file(self, name, content):
        path = self.folder / name
        path.write_bytes(content)
        return path

    def send(self, sender, patient, *options, text="Hello.\n", team=None):
        return sender.json("send", "--to", patient.id, "--team", team or self.team, *options,
                           text=text)

    def patient(self, profile, name, purposes=("messages",), **consent):
        """Somebody new: seen last month, consenting, enrolled."""
        person = self.practice.register(self.ines, profile, name)
        self.practice.visit(self.ines, person, self.carol)
        self.practice.consent(self.ines, person, purposes, **consent)
        return self.practice.let_in(self.ines, person)

    def refused(self, code, person, *command, text="x\n"):
        done = person.run("--json", *command, text=text, check=False)
        self.assertEqual((77, code), (done.returncode, json.loads(done.stdout or "{}").get("code")),
                         done.stderr)

    def admission(self, person, thread, query=""):
        status, _, answer = self.gateway.request("GET", f"/v1/threads/{thread}/admission{query}",
                                                 token=person.token())
        self.assertEqual(200, status, answer)
        return answer.get("code", "admitted") if not answer["admitted"] else "admitted"

    def states(self, person, thread):
        return {item["id"]: item["state"] for item in person.json("thread", thread)["items"]}


class MessagesTest(PracticeTest):
    # ---- attachments ------------------------------------------------------

    def test_twenty_files_of_25_mib_in_all_come_out_as_they_went_in(self):
        files = [self.file(f"scan {i}.bin", os.urandom(25 * MIB // 20)) for i in range(20)]
        sent = self.send(self.carol, self.ada, *[w for path in files for w in ("--attach", path)])
        saved = self.folder / "twenty"
        came = self.ada.json("read", sent["id"], "--save-attachments", saved)
        self.assertEqual((True, 20), (came["genuine"], came["attachments"]))
        for path in files:
            self.assertEqual(path.read_bytes(), (saved / path.name).read_bytes())

    def test_more_files_or_bytes_are_refused_before_anything_is_sent(self):
        small = self.file("small.txt", b"x")
        large = self.file("large.bin", bytes(26 * MIB))
        for files in ([small] * 21, [large]):
            done = self.carol.run("send", "--to", self.ada.id, "--team", self.team,
                                  *[w for path in files for w in ("--attach", path)],
                                  text="x\n", check=False)
            self.assertIn(done.returncode, (64, 65, 77), done.stderr)
            self.assertRegex(done.stderr, "20|25|large")

    def test_pictures_are_in_scope_only_where_consent_says_so(self):
        bea = self.patient("bea", "Bea Wordsonly")
        paper = self.file("paper.bin", b"no picture")
        self.refused("consent-scope", self.carol, "send", "--to", bea.id, "--team", self.team,
                     "--attach", paper, "--images", 1)
        sent = self.send(self.carol, bea, "--attach", paper)
        self.assertEqual("consent-scope", self.admission(bea, sent["thread"], "?images=1"))
        self.assertEqual("admitted", self.admission(bea, sent["thread"], "?images=0"))

    # ---- lapse and withdrawal ---------------------------------------------

    def test_a_reply_stays_possible_after_a_lapse_and_not_after_a_withdrawal(self):
        ends = time.time() + CONSENT_S
        xena = self.patient("xena", "Xena Expired", expires=cast.soon(CONSENT_S))
        sent = self.send(self.carol, xena, text="Any questions?\n")
        thread = sent["thread"]
        self.assertEqual("admitted", self.admission(xena, thread))
        self.assertLess(time.time(), ends, "the consent ended before it was used")
        time.sleep(ends - time.time() + 1)
        self.refused("consent-expired", self.carol, "send", "--thread", thread)
        answer = xena.json("reply", sent["id"], text="One, yes.\n")
        self.assertIn("One, yes.", self.chris.run("read", answer["id"]).stdout)
        # What answers nothing is another matter.
        self.refused("consent-expired", xena, "send", "--thread", thread)
        xena.run("consent", "withdraw")
        self.refused("consent-withdrawn", xena, "reply", sent["id"])
        self.refused("consent-withdrawn", self.carol, "reply", answer["id"])
        self.assertEqual("consent-withdrawn", self.admission(xena, thread))

    # ---- retraction, drafts, receipts -------------------------------------

    def test_what_is_retracted_stays_with_those_who_opened_it(self):
        before = self.send(self.carol, self.ada, text="Too early.\n")
        self.carol.run("retract", before["id"])
        self.assertNotEqual(0, self.ada.run("read", before["id"], check=False).returncode)
        after = self.send(self.carol, self.ada, text="Too late.\n")
        self.assertIn("Too late.", self.ada.run("read", after["id"]).stdout)
        self.carol.run("retract", after["id"])
        again = self.ada.run("read", after["id"])
        self.assertIn("Too late.", again.stdout)
        listed = {item["id"]: item["retracted"]
                  for item in self.ada.json("thread", after["thread"])["items"]}
        self.assertEqual((True, True), (listed[before["id"]], listed[after["id"]]))
        self.assertNotEqual(0, self.ada.run("retract", after["id"], check=False).returncode)
        self.assertNotEqual(0, self.chris.run("retract", after["id"], check=False).returncode)

    def test_a_draft_is_sealed_to_its_owner_and_shown_to_nobody_else(self):
        thread = self.send(self.carol, self.ada)["thread"]
        self.carol.run("draft", "save", "--thread", thread, text="Not yet for anybody.\n")
        path = f"/v1/threads/{thread}/draft"
        status, _, content = self.gateway.request("GET", path, token=self.carol.token())
        self.assertEqual(200, status)
        header = content.split(b"\n---", 1)[0]
        self.assertTrue(header.startswith(b"age-encryption.org/v1\n"))
        self.assertEqual(1, header.count(b"\n-> X25519 "))
        for other in (self.chris, self.ada):
            self.assertEqual(404, self.gateway.request("GET", path, token=other.token())[0])
        shown = self.carol.run("draft", "show", "--thread", thread)
        self.assertIn("Not yet for anybody.", shown.stdout)
        self.carol.run("draft", "drop", "--thread", thread)
        self.assertEqual(404, self.gateway.request("GET", path, token=self.carol.token())[0])

    def test_fetched_is_the_servers_word_and_opened_the_readers(self):
        sent = self.send(self.carol, self.ada)
        self.assertEqual("received", self.states(self.carol, sent["thread"])[sent["id"]])
        status, _, _ = self.gateway.request("GET", f"/v1/messages/{sent['id']}",
                                            token=self.ada.token())
        self.assertEqual(200, status)
        self.assertEqual("fetched", self.states(self.carol, sent["thread"])[sent["id"]])
        path = f"/v1/messages/{sent['id']}/receipts"
        status, _, _ = self.gateway.request("POST", path, {"record": "postern.opened/1\n{}\n"},
                                            token=self.ada.token())
        self.assertIn(status, (400, 422))
        self.assertEqual("fetched", self.states(self.carol, sent["thread"])[sent["id"]])
        self.ada.run("read", sent["id"])
        self.assertEqual("opened", self.states(self.carol, sent["thread"])[sent["id"]])

    def test_each_member_has_messages_of_their_own_to_read(self):
        zoe = self.patient("zoe", "Zoe Unread")
        sent = self.send(zoe, zoe)

        def unread(person):
            return next(item["unread"] for item in person.json("threads")["items"]
                        if item["id"] == sent["thread"])

        self.assertEqual((1, 1, 0), (unread(self.carol), unread(self.chris), unread(zoe)))
        self.carol.run("read", sent["id"])
        self.assertEqual((0, 1), (unread(self.carol), unread(self.chris)))
        self.chris.run("read", sent["id"])
        self.assertEqual(0, unread(self.chris))

    # ---- who may write ----------------------------------------------------

    def test_a_representative_writes_until_the_authority_ends(self):
        kim = self.patient("kim", "Kim Minor")
        rita = self.practice.add("rita", "Rita Proxy", "representative")
        named = self.ines.json("patient", "represent", kim.id, "--name", rita.name,
                               "--authority", "parent")
        rita.enrol(named["link"])
        thread = self.send(kim, kim)["thread"]
        self.refused("consent-scope", rita, "send", "--thread", thread)
        record = self.folder / "kim.consent"
        self.ines.run("consent", "record", kim.id, "--yes-discussed", "passphrase", "--purpose",
                      "messages", "--purpose", f"proxy:{rita.id}", "--to-sign", record)
        kim.run("consent", "sign", record, "--yes")
        self.ines.run("consent", "post", record)
        sent = rita.json("send", "--thread", thread, text="For Kim.\n")
        self.assertIn("For Kim.", self.carol.run("read", sent["id"]).stdout)
        answer = self.carol.json("reply", sent["id"], text="Dear both.\n")
        for reader in (kim, rita):
            self.assertIn("Dear both.", reader.run("read", answer["id"]).stdout)
        self.ines.run("patient", "represent", kim.id, "--person", rita.id, "--end")
        self.refused("not-permitted", rita, "send", "--thread", thread)
        self.assertEqual(404, self.gateway.request("GET", f"/v1/messages/{answer['id']}",
                                                   token=rita.token())[0])
        self.assertEqual("admitted", self.admission(kim, thread))

    def test_a_restriction_forbids_until_it_ends(self):
        lea = self.patient("lea", "Lea Letmebe")
        thread = self.send(self.carol, lea)["thread"]
        asked = self.ines.json("patient", "restrict", lea.id, "--kind", "no-messages")["id"]
        self.assertEqual("restricted", self.admission(self.carol, thread))
        self.refused("restricted", self.carol, "send", "--thread", thread)
        self.ines.run("patient", "restrict", lea.id, "--end", asked)
        self.carol.json("send", "--thread", thread, text="Again.\n")

    def test_breaking_the_glass_opens_for_a_while_to_who_has_the_right(self):
        gus = self.practice.register(self.ines, "gus", "Gus Longago")
        self.practice.visit(self.ines, gus, self.carol, cast.years_ago(4))
        self.practice.consent(self.ines, gus)
        self.practice.let_in(self.ines, gus)
        self.refused("not-established", self.carol, "send", "--to", gus.id, "--team", self.team)
        glass = ("patient", "break-glass", gus.id, "--reason", "an invented emergency",
                 "--minutes", 5)
        self.refused("not-permitted", self.carol, *glass)
        self.admin.run("admin", "role", self.carol.id, "--break-glass")
        self.carol.run(*glass)
        sent = self.send(self.carol, gus, text="Please call us.\n")
        self.assertIn("Please call us.", gus.run("read", sent["id"]).stdout)
        self.refused("not-permitted", gus, *glass)

    def test_colleagues_talk_in_a_room_of_their_own(self):
        dora = self.practice.hire("dora", "Dora Doctor", "clinician")
        self.refused("credential", self.carol, "send", "--colleague", dora.id)
        self.practice.check_credential(dora, cast.NPIS[2])
        sent = self.carol.json("send", "--colleague", dora.id, text="Between us.\n")
        self.assertIn("Between us.", dora.run("read", sent["id"]).stdout)
        answer = dora.json("reply", sent["id"], text="Indeed.\n")
        self.assertIn("Indeed.", self.carol.run("read", answer["id"]).stdout)
        for other in (self.chris, self.ada):
            status, _, _ = self.gateway.request("GET", f"/v1/threads/{sent['thread']}",
                                                token=other.token())
            self.assertEqual(404, status)

    def test_a_closed_conversation_opens_with_the_next_message(self):
        thread = self.send(self.carol, self.ben)["thread"]
        self.carol.run("thread", thread, "--close")
        closed = self.carol.json("threads", "--state", "closed")["items"]
        self.assertIn(thread, [item["id"] for item in closed])
        self.ben.json("send", "--thread", thread, text="One more thing.\n")
        opened = self.carol.json("threads", "--state", "open")["items"]
        self.assertIn(thread, [item["id"] for item in opened])
        self.refused("not-permitted", self.ben, "thread", thread, "--close")

    def test_another_patients_conversation_is_as_if_it_were_not(self):
        sent = self.send(self.carol, self.ada)

        def asked(method, path, body=None):
            status, headers, answer = self.gateway.request(method, path, body,
                                                           token=self.ben.token())
            if isinstance(answer, dict):
                answer.pop("event", None)
            return status, headers["Content-Type"], answer

        sealed = cast.Forger(self.practice, self.ada, sent["thread"]).make()
        for method, path, body in (
                ("GET", "/v1/threads/{thread}", None), ("GET", "/v1/threads/{thread}/messages", None),
                ("GET", "/v1/threads/{thread}/admission", None),
                ("GET", "/v1/threads/{thread}/keys", None),
                ("GET", "/v1/threads/{thread}/draft", None),
                ("POST", "/v1/threads/{thread}/messages", sealed),
                ("GET", "/v1/messages/{id}", None), ("GET", "/v1/messages/{id}/summary", None),
                ("GET", "/v1/messages/{id}/keys", None),
                ("POST", "/v1/messages/{id}/receipts", {"problem": "stanza"}),
                ("POST", "/v1/messages/{id}/retraction", {"record": "x"})):
            with self.subTest(path=path):
                there = asked(method, path.format(**sent), body)
                absent = asked(method, path.format(thread=NOWHERE, id=NOWHERE), body)
                self.assertEqual(404, there[0])
                self.assertEqual(absent, there)

    # ---- asking beforehand ------------------------------------------------

    def test_what_would_be_said_is_told_before_anybody_types(self):
        mia = self.practice.register(self.ines, "mia", "Mia Maybe")
        self.practice.visit(self.ines, mia, self.carol)
        status, _, thread = self.gateway.request(
            "POST", "/v1/threads", {"id": MIAS, "patient": mia.id, "team": self.team},
            token=self.carol.token())
        self.assertEqual(201, status, thread)
        self.assertEqual("consent-missing", self.admission(self.carol, MIAS))
        self.practice.consent(self.ines, mia, decision="refused")
        self.assertEqual("consent-refused", self.admission(self.carol, MIAS))
        self.practice.consent(self.ines, mia)
        self.assertEqual("not-enrolled", self.admission(self.carol, MIAS))
        self.practice.let_in(self.ines, mia)
        self.assertEqual("admitted", self.admission(self.carol, MIAS))
        self.assertEqual("consent-scope", self.admission(self.carol, MIAS,
                                                         "?purpose=email-notice"))
        status, _, keys = self.gateway.request("GET", f"/v1/threads/{MIAS}/keys",
                                               token=self.carol.token())
        self.assertEqual((200, 3), (status, len(keys["keys"])))
        mia.run("consent", "withdraw")
        self.assertEqual("consent-withdrawn", self.admission(mia, MIAS))
        status, _, keys = self.gateway.request("GET", f"/v1/threads/{MIAS}/keys",
                                               token=self.carol.token())
        self.assertEqual((403, "consent-withdrawn"), (status, keys["code"]))

    # ---- doubled and ended records ----------------------------------------

    def test_a_doubled_record_is_joined_and_an_ended_one_is_silent(self):
        eva = self.patient("eva", "Eva Twice")
        twin = self.practice.register(self.ines, "twin", "Eva Twice")
        self.practice.visit(self.ines, twin, self.carol)
        self.practice.consent(self.ines, twin)
        self.ines.run("patient", "merge", twin.id, "--into", eva.id)
        done = self.carol.run("--json", "send", "--to", twin.id, "--team", self.team, text="x\n",
                              check=False)
        self.assertEqual(77, done.returncode)
        self.assertIn(json.loads(done.stdout)["code"], ("not-enrolled", "not-permitted"))
        sent = self.send(self.carol, eva)
        self.ines.run("patient", "end", eva.id, "--reason", "moved")
        self.refused("not-enrolled", self.carol, "send", "--thread", sent["thread"])
        self.assertEqual(77, eva.run("whoami", check=False).returncode)
        self.assertIn("Hello.", self.carol.run("read", sent["id"]).stdout)


class KeysTest(PracticeTest):
    """Keys that change, and the custodians' way to a message."""

    def store(self, sql):
        store = sqlite3.connect(self.gateway.data / "postern.db", timeout=20)
        with contextlib.closing(store), store:
            store.execute(sql)

    def shares(self):
        found = sorted(self.practice.shares.glob("*.share"))
        return ["--share", found[0], "--share", found[2]]

    def test_a_rotated_team_reads_old_and_new(self):
        before = self.send(self.ada, self.ada, text="Before.\n")
        self.chris.run("team", "rotate", self.team)
        done = self.ada.run("send", "--thread", before["thread"], text="After.\n")
        self.assertIn("The keys of Riverside team changed", done.stderr)
        after = self.ada.json("reply", before["id"], text="After all.\n")
        for reader in (self.carol, self.chris):
            self.assertIn("Before.", reader.run("read", before["id"]).stdout)
            self.assertIn("After all.", reader.run("read", after["id"]).stdout)

    def test_an_older_records_key_is_not_taken_back(self):
        self.send(self.carol, self.ada)
        fingerprint = self.admin.json("keys", "fingerprint", "--records")["fingerprint"]
        self.admin.run("admin", "records-key", "--fingerprint", fingerprint)
        done = self.carol.run("send", "--to", self.ada.id, "--team", self.team, text="x\n")
        self.assertIn("records changed, signed by the practice's root", done.stderr)
        self.store("CREATE TABLE kept AS SELECT * FROM records_key ORDER BY serial DESC LIMIT 1")
        self.store("DELETE FROM records_key WHERE serial = (SELECT serial FROM kept)")
        done = self.carol.run("send", "--to", self.ada.id, "--team", self.team, text="x\n",
                              check=False)
        self.assertNotEqual(0, done.returncode)
        self.assertIn("older or a second key of the practice's records", done.stderr)
        self.store("INSERT INTO records_key SELECT * FROM kept")
        self.store("DROP TABLE kept")
        self.send(self.carol, self.ada)

    def test_custodians_see_whether_a_message_is_whole_and_whose(self):
        sent = self.send(self.carol, self.ada, text="For the record.\n")
        _, _, sealed = self.gateway.request("GET", f"/v1/messages/{sent['id']}",
                                            token=self.ada.token())
        path = self.file("kept.sealed", sealed)
        statement = self.file("carol.statement",
                              self.admin.json("keys", "show", self.carol.id)["statement"].encode())
        other = self.file("chris.statement",
                          self.admin.json("keys", "show", self.chris.id)["statement"].encode())
        opened = self.ada.run("records", "open", path, *self.shares(), "--statement", statement)
        self.assertIn("For the record.", opened.stdout)
        self.assertIn("signature is that of Carol Clinician", opened.stderr)
        self.assertIn("signed by key", self.ada.run("records", "open", path,
                                                    *self.shares()).stderr)
        out = self.folder / "opened.eml"
        facts = self.ada.json("records", "open", path, *self.shares(), "-o", out,
                              "--statement", statement)
        self.assertEqual((sent["id"], self.carol.id, True),
                         (facts["id"], facts["from"], facts["verified"]))
        self.assertIn(b"For the record.", out.read_bytes())
        lines = sealed.split(b"\n", 3)
        later = lines[1].replace(b'"category":"general"', b'"category":"result"')
        for name, content, options in (
                ("of another signer", sealed, ["--statement", other]),
                ("with another header", b"\n".join([lines[0], later, *lines[2:]]),
                 ["--statement", statement]),
                ("with a changed byte", sealed[:-1] + bytes([sealed[-1] ^ 1]), []),
                ("cut", sealed[:-20], []), ("with more", sealed + b"x", [])):
            with self.subTest(name):
                bad = self.file("bad.sealed", content)
                gone = self.folder / "never.eml"
                done = self.ada.run("records", "open", bad, *self.shares(), "-o", gone, *options,
                                    check=False)
                self.assertEqual(65, done.returncode, done.stderr)
                self.assertIn("postern: ", done.stderr)
                self.assertFalse(gone.exists())

    def test_custodians_open_any_size_at_constant_memory(self):
        def peak_kib(size):
            plain = self.file("plain.bin", os.urandom(MIB) * size)
            sealed, out = self.folder / "plain.age", self.folder / "plain.out"
            self.ada.run("seal", "-r", self.practice.records_key, "-o", sealed, plain)
            command = [self.gateway.program("postern"), "records", "open", sealed,
                       *self.shares(), "-o", out]
            child = subprocess.Popen([str(word) for word in command], env=self.ada.environment)
            _, status, used = os.wait4(child.pid, 0)
            child.returncode = os.waitstatus_to_exitcode(status)
            self.assertEqual(0, child.returncode)
            self.assertEqual(plain.read_bytes(), out.read_bytes())
            return used.ru_maxrss

        self.assertLess(peak_kib(64), peak_kib(1) + MEMORY_KIB)


class TermsTest(PracticeTest):
    """New terms without grace, and no window for replies."""
    extra = 'consent: { grace = "0d"; reply-after-lapse = "0d"; };\n'

    def test_new_terms_ask_for_consent_again(self):
        sent = self.send(self.carol, self.ada)
        terms, = {item["id"]: item for item in self.ada.json("consent", "terms")["items"]}.values()
        texts = []
        for language in ("en", "es"):
            path = self.file(f"terms.{language}", f"Invented terms in {language}, anew.\n".encode())
            texts += ["--text", f"{language}={path}"]
        self.admin.run("admin", "terms", "--id", terms["id"], "--version", terms["version"] + 1,
                       *texts)
        self.assertEqual("consent-outdated", self.admission(self.carol, sent["thread"]))
        self.refused("consent-outdated", self.carol, "send", "--thread", sent["thread"])
        self.refused("consent-outdated", self.ada, "reply", sent["id"])
        record = self.folder / "ada.consent"
        self.ines.run("consent", "record", self.ada.id, "--yes-discussed", "passphrase",
                      "--purpose", "messages", "--to-sign", record)
        self.ada.run("consent", "sign", record, "--yes")
        self.ines.run("consent", "post", record)
        self.assertEqual("admitted", self.admission(self.carol, sent["thread"]))
        self.ada.json("reply", sent["id"], text="Agreed.\n")
        newest = self.ada.json("consent", "show")["items"][0]["terms"]
        self.assertEqual(terms["version"] + 1, newest["version"])


if __name__ == "__main__":
    unittest.main()
