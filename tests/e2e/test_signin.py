"""Signing in over real TLS: factors, cookies, throttling, and what an answer must not tell."""
import base64
import hashlib
import hmac
import json
import struct
import sys
import tempfile
import time
import unittest
from ctypes import CDLL, c_char_p, c_int, c_size_t, c_uint64, c_ulonglong, create_string_buffer
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from e2e.cast import Practice  # noqa: E402
from e2e.harness import Gateway  # noqa: E402

SODIUM = CDLL("libsodium.so.23")
ARGON2ID13 = 2
TOTP_STEP_S = 30


def decode(text):
    return base64.urlsafe_b64decode(text + "=" * (-len(text) % 4))


def encode(data):
    return base64.urlsafe_b64encode(data).rstrip(b"=").decode()


def auth_of(passphrase, params):
    """auth = KDF(Argon2id(passphrase), 1, "pstrauth"), as every client computes it."""
    master = create_string_buffer(32)
    phrase = passphrase.encode()
    status = SODIUM.crypto_pwhash(master, c_ulonglong(32), c_char_p(phrase),
                                  c_ulonglong(len(phrase)), c_char_p(decode(params["salt"])),
                                  c_ulonglong(params["passes"]),
                                  c_size_t(params["memory"] * 1024), c_int(ARGON2ID13))
    assert status == 0
    auth = create_string_buffer(32)
    SODIUM.crypto_kdf_derive_from_key(auth, c_size_t(32), c_uint64(1), c_char_p(b"pstrauth"),
                                      master)
    return encode(auth.raw)


def totp(secret, step):
    """RFC 6238: SHA-1, six digits."""
    key = base64.b32decode(secret + "=" * (-len(secret) % 8))
    digest = hmac.new(key, struct.pack(">Q", step), hashlib.sha1).digest()
    at = digest[-1] & 15
    return f"{(struct.unpack('>I', digest[at:at + 4])[0] & 0x7fffffff) % 1000000:06d}"


class SignIn(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.folder = tempfile.TemporaryDirectory(prefix="postern-signin-")
        Path(cls.folder.name).chmod(0o755)
        cls.gateway = Gateway(Path(cls.folder.name) / "practice", extra="""
limits: { sign-in-attempts = 6; sign-in-attempts-per-address = 200; };
""")
        cls.practice = Practice(cls.gateway)
        cls.admin = cls.practice.open()
        cls.ines = cls.practice.hire("ines", "Ines Intakeworth", "intake")
        cls.secret = cls.admin.totp_file.read_text().strip()
        cls.steps = {}

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.folder.cleanup()

    def params(self, login):
        status, _, params = self.gateway.request("POST", "/v1/session/params", {"login": login})
        self.assertEqual(status, 200)
        return params

    def auth(self, person):
        return auth_of(person.passphrase_file.read_text().rstrip("\n"), self.params(person.profile))

    def code(self, person):
        """A code that was not used before: each is good once, the next step's counts already."""
        secret = person.totp_file.read_text().strip()
        step = max(int(time.time()) // TOTP_STEP_S, self.steps.get(person.profile, 0) + 1)
        while step > int(time.time()) // TOTP_STEP_S + 1:
            time.sleep(0.2)
        self.steps[person.profile] = step
        return totp(secret, step)

    def sign_in(self, person, **more):
        """Codes that `postern` used meanwhile are refused: then the next one."""
        auth = self.auth(person)
        for _ in range(4):
            body = {"login": person.profile, "auth": auth, "totp": self.code(person), **more}
            answer = self.gateway.request("POST", "/v1/session", body)
            if answer[0] == 201:
                return answer
        self.fail(f"{answer[0]} {answer[2]}")

    def test_unknown_login_has_parameters_too(self):
        known, unknown = self.params("admin"), self.params("nobody@clinic.example")
        self.assertEqual(known.keys(), unknown.keys())
        self.assertEqual((known["memory"], known["passes"]), (unknown["memory"], unknown["passes"]))
        self.assertEqual(len(decode(unknown["salt"])), 16)
        again = self.params("nobody@clinic.example")
        self.assertEqual(unknown["salt"], again["salt"])
        self.assertNotEqual(unknown["challenge"], again["challenge"])
        self.assertNotEqual(unknown["salt"], self.params("somebody@clinic.example")["salt"])

    def test_wrong_and_unknown_are_told_alike(self):
        wrong = {"auth": encode(b"\1" * 32), "totp": "123456"}
        answers = [self.gateway.request("POST", "/v1/session", {"login": login, **wrong})
                   for login in ("ines", "nobody-at-all")]
        self.assertEqual([answer[0] for answer in answers], [401, 401])
        self.assertEqual(answers[0][2], answers[1][2])
        self.assertNotIn("need", answers[0][2])
        self.assertNotIn("event", answers[0][2])

    def test_right_passphrase_without_factor_says_what_is_needed(self):
        status, _, problem = self.gateway.request(
            "POST", "/v1/session", {"login": "ines", "auth": self.auth(self.ines)})
        self.assertEqual((status, problem["code"], problem["need"]),
                         (401, "not-authenticated", ["totp"]))

    def test_a_code_is_good_once(self):
        auth, code = self.auth(self.admin), None
        for _ in range(4):
            code = self.code(self.admin)
            body = {"login": "admin", "auth": auth, "totp": code}
            if self.gateway.request("POST", "/v1/session", body)[0] == 201:
                break
        else:
            self.fail("no code was taken")
        self.assertEqual(self.gateway.request("POST", "/v1/session", body)[0], 401)

    def test_sessions_are_listed_and_ended(self):
        token = self.sign_in(self.admin)[2]["token"]
        status, _, session = self.gateway.request("GET", "/v1/session", token=token)
        self.assertEqual((status, session["roles"]), (200, ["administrator"]))
        self.assertIn("stepup", session)
        items = self.gateway.request("GET", "/v1/sessions", token=token)[2]["items"]
        self.assertEqual([item["id"] for item in items if item["current"]], [session["id"]])
        self.assertEqual(self.gateway.request("DELETE", "/v1/session", token=token)[0], 204)
        self.assertEqual(self.gateway.request("GET", "/v1/session", token=token)[0], 401)

    def test_a_cookie_alone_changes_nothing_from_elsewhere(self):
        status, headers, answer = self.sign_in(self.ines, cookie=True)
        self.assertEqual(status, 201)
        self.assertNotIn("token", answer)
        cookie = headers["Set-Cookie"]
        for word in ("__Host-postern=", "Secure", "HttpOnly", "SameSite=Strict", "Path=/"):
            self.assertIn(word, cookie)
        own = {"Cookie": cookie.split(";")[0]}
        self.assertEqual(self.gateway.request("GET", "/v1/me", headers=own)[0], 200)
        for foreign in ({}, {"Sec-Fetch-Site": "cross-site"}, {"Origin": "https://evil.example"}):
            status, _, problem = self.gateway.request("DELETE", "/v1/session",
                                                      headers={**own, **foreign})
            self.assertEqual((status, problem["code"]), (403, "not-permitted"))
        same = {**own, "Sec-Fetch-Site": "same-origin"}
        status, headers, _ = self.gateway.request("DELETE", "/v1/session", headers=same)
        self.assertEqual(status, 204)
        self.assertIn("Max-Age=0", headers["Set-Cookie"])
        self.assertEqual(self.gateway.request("GET", "/v1/me", headers=own)[0], 401)

    def test_many_failures_wait_and_say_how_long(self):
        wrong = {"login": "target", "auth": encode(b"\2" * 32)}
        for _ in range(6):
            self.assertEqual(self.gateway.request("POST", "/v1/session", wrong)[0], 401)
        status, headers, problem = self.gateway.request("POST", "/v1/session", wrong)
        self.assertEqual((status, problem["code"]), (429, "rate-limited"))
        self.assertGreaterEqual(int(headers["Retry-After"]), 1)
        # Others are not kept waiting by it.
        self.assertEqual(self.gateway.request(
            "POST", "/v1/session", {**wrong, "login": "another"})[0], 401)

    def test_the_disabled_are_out_at_once_and_told_nothing(self):
        leaver = self.practice.hire("leaver", "Lee Placeholder", "compliance")
        token = leaver.token()
        self.assertEqual(self.gateway.request("GET", "/v1/me", token=token)[0], 200)
        auth = self.auth(leaver)
        self.admin.run("admin", "user", "disable", leaver.id)
        self.assertEqual(self.gateway.request("GET", "/v1/me", token=token)[0], 401)
        status, _, problem = self.gateway.request(
            "POST", "/v1/session", {"login": "leaver", "auth": auth})
        self.assertEqual((status, problem["code"]), (401, "not-authenticated"))
        self.assertNotIn("need", problem)

    def get(self, path, token):
        return self.gateway.request("GET", path, token=token)

    def statements(self, person):
        """The person's own statements, oldest first, as others get them."""
        records = self.get(f"/v1/people/{person.id}/key-statements", self.ines.token())[2]
        bodies = [(json.loads(record.split("\n")[1]), record) for record in records["statements"]
                  if record.startswith("postern.statement/")]
        return sorted(((body["serial"], record) for body, record in bodies
                       if body["person"] == person.id))

    def test_a_recovery_code_signs_in_once(self):
        rory = self.practice.hire("rory", "Rory Placeholder", "compliance")
        code = rory.folder / "rory.recovery"
        old = code.read_bytes()
        passphrase = rory.token()
        rory.run("login", "--recovery", "--recovery-code-file", code)
        self.assertNotEqual(rory.token(), passphrase)
        self.assertEqual(self.get("/v1/me", rory.token())[0], 200)
        again = rory.run("login", "--recovery", "--recovery-code-file", code, check=False)
        self.assertEqual(again.returncode, 77, again.stderr)
        rory.run("login")
        rory.run("keys", "recovery-code", "--recovery-code-file", code)
        self.assertNotEqual(code.read_bytes(), old)
        fresh = code.read_bytes()
        code.write_bytes(old)
        self.assertEqual(rory.run("login", "--recovery", "--recovery-code-file", code,
                                  check=False).returncode, 77)
        code.write_bytes(fresh)
        rory.run("login", "--recovery", "--recovery-code-file", code)

    def test_new_keys_follow_the_old_ones_and_end_other_sessions(self):
        rosa = self.practice.hire("rosa", "Rosa Placeholder", "compliance")
        elsewhere = rosa.token()
        rosa.run("login")
        self.assertEqual(self.get("/v1/me", elsewhere)[0], 200)
        [(serial, first)] = self.statements(rosa)
        self.assertEqual(serial, 1)
        rosa.run("keys", "rotate")
        (_, kept), (serial, second) = self.statements(rosa)
        self.assertEqual((kept, serial), (first, 2))
        self.assertEqual(self.get("/v1/me", elsewhere)[0], 401)
        self.assertEqual(self.get("/v1/me", rosa.token())[0], 200)
        path = f"/v1/people/{rosa.id}/key-statements"

        def post(record, person, at=path):
            return self.gateway.request("POST", at, {"statement": record}, token=person.token())[0]
        self.assertEqual(post(second, rosa), 409)  # it is the newest already
        self.assertEqual(post(first, rosa), 400)  # an invitation's, which enrolment alone takes
        self.assertEqual(post(second, self.ines), 404)
        self.assertEqual(post(second, rosa, f"/v1/people/{self.ines.id}/key-statements"), 404)
        forged = second.replace('"serial":2', '"serial":3')
        self.assertIn(post(forged, rosa), (400, 422))
        self.assertEqual(self.statements(rosa), [(1, first), (2, second)])

    def test_who_lost_everything_is_invited_again(self):
        rene = self.practice.hire("rene", "Rene Placeholder", "compliance")
        lost = rene.token()
        auth = self.auth(rene)
        [(_, first)] = self.statements(rene)
        link = self.admin.json("admin", "user", "invite", rene.id)["link"]
        self.assertEqual(self.get("/v1/me", lost)[0], 200)  # until the new device is there
        anew = self.practice.add("anew", "Rene Placeholder", "compliance")
        anew.passphrase_file.write_text("quite another invented passphrase of rene\n")
        anew.run("enrol", link, "--login", "rene",
                 "--recovery-code-file", anew.folder / "anew.recovery")
        self.assertEqual(anew.json("whoami")["id"], rene.id)
        self.assertEqual(self.get("/v1/me", lost)[0], 401)
        body = {"login": "rene", "auth": auth, "totp": self.code(rene)}
        self.assertEqual(self.gateway.request("POST", "/v1/session", body)[0], 401)
        (_, kept), (serial, second) = self.statements(rene)
        self.assertEqual((kept, serial), (first, 2))
        self.assertIn('"invitation":', second)
        thief = self.practice.add("thief", "Rene Placeholder", "compliance")
        self.assertNotEqual(thief.run("enrol", link, "--login", "thief", "--recovery-code-file",
                                      thief.folder / "thief.recovery", check=False).returncode, 0)
        self.assertEqual(self.get("/v1/me", anew.token())[0], 200)

    def test_bodies_are_read_strictly(self):
        cases = [
            (b"{", "application/json", 400),
            (b"[]", "application/json", 400),
            (b'{"login":"a","login":"b"}', "application/json", 400),
            (b'{"login":"a","more":1}', "application/json", 400),
            (b'{"login":1}', "application/json", 400),
            (b'{"login":"a"}', "text/plain", 400),
            (b'{"login":"a"}', "application/json; charset=utf-8", 200),
            (b'{"login":"' + b"a" * 1100000 + b'"}', "application/json", 413),
        ]
        for body, kind, want in cases:
            status = self.gateway.request("POST", "/v1/session/params", body,
                                          {"Content-Type": kind})[0]
            self.assertEqual(status, want, body[:40])

    def test_answers_are_not_kept_by_anybody(self):
        status, headers, _ = self.gateway.request("GET", "/healthz")
        self.assertEqual(status, 200)
        self.assertEqual(headers["Cache-Control"], "no-store")
        self.assertEqual(headers["X-Content-Type-Options"], "nosniff")
        self.assertIn("max-age=", headers["Strict-Transport-Security"])
        self.assertTrue(headers["Date"].endswith("GMT"))

    def test_methods_and_paths(self):
        status, headers, problem = self.gateway.request("PATCH", "/healthz")
        self.assertEqual((status, problem["code"], headers["Allow"]), (405, "method", "GET, HEAD"))
        self.assertEqual(self.gateway.request("GET", "/v1/nowhere")[2]["code"], "not-found")
        status, headers, body = self.gateway.request("HEAD", "/healthz")
        self.assertEqual((status, headers["Content-Length"], body), (200, "3", b""))
        status, _, problem = self.gateway.request("GET", "/healthz?verbose=1")
        self.assertEqual((status, problem["code"]), (400, "bad-request"))

    def test_nothing_of_it_is_logged(self):
        self.sign_in(self.ines)
        log = self.gateway.log.read_text()
        for word in ("ines", "Ines", "nobody", self.secret, "127.0.0.1"):
            self.assertNotIn(word, log)


if __name__ == "__main__":
    unittest.main(verbosity=2)
