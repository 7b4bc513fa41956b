"""The record: every line by its schema; one event for each change, each refusal, each stranger."""
import base64
import collections
import contextlib
import hmac
import json
import os
import re
import sqlite3
import struct
import subprocess
import sys
import tempfile
import time
import unittest
from pathlib import Path

import jsonschema

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import TOP, Gateway, wait_until  # noqa: E402

NOWHERE = "01900000-0000-7000-8000-000000000000"
LOUS = "01900000-0000-7000-8000-000000000001"
SCHEMA = json.loads((TOP / "schema/event.schema.json").read_text())
LINE_MAX_BYTES = 4096
# A minute, the time its last counts may take, and what a busy machine adds.
MINUTE_OVER_S = 60 + 10 + 50
SEALED = "application/vnd.postern.sealed"


def canonical(value):
    """RFC 8785 for what events hold: integers, ASCII text and names."""
    return json.dumps(value, sort_keys=True, separators=(",", ":"), ensure_ascii=False)


def totp(secret):
    """RFC 6238, now: six digits by HMAC-SHA1 of the half minute."""
    step = struct.pack(">Q", int(time.time()) // 30)
    digest = hmac.digest(base64.b32decode(secret), step, "sha1")
    at = digest[-1] & 15
    return "%06d" % ((struct.unpack(">I", digest[at:at + 4])[0] & 0x7FFFFFFF) % 10 ** 6)


class EventsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-events-")
        os.chmod(cls.work.name, 0o755)
        cls.gateway = Gateway(Path(cls.work.name) / "practice")
        cls.practice = cast.small_practice(cls.gateway)
        for profile in ("admin", "ines", "carol", "chris", "ada", "ben"):
            setattr(cls, profile, cls.practice[profile])
        cls.seen = {line["id"] for line in cls.events()}

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    @classmethod
    def query(cls, sql):
        store = sqlite3.connect(f"file:{cls.gateway.data}/postern.db?mode=ro", uri=True)
        with contextlib.closing(store):
            return store.execute(sql).fetchall()

    @classmethod
    def events(cls):
        return [json.loads(line) for line, in cls.query("SELECT line FROM event ORDER BY id")]

    def fresh(self):
        """Events since the last look, without those of strangers, which come by the minute."""
        found = [event for event in self.events()
                 if event["id"] not in self.seen and event["kind"] != "stranger"]
        self.seen.update(event["id"] for event in found)
        return found

    def changes(self, expected, call, *args, **options):
        """The call brings exactly these events, each kind so often; answers what it printed."""
        self.fresh()
        done = call(*args, **options)
        found = collections.Counter(event["kind"] for event in self.fresh())
        self.assertEqual(collections.Counter(expected), found, args)
        return done

    # ---- each change ------------------------------------------------------

    def test_signing_in_and_out_and_ones_own_keys(self):
        ben = self.ben
        self.changes(["session"], ben.run, "logout")
        self.changes(["session"], ben.run, "login")
        ben.environment["POSTERN_NEW_PASSPHRASE_FILE"] = str(ben.passphrase_file)
        # The passphrase is asked for again first, once for five minutes: that is recorded too.
        self.changes(["session", "session"], ben.run, "passwd")
        self.changes(["session"], ben.run, "keys", "recovery-code", "--recovery-code-file",
                     ben.folder / "ben.recovery")
        self.changes(["statement"], ben.run, "keys", "rotate")
        self.changes(["session"], ben.run, "login")
        other = cast.Person(self.gateway, "ben-telephone", "Ben Sample", "patient")
        other.environment["POSTERN_PASSPHRASE_FILE"] = str(ben.passphrase_file)
        other.run("login", "--login", "ben")
        mine = next(item["id"] for item in other.json("devices")["items"] if item["current"])
        self.changes(["session"], ben.run, "devices", "end", mine)

    def test_patients_from_registration_to_the_end(self):
        ines, carol = self.ines, self.carol
        eve = self.changes(["role"], self.practice.register, ines, "eve", "Eve Invented")
        twin = self.practice.register(ines, "twin", "Eve Invented")
        self.changes(["config"], ines.run, "patient", "change", eve.id, "--language", "es")
        self.changes(["visit"], self.practice.visit, ines, eve, carol)
        self.changes(["role", "invitation"], ines.run, "patient", "represent", eve.id,
                     "--name", "Rita Proxy", "--authority", "parent")
        asked = self.changes(["restriction"], ines.json, "patient", "restrict", eve.id,
                             "--kind", "no-messages")["id"]
        self.changes(["restriction"], ines.run, "patient", "restrict", eve.id, "--end", asked)
        given = self.changes(["consent"], self.practice.consent, ines, eve)
        self.assertEqual("given", given["state"])
        self.changes(["consent"], ines.run, "consent", "withdraw", eve.id, "--method", "telephone")
        link = self.changes(["invitation"], ines.json, "patient", "invite", eve.id)["link"]
        found = self.changes(["statement", "session"], eve.enrol, link)
        self.assertEqual(found.id, eve.id)
        # Both records say that they were joined.
        self.changes(["role", "role"], ines.run, "patient", "merge", twin.id, "--into", eve.id)
        self.changes(["role"], ines.run, "patient", "end", eve.id, "--reason", "moved")

    def test_staff_teams_terms_and_the_records_key(self):
        admin, carol = self.admin, self.carol
        added = self.changes(["role", "invitation"], admin.json, "admin", "user", "add",
                             "--name", "Dora Doctor", "--role", "clinician")
        dora = cast.Person(self.gateway, "dora", "Dora Doctor", "clinician")
        self.changes(["statement", "session"], dora.enrol, added["link"])
        self.changes(["role"], self.practice.check_credential, dora, cast.NPIS[2])
        self.changes(["role"], admin.run, "admin", "role", dora.id, "--break-glass")
        stranger = self.practice.register(self.ines, "gus", "Gus Guestson")
        self.practice.visit(self.ines, stranger, dora, cast.today(-3000))
        self.changes(["break-glass"], dora.run, "patient", "break-glass", stranger.id,
                     "--reason", "an invented emergency", "--minutes", 10)
        made = self.changes(["roster"], dora.json, "team", "add", "--name", "Night team")["id"]
        self.changes(["roster"], dora.run, "team", "members", made, "--add", carol.id)
        self.changes(["roster"], dora.run, "team", "rotate", made)
        self.changes(["role"], admin.run, "admin", "user", "disable", dora.id)
        self.changes(["role"], admin.run, "admin", "user", "enable", dora.id)
        text = Path(self.work.name) / "terms.txt"
        text.write_text("Invented terms of another kind.\n")
        self.changes(["terms"], admin.run, "admin", "terms", "--id", "leaflet", "--version", 1,
                     "--effective", cast.today(300), "--text", f"en={text}")

    def test_messages_from_sending_to_retraction(self):
        ada, carol, team = self.ada, self.carol, self.practice.team
        # The room for a conversation is no exchange yet: asking for it is not recorded.
        sent = self.changes(["exchange"], carol.json, "send", "--to", ada.id, "--team", team,
                            text="Hello.\n")
        self.changes(["fetched", "opened"], ada.run, "read", sent["id"])
        for sender in (carol, self.chris):
            done = self.changes([], sender.run, "read", sent["id"])
            self.assertEqual("", done.stderr)
        self.changes(["exchange"], ada.run, "reply", sent["id"], text="More.\n")
        self.changes(["retraction"], carol.run, "retract", sent["id"])
        self.changes([], carol.run, "draft", "save", "--thread", sent["thread"], text="Soon.\n")
        self.changes([], carol.run, "draft", "drop", "--thread", sent["thread"])
        self.changes(["exchange"], carol.run, "redirect", "--channel", "sms", "--patient", ada.id)

    def test_an_exchange_tells_all_that_the_export_needs(self):
        self.fresh()
        sent = self.carol.json("send", "--to", self.ada.id, "--team", self.practice.team,
                               text="Hello.\n")
        event, = self.fresh()
        self.assertEqual(sent["event"], event["id"])
        self.assertEqual(("accepted", "portal", "out", self.carol.id, sent["thread"], sent["id"]),
                         tuple(event[name] for name in ("code", "channel", "direction", "from",
                                                        "thread", "message")))
        self.assertEqual([{"id": self.ada.id, "role": "patient"}], event["to"])
        self.assertEqual((self.ada.id, 1, "clinician", 0),
                         (event["patient"], event["consent"]["version"], event["basis"],
                          event["images"]))

    def test_a_flaw_that_a_reader_finds_is_reported(self):
        thread = self.carol.json("send", "--to", self.ada.id, "--team", self.practice.team,
                                 text="Hello.\n")["thread"]
        forger = cast.Forger(self.practice, self.carol, thread)
        status, _, accepted = forger.post(forger.make("stanza"))
        self.assertEqual(201, status)
        # Whoever's stanza it is: one of them cannot open it, and the others see why. The server
        # notes that it was fetched by those whom it was written to.
        for reader, kinds in ((self.ada, ["fetched", "report"]), (self.chris, ["report"]),
                              (self.carol, ["report"])):
            done = self.changes(kinds, reader.run, "read", accepted["id"], check=False)
            self.assertEqual(65, done.returncode)
            self.assertIn("not genuine", done.stderr)

    def test_another_second_factor_comes_and_goes(self):
        self.chris.run("login")
        secret = base64.b32encode(os.urandom(20)).decode()
        made = self.changes(["session"], self.gateway.request, "POST", "/v1/me/factors",
                            {"kind": "totp", "secret": secret, "code": totp(secret)},
                            token=self.chris.token())
        self.assertEqual(201, made[0], made[2])
        path = f"/v1/me/factors/{made[2]['id']}"
        gone = self.changes(["session"], self.gateway.request, "DELETE", path,
                            token=self.chris.token())
        self.assertEqual(204, gone[0])

    # ---- each refusal -----------------------------------------------------

    def routes(self):
        printed = subprocess.run([self.gateway.build / "tests/unit/print_routes"], check=True,
                                 capture_output=True, text=True).stdout
        return [json.loads(line) for line in printed.splitlines()]

    def call(self, route, token=None):
        path = re.sub(r"\{[a-z]+\}", NOWHERE, route["path"])
        body = {} if route["json"] else b"" if route["method"] in ("POST", "PUT") else None
        return self.gateway.request(route["method"], path, body, token=token)

    def refused_once(self, person, answer, code):
        status, _, problem = answer
        event, = self.fresh()
        self.assertEqual((code, problem["event"], person.id),
                         (problem["code"], event["id"], event["actor"]), status)
        self.assertEqual(("exchange", code), (event["kind"], event["code"]))

    def test_a_role_that_may_not_use_a_route_is_recorded_once(self):
        people = (self.ada, self.ines, self.carol, self.admin)
        walked = 0
        for route in self.routes():
            other = next((person for person in people if person.role not in route["roles"]), None)
            if "public" in route["roles"] or other is None:
                continue
            with self.subTest(route=route["method"] + " " + route["path"], role=other.role):
                self.fresh()
                answer = self.call(route, other.token())
                self.assertEqual(403, answer[0])
                self.refused_once(other, answer, "not-permitted")
                walked += 1
        self.assertGreater(walked, 30)

    def test_what_is_not_there_for_a_person_is_recorded_once(self):
        for method, path, person, body in (
                ("DELETE", f"/v1/sessions/{NOWHERE}", self.ada, None),
                ("GET", f"/v1/patients/{NOWHERE}", self.ines, None),
                ("POST", f"/v1/patients/{NOWHERE}/visits", self.ines,
                 {"clinician": self.carol.id, "date": cast.today(), "kind": "in-person"}),
                ("POST", f"/v1/patients/{NOWHERE}/end", self.ines, {"reason": "other"}),
                ("POST", f"/v1/patients/{NOWHERE}/restrictions", self.ines,
                 {"kind": "no-messages"}),
                ("GET", f"/v1/patients/{self.ben.id}", self.ada, None),
                ("POST", "/v1/threads", self.ada,
                 {"id": NOWHERE, "patient": self.ben.id, "team": self.practice.team}),
                ("GET", f"/v1/threads/{NOWHERE}", self.carol, None),
                ("PATCH", f"/v1/threads/{NOWHERE}", self.carol, {"state": "closed"}),
                ("DELETE", f"/v1/threads/{NOWHERE}/draft", self.carol, None),
                ("GET", f"/v1/messages/{NOWHERE}", self.ada, None),
                ("POST", f"/v1/messages/{NOWHERE}/receipts", self.ada, {"problem": "stanza"}),
                ("PATCH", f"/v1/staff/{NOWHERE}", self.admin, {"state": "disabled"}),
        ):
            with self.subTest(route=f"{method} {path}"):
                self.fresh()
                answer = self.gateway.request(method, path, body, token=person.token())
                self.assertEqual(404, answer[0], answer[2])
                self.refused_once(person, answer, "not-permitted")

    def test_a_refused_message_is_recorded_once(self):
        thread = self.ada.json("send", "--to", self.ada.id, "--team", self.practice.team,
                               text="Hello.\n")["thread"]
        forger = cast.Forger(self.practice, self.ada, thread)
        good = forger.make()
        status, _, first = forger.post(good)
        self.assertEqual(201, status)
        for what, content, kind, code in (
                ("words", b"Dear doctor", "text/plain", "not-sealed"),
                ("words dressed up", b"Dear doctor", SEALED, "not-sealed"),
                ("a changed byte", good[:-1] + bytes([good[-1] ^ 1]), SEALED, "not-sealed"),
                ("the same id", forger.make("none", "--id", first["id"]), SEALED, "replayed"),
                ("a key too few", forger.make("fewer-keys"), SEALED, "wrong-recipients")):
            with self.subTest(what=what):
                self.fresh()
                answer = forger.post(content, kind)
                self.refused_once(self.ada, answer, code)

    def test_keys_are_refused_on_record_and_asking_beforehand_is_none(self):
        lou = self.practice.register(self.ines, "lou", "Lou Noconsent")
        self.practice.visit(self.ines, lou, self.carol)
        status, _, thread = self.gateway.request(
            "POST", "/v1/threads", {"id": LOUS, "patient": lou.id, "team": self.practice.team},
            token=self.carol.token())
        self.assertEqual(201, status, thread)
        self.changes([], self.gateway.request, "GET", f"/v1/threads/{LOUS}/admission",
                     token=self.carol.token())
        answer = self.gateway.request("GET", f"/v1/threads/{LOUS}/keys",
                                      token=self.carol.token())
        self.refused_once(self.carol, answer, "consent-missing")

    # ---- strangers, and the whole record ----------------------------------

    def test_strangers_are_counted_and_told_when_the_minute_is_over(self):
        routes = [route for route in self.routes() if "public" not in route["roles"]]
        for route in routes:
            status, _, problem = self.call(route)
            self.assertEqual((401, "not-authenticated"), (status, problem["code"]), route)
            self.assertNotIn("event", problem)
        status, _, problem = self.gateway.request("POST", "/v1/session",
                                                  {"login": "ada", "auth": "A" * 43})
        self.assertEqual((401, "not-authenticated"), (status, problem["code"]))
        self.assertNotIn("event", problem)
        done = subprocess.run(["curl", "-s", "-o", "/dev/null", "-w", "%{http_code}",
                               f"http://localhost:{self.gateway.port}/"], capture_output=True,
                              text=True)
        self.assertEqual("426", done.stdout)

        def told(code):
            return [event for event in self.events()
                    if event["kind"] == "stranger" and event["code"] == code]

        wait_until(lambda: sum(event["count"] for event in told("not-authenticated")) >
                   len(routes) and told("tls-required"), "events of strangers", MINUTE_OVER_S)
        events = told("not-authenticated") + told("tls-required")
        keys = [(event["code"], event["address"], event["minute"]) for event in events]
        self.assertEqual(len(set(keys)), len(keys))
        self.assertLess(len(events), len(routes))
        for event in events:
            self.assertLess(event["minute"], event["at"])

    def test_zz_every_line_is_as_the_schema_says(self):
        jsonschema.Draft202012Validator.check_schema(SCHEMA)
        schema = jsonschema.Draft202012Validator(SCHEMA)
        lines = [line for line, in self.query("SELECT line FROM event")]
        events = [json.loads(line) for line in lines]
        for line, event in zip(lines, events):
            schema.validate(event)
            self.assertEqual(canonical(event), line)
            self.assertLessEqual(len(line.encode()), LINE_MAX_BYTES)
            self.assertNotIn("\n", line)
        for member in ("id", "salt"):
            self.assertEqual(len(events), len({event[member] for event in events}))
        kinds = {event["kind"] for event in events}
        self.assertLessEqual({"exchange", "consent", "statement", "roster", "session", "role",
                              "records", "invitation", "visit", "stranger"}, kinds)


class SchemaTest(unittest.TestCase):
    """The schema by itself, so that it can be trusted to say no."""

    LINE = {"v": 1, "id": NOWHERE, "at": "2026-01-02T03:04:05.678Z",
            "salt": "AAAAAAAAAAAAAAAAAAAAAA", "kind": "session"}

    def setUp(self):
        self.schema = jsonschema.Draft202012Validator(SCHEMA)

    def test_what_says_more_is_refused(self):
        self.assertTrue(self.schema.is_valid(self.LINE))
        for more in ({"note": "words"}, {"name": "Ada Example"}, {"v": 2}, {"kind": "words"},
                     {"code": "words"}, {"actor": "ada@mail.example"}, {"at": "yesterday"},
                     {"salt": "words of whatever kind"}, {"size": -1}, {"count": "7"},
                     {"to": [{"id": NOWHERE, "role": "team", "name": "words"}]},
                     {"consent": {"id": NOWHERE, "version": 1, "signer": "words"}},
                     {"kind": "exchange"}, {"kind": "stranger"}):
            self.assertFalse(self.schema.is_valid({**self.LINE, **more}), more)

    def test_every_text_is_an_id_a_hash_a_time_or_a_word_of_a_list(self):
        def texts(node):
            for part in node.values() if isinstance(node, dict) else node:
                if isinstance(part, (dict, list)):
                    yield from texts(part)
            if isinstance(node, dict) and node.get("type") == "string":
                yield node

        found = list(texts(SCHEMA))
        self.assertTrue(found)
        for node in found:
            self.assertRegex(node["pattern"], r"^\^.*\$$")

    def test_words_are_those_of_the_library(self):
        codes = re.findall(r'^X\([A-Z_]+, "([a-z-]+)"',
                           (TOP / "include/postern/refusal.def").read_text(), re.M)
        self.assertEqual(["accepted"] + codes, SCHEMA["properties"]["code"]["enum"])
        for member, source in (("kind", "event.c"), ("basis", "event.c"), ("channel", "names.c"),
                               ("direction", "names.c"), ("category", "names.c")):
            table = re.search(member + r"_names\[[A-Z_]+\] = \{(.*?)\};",
                              (TOP / "lib" / source).read_text(), re.S)[1]
            self.assertEqual(re.findall(r'"([a-z-]+)"', table),
                             SCHEMA["properties"][member]["enum"])


if __name__ == "__main__":
    unittest.main()
