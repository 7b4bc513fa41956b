"""Two gateways over one PostgreSQL are one practice: sessions, limits, consent, streams."""
import base64
import collections
import itertools
import sys
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.practice_pg import TwoGatewaysTest  # noqa: E402
from e2e.test_stream import Listener  # noqa: E402

ATTEMPTS = 6
MESSAGES = 20
# Connections on which one gateway writes messages at once (postgresql/engine.c).
WRITERS = 3
SEALED = "application/vnd.postern.sealed"


def post_at(gateway, forger, content, token):
    return gateway.request("POST", f"/v1/threads/{forger.thread}/messages", content,
                           {"Content-Type": SEALED}, token)


class TwoGateways(TwoGatewaysTest):
    extra = (f"limits: {{ sign-in-attempts = {ATTEMPTS}; sign-in-attempts-per-address = 200; "
             f"messages-per-minute = {MESSAGES}; }};\n")

    def both(self):
        return itertools.cycle((self.one, self.two))

    def status(self, gateway, token):
        return gateway.request("GET", "/v1/me", token=token)[0]

    def test_a_session_is_good_at_both_and_over_at_both(self):
        token = self.chris.token()
        self.assertEqual([self.status(at, token) for at in (self.one, self.two)], [200, 200])
        self.chris.at(self.two).run("logout")
        self.assertEqual([self.status(at, token) for at in (self.one, self.two)], [401, 401])
        self.chris.at(self.two).run("login", "--login", "chris")
        token = self.chris.token()
        self.assertEqual([self.status(at, token) for at in (self.one, self.two)], [200, 200])

    def test_what_is_written_at_one_is_read_at_the_other(self):
        sent = self.carol.json("send", "--to", self.ada.id, "--team", self.practice.team,
                               "--subject", "Your results", text="All fine.\n")
        came = self.ada.at(self.two).run("read", sent["id"])
        self.assertIn("All fine.", came.stdout)
        answer = self.ada.at(self.two).json("reply", sent["id"], text="Thank you.\n")
        self.assertIn("Thank you.", self.carol.run("read", answer["id"]).stdout)
        names = {patient["name"] for patient in
                 self.ines.at(self.two).json("patient", "list")["items"]}
        self.assertLessEqual({"Ada Example", "Ben Sample"}, names)

    def test_failed_sign_ins_count_at_both_together(self):
        wrong = {"login": "target", "auth": base64.urlsafe_b64encode(b"\2" * 32).decode()
                 .rstrip("=")}
        gateways = self.both()
        statuses = [next(gateways).request("POST", "/v1/session", wrong)[0]
                    for _ in range(ATTEMPTS + 4)]
        self.assertEqual(statuses, [401] * ATTEMPTS + [429] * 4)

    def test_failed_sign_ins_at_the_same_moment_count_too(self):
        wrong = {"login": "another", "auth": base64.urlsafe_b64encode(b"\3" * 32).decode()
                 .rstrip("=")}
        gateways = [at for at, _ in zip(self.both(), range(32))]
        with ThreadPoolExecutor(16) as pool:
            statuses = list(pool.map(
                lambda at: at.request("POST", "/v1/session", wrong)[0], gateways))
        self.assertEqual(collections.Counter(statuses), {401: ATTEMPTS, 429: 32 - ATTEMPTS})

    def busy(self, profile, number):
        """A clinician of their own team, with two patients to write to, and forgers for both."""
        writer = self.practice.hire(profile, f"{profile.title()} Clinician", "clinician")
        self.practice.check_credential(writer, number)
        team = writer.json("team", "add", "--name", f"Team of {profile}",
                           "--member", self.chris.id)["id"]
        forgers = []
        for patient in (self.ada, self.ben):
            self.practice.visit(self.ines, patient, writer)
            sent = writer.json("send", "--to", patient.id, "--team", team, text="The first.\n")
            forger = cast.Forger(self.practice, writer, sent["thread"])
            forger.material["to"] = sorted(
                key["owner"] for key in forger.material["keys"]["keys"]
                if key["kind"] != "records" and key["owner"] != team)
            forgers.append(forger)
        return writer, forgers

    def post_all(self, posts, token):
        """All at once, within one minute's window; how often each status was answered."""
        begun = time.monotonic()
        with ThreadPoolExecutor(16) as pool:
            answers = list(pool.map(lambda post: post_at(*post, token), posts))
        self.assertLess(time.monotonic() - begun, 45)
        self.assertLessEqual({answer["code"] for status, _, answer in answers if status != 201},
                             {"rate-limited"})
        return collections.Counter(status for status, _, _ in answers)

    def test_messages_a_minute_count_at_both_together(self):
        writer, (forger, _) = self.busy("carl", cast.NPIS[2])
        contents = cast.unbundle(forger.bundle(60, 1024))
        posts = [(at, forger, content) for at, content in zip(self.both(), contents)]
        # The two that opened the conversations count as well.
        self.assertEqual(self.post_all(posts, writer.token()),
                         {201: MESSAGES - 2, 429: 60 - MESSAGES + 2})

    def test_messages_a_minute_count_over_several_conversations(self):
        """Those that commit at the same moment may not count each other: docs/decisions/0005."""
        writer, forgers = self.busy("cora", cast.NPIS[2])
        posts = [[(at, forger, content) for at, content in
                  zip(self.both(), cast.unbundle(forger.bundle(40, 1024)))] for forger in forgers]
        posts = [each for pair in zip(*posts) for each in pair]
        accepted = self.post_all(posts, writer.token())[201]
        self.assertGreaterEqual(accepted, MESSAGES - 2)
        self.assertLessEqual(accepted, MESSAGES - 2 + 2 * WRITERS)

    def test_consent_withdrawn_at_one_is_refused_at_the_other_from_then_on(self):
        will = self.practice.register(self.ines, "will", "Will Sample")
        self.practice.visit(self.ines, will, self.carol)
        self.practice.consent(self.ines, will, ["messages"])
        self.practice.let_in(self.ines, will)
        forger = self.forger(self.carol, will)
        contents = list(cast.unbundle(forger.bundle(12, 1024)))
        token = self.carol.token()
        withdrawn = threading.Event()
        answers = []

        def post_on():
            for content in contents:
                after = withdrawn.is_set()
                answers.append((after, post_at(self.one, forger, content, token)))
                if not after and len(answers) >= 4:
                    withdrawn.wait(0.5)
        poster = threading.Thread(target=post_on)
        poster.start()
        will.at(self.two).run("consent", "withdraw")
        withdrawn.set()
        poster.join()
        late = [answer for after, answer in answers if after]
        self.assertTrue(late)
        self.assertEqual({(status, answer.get("code")) for status, _, answer in late},
                         {(403, "consent-withdrawn")})
        # Nothing of what was refused is there; what was accepted is, and was so before.
        accepted = [answer for _, (status, _, answer) in answers if status == 201]
        listed = self.carol.json("thread", forger.thread)["items"]
        self.assertEqual(len(listed), 1 + len(accepted))

    def test_a_message_at_one_reaches_a_stream_at_the_other(self):
        listener = Listener(self.two, self.ben.token())
        self.addCleanup(listener.close)
        self.assertEqual(listener.status, 200)
        listener.ready()
        for sender in (self.carol, self.carol.at(self.two)):
            sent = sender.json("send", "--to", self.ben.id, "--team", self.practice.team,
                               text="Hi.\n")
            listener.hears("message", id=sent["id"])
        self.carol.run("retract", sent["id"])
        listener.hears("state", id=sent["id"], state="retracted")

    def test_both_find_their_store_in_order(self):
        for at in (self.one, self.two):
            done = at.posternd("check", "-c", at.config, check=False)
            self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
            self.assertIn("ok   store", done.stdout)

    def test_connections_to_the_database_are_encrypted_and_of_the_roles_logins(self):
        self.assertEqual(self.status(self.two, self.carol.token()), 200)
        rows = self.cluster.sql(
            "SELECT DISTINCT a.usename, s.ssl, s.version FROM pg_stat_activity a "
            "JOIN pg_stat_ssl s ON s.pid = a.pid WHERE a.usename LIKE 'postern%'")
        self.assertIn(["postern_web", "t", "TLSv1.3"], rows)
        self.assertEqual({(ssl, version) for _, ssl, version in rows}, {("t", "TLSv1.3")})
        self.assertNotIn("postern", {login for login, _, _ in rows}, "the owner's is for tools")


if __name__ == "__main__":
    unittest.main(verbosity=2)
