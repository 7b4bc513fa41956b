"""Live streams over real TLS: who is told what, without a gap, and when it ends."""
import contextlib
import json
import os
import signal
import socket
import sqlite3
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway, wait_until  # noqa: E402

# What another gateway accepted is told within this; our own within much less.
TOLD_S = 30
# The supervisor kills a role after ten seconds: draining must not need that.
DRAINED_S = 5
UUID7 = "%08x-%04x-7000-8000-%012x"


class Listener:
    """GET /v1/stream, read by a thread of its own: frames as (event, id, data)."""

    def __init__(self, gateway, token, last=None):
        self.frames = []
        self.ended = False
        self.whole = False  # to the last chunk
        self.connection = gateway.connect(timeout=120)
        headers = {"Authorization": f"Bearer {token}"}
        if last:
            headers["Last-Event-ID"] = last
        self.connection.request("GET", "/v1/stream", headers=headers)
        self.socket = self.connection.sock
        self.answer = self.connection.getresponse()
        self.status = self.answer.status
        self.thread = threading.Thread(target=self.read, daemon=True)
        self.thread.start()

    def read(self):
        frame = {}
        with contextlib.suppress(OSError, ValueError):
            while line := self.answer.readline().decode():
                if line == "\n":
                    if "event" in frame:
                        self.frames.append((frame["event"], frame.get("id"),
                                            json.loads(frame["data"])))
                    frame = {}
                else:
                    name, _, value = line.rstrip("\n").partition(": ")
                    frame[name] = value
            self.whole = self.answer.isclosed()
        # As every client does, and the door waits for.
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.ended = True

    def of(self, event):
        return [data for name, _, data in list(self.frames) if name == event]

    def last(self):
        return [place for _, place, _ in list(self.frames) if place][-1]

    def ready(self):
        wait_until(lambda: self.of("ready"), "the stream to be ready", TOLD_S)
        return self

    def hears(self, event, **members):
        return wait_until(lambda: [data for data in self.of(event)
                                   if members.items() <= data.items()],
                          f"{event} {members} among {self.frames}", TOLD_S)

    def close(self):
        with contextlib.suppress(OSError):
            self.socket.shutdown(socket.SHUT_RDWR)
        self.thread.join()
        self.connection.close()


class Stream(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-stream-")
        os.chmod(cls.work.name, 0o755)
        cls.gateway = Gateway(Path(cls.work.name) / "practice")
        cls.practice = cast.small_practice(cls.gateway)
        cls.carol, cls.chris = cls.practice["carol"], cls.practice["chris"]
        cls.ada, cls.ben = cls.practice["ada"], cls.practice["ben"]

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    def listen(self, person, last=None):
        listener = Listener(self.gateway, person.token(), last)
        self.addCleanup(listener.close)
        self.assertEqual(200, listener.status)
        return listener.ready()

    def send(self, sender, patient):
        return sender.json("send", "--to", patient.id, "--team", self.practice.team, text="Hi.\n")

    def test_a_message_and_what_becomes_of_it_are_told_to_members_alone(self):
        ada, ben, chris = (self.listen(who) for who in (self.ada, self.ben, self.chris))
        sent = self.send(self.carol, self.ada)
        for listener in (ada, chris):
            told = listener.hears("message", id=sent["id"])[0]
            self.assertEqual({"thread", "id", "seq", "from", "category", "accepted", "size",
                              "attachments", "images"}, set(told))
            self.assertEqual((sent["thread"], sent["seq"], self.carol.id, sent["accepted"]),
                             (told["thread"], told["seq"], told["from"], told["accepted"]))
        self.ada.run("read", sent["id"])
        chris.hears("state", id=sent["id"], state="fetched")
        chris.hears("state", id=sent["id"], state="opened")
        self.carol.run("retract", sent["id"])
        ada.hears("state", id=sent["id"], state="retracted")
        other = self.send(self.carol, self.ben)
        ben.hears("message", id=other["id"])
        self.assertEqual([other["id"]], [data["id"] for data in ben.of("message")])
        self.assertNotIn(other["id"], [data["id"] for data in ada.of("message")])

    def test_coming_back_misses_nothing(self):
        listener = self.listen(self.ada)
        first = self.send(self.carol, self.ada)
        listener.hears("message", id=first["id"])
        last = listener.last()
        listener.close()
        missed = [self.send(self.carol, self.ada)["id"] for _ in range(3)]
        again = self.listen(self.ada, last)
        told = [data["id"] for data in again.of("message")]
        self.assertEqual(missed, [id for id in told if id in missed])
        self.assertEqual([], again.of("reset"))
        # The gateway may have been another one meanwhile.
        last = again.last()
        self.gateway.kill("web")
        wait_until(lambda: again.ended, "the stream to end with its process", TOLD_S)
        wait_until(self.gateway.serving, "web to be started again")
        more = self.send(self.carol, self.ada)
        third = self.listen(self.ada, last)
        third.hears("message", id=more["id"])

    def test_signing_out_ends_it(self):
        person = self.practice.register(self.practice["ines"], "sol", "Sol Signout")
        self.practice.visit(self.practice["ines"], person, self.carol)
        self.practice.consent(self.practice["ines"], person)
        self.practice.let_in(self.practice["ines"], person)
        token = person.token()
        listener = self.listen(person)
        person.run("logout")
        wait_until(lambda: listener.ended, "the stream to end", TOLD_S)
        status, _, problem = self.gateway.request("GET", "/v1/stream", token=token)
        self.assertEqual((401, "not-authenticated"), (status, problem["code"]))

    def test_somebody_disabled_is_told_nothing_more(self):
        admin = self.practice["admin"]
        dora = self.practice.hire("dora", "Dora Disabled", "clinician")
        self.carol.run("team", "members", self.practice.team, "--add", dora.id)
        listener = self.listen(dora)
        heard = self.send(self.carol, self.ada)
        listener.hears("message", id=heard["id"])
        self.carol.run("team", "members", self.practice.team, "--remove", dora.id)
        unheard = self.send(self.carol, self.ada)
        self.listen(self.chris, heard["event"]).hears("message", id=unheard["id"])
        admin.run("admin", "user", "disable", dora.id)
        wait_until(lambda: listener.ended, "the stream to end", TOLD_S)
        self.assertEqual([heard["id"]], [data["id"] for data in listener.of("message")])

    def events_again(self, message, count):
        """The record as if somebody had opened a message so many times more."""
        store = sqlite3.connect(self.gateway.data / "postern.db", timeout=30)
        with contextlib.closing(store), store:
            line, = store.execute("SELECT line FROM event WHERE line LIKE ? AND line LIKE ?",
                                  (f'%"{message}"%', '%"kind":"opened"%')).fetchone()
            for i in range(count):
                now = int(time.time() * 1000)
                place = UUID7 % (now >> 16, now & 0xffff, int.from_bytes(os.urandom(6), "big"))
                event = {**json.loads(line), "id": place}
                text = json.dumps(event, sort_keys=True, separators=(",", ":"))
                store.execute("INSERT INTO event (id, line) VALUES (?, ?)",
                              (bytes.fromhex(place.replace("-", "")), text))

    def slow_reader(self):
        """A stream that is opened and then not read, with as little room as the system allows."""
        raw = socket.socket()
        raw.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 2048)
        raw.connect(("127.0.0.1", self.gateway.port))
        slow = self.gateway.tls().wrap_socket(raw, server_hostname="localhost")
        self.addCleanup(slow.close)
        slow.sendall(f"GET /v1/stream HTTP/1.1\r\nHost: localhost\r\n"
                     f"Authorization: Bearer {self.ada.token()}\r\n\r\n".encode())
        content = b""
        while b"event: ready" not in content:
            content += slow.recv(4096)
        return slow

    def test_whoever_does_not_read_is_cut_off(self):
        # The last of all: for half a minute more than a queue holds is to be taken up again.
        sent = self.send(self.carol, self.ada)
        self.ada.run("read", sent["id"])
        slow = self.slow_reader()
        quick = self.listen(self.chris)
        heard = 0

        def cut():
            nonlocal heard
            self.events_again(sent["id"], 200)
            heard += 200
            wait_until(lambda: len(quick.of("state")) >= heard, "the quick one to keep up", TOLD_S)
            return "limit=stream" in self.gateway.log.read_text()

        wait_until(cut, "the slow one to be cut off", 120)
        self.assertEqual([], quick.of("reset"))
        self.assertFalse(quick.ended)
        slow.settimeout(TOLD_S)
        content = b""
        while piece := slow.recv(65536):
            content += piece
            if content.endswith(b"\r\n0\r\n\r\n"):
                break
        self.assertIn(b'event: reset\ndata: {"why":"too-slow"}\n\n', content)

    def test_draining_is_not_held_up(self):
        """Nor by streams that are never quiet, which the door alone would wait for."""
        sent = self.send(self.carol, self.ada)
        self.ada.run("read", sent["id"])
        listeners = [self.listen(self.ada) for _ in range(3)] + [self.listen(self.carol)]
        stop = threading.Event()

        def never_quiet():
            while not stop.wait(0.1):
                self.events_again(sent["id"], 1)

        writer = threading.Thread(target=never_quiet)
        writer.start()
        self.addCleanup(writer.join)
        self.addCleanup(stop.set)
        began = time.monotonic()
        try:
            self.assertEqual(0, self.gateway.stop(signal.SIGTERM))
            self.assertLess(time.monotonic() - began, DRAINED_S)
            for listener in listeners:
                wait_until(lambda at=listener: at.ended, "the streams to end", TOLD_S)
                self.assertTrue(listener.whole)
        finally:
            self.gateway.start()

    def follow(self, person, *options):
        command = [self.gateway.program("postern"), "--profile", person.profile, *options,
                   "threads", "--follow"]
        process = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE,
                                   text=True, env=person.environment, cwd=person.folder)
        self.addCleanup(process.communicate)
        self.addCleanup(process.terminate)
        return process

    def test_the_client_follows_over_a_gateway_that_is_started_again(self):
        process = self.follow(self.ben, "--json")
        lines = iter(process.stdout.readline, "")
        self.assertEqual("ready", json.loads(next(lines))["event"])
        first = self.send(self.carol, self.ben)
        told = json.loads(next(lines))
        self.assertEqual(("message", first["id"], first["thread"], first["seq"]),
                         (told["event"], told["id"], told["thread"], told["seq"]))
        self.gateway.kill("web")
        wait_until(self.gateway.serving, "web to be started again")
        second = self.send(self.carol, self.ben)
        told = [told]
        while second["id"] not in [event.get("id") for event in told]:
            told.append(json.loads(next(lines)))
        self.assertEqual([1, 1], [sum(event.get("id") == sent["id"] for event in told)
                                  for sent in (first, second)])
        self.assertNotIn("reset", [event["event"] for event in told])

    def test_the_client_says_when_its_session_is_over(self):
        person = self.practice.hire("fay", "Fay Followed", "clinician")
        process = self.follow(person)
        self.assertIn("Listening", process.stderr.readline())
        person.run("logout")
        self.assertEqual(77, process.wait(TOLD_S))
        self.assertIn("not-authenticated", process.stderr.read())
        done = person.run("threads", "--follow", "--state", "open", check=False)
        self.assertEqual(64, done.returncode)

    def test_curl_shows_it(self):
        curl = subprocess.Popen(
            ["curl", "-sN", "--cacert", self.gateway.ca, "-H",
             f"Authorization: Bearer {self.ada.token()}", f"{self.gateway.url}/v1/stream"],
            stdout=subprocess.PIPE)
        self.addCleanup(curl.stdout.close)
        self.addCleanup(curl.wait)
        self.addCleanup(curl.terminate)
        lines = iter(curl.stdout.readline, b"")
        self.assertIn(b"event: ready\n", lines)
        sent = self.send(self.carol, self.ada)
        self.assertIn(b"event: message\n", lines)
        self.assertTrue(next(lines).startswith(b"id: "))
        self.assertIn(sent["id"].encode(), next(lines))


if __name__ == "__main__":
    unittest.main()
