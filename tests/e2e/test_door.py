"""The door alone: TLS, limits, hand-over and how connections end."""
import contextlib
import hashlib
import json
import os
import select
import signal
import socket
import ssl
import subprocess
import sys
import tempfile
import threading
import time
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import standin  # noqa: E402  (after the path is set)
from e2e.harness import FIRST_UID, Gateway, wait_until  # noqa: E402  (after the path is set)


class Door(Gateway):
    """posternd run --role door, with a stand-in where web would be."""

    def __init__(self, folder, serve=standin.answer_once, **settings):
        super().__init__(folder, **settings)
        self.serve = serve
        self.web = None

    def start(self):
        self.lay_out()
        runs = self.folder / "run"
        runs.mkdir(exist_ok=True)
        self.web = standin.StandIn(runs / "web.sock", self.serve)
        self.run("--role", "door")
        wait_until(lambda: "event=started" in self.said(), "the door to serve")

    def make_certificates(self):
        super().make_certificates()
        if os.geteuid() == 0:  # without a supervisor the door reads them itself, also later
            for name in ("server.crt", "server.key"):
                os.chown(self.folder / "certs" / name, FIRST_UID, FIRST_UID)

    def said(self):
        assert self.process.poll() is None, self.log.read_text()
        return self.log.read_text()

    def stop(self, sign=signal.SIGTERM):
        status = super().stop(sign)
        if self.web is not None:
            self.web.close()
        return status

    def plain_socket(self):
        return socket.create_connection(("127.0.0.1", self.port), timeout=30)

    def tls_socket(self, context=None):
        return (context or self.tls()).wrap_socket(self.plain_socket(),
                                                   server_hostname="localhost")


def read_all(stream):
    parts = []
    while part := stream.recv(65536):
        parts.append(part)
    return b"".join(parts)


class DoorTest(unittest.TestCase):
    def door(self, **settings):
        folder = tempfile.TemporaryDirectory(prefix="postern-door-")
        self.addCleanup(folder.cleanup)
        door = Door(folder.name, **settings)
        self.addCleanup(door.stop)
        door.start()
        return door


class TlsTest(DoorTest):
    def test_hands_over_the_stream_with_its_facts(self):
        door = self.door()
        with door.tls_socket() as client:
            local = client.getsockname()
            client.sendall(b"GET /hello HTTP/1.1\r\n\r\n")
            self.assertTrue(client.recv(4096).endswith(b"/hello"))
            self.assertEqual(client.version(), "TLSv1.3")
            cipher = client.cipher()[0]
        facts = door.web.wait_for(lambda m: m.kind == standin.STREAM)
        self.assertEqual((facts.family, facts.address[:4], facts.port),
                         (4, socket.inet_aton("127.0.0.1"), local[1]))
        self.assertEqual((facts.tls, facts.aead, facts.has_certificate), (0x0304, 1, 0))
        self.assertIn(facts.cipher, (0x1301, 0x1302, 0x1303), cipher)

    def test_speaks_no_tls_1_2_unless_told(self):
        old = ssl.create_default_context()
        old.maximum_version = ssl.TLSVersion.TLSv1_2
        for https, spoken in (("", False), ('minimum-tls = "1.2";', True)):
            door = self.door(https=https)
            old.load_verify_locations(door.ca)
            if spoken:
                with door.tls_socket(old) as client:
                    self.assertEqual(client.version(), "TLSv1.2")
                    self.assertRegex(client.cipher()[0], "GCM|CHACHA20")
            else:
                with self.assertRaises(ssl.SSLError):
                    door.tls_socket(old)

    def test_agrees_on_http_1_1_alone(self):
        door = self.door()
        context = door.tls()
        context.set_alpn_protocols(["h2", "http/1.1"])
        with door.tls_socket(context) as client:
            self.assertEqual(client.selected_alpn_protocol(), "http/1.1")
        context.set_alpn_protocols(["h2"])
        with self.assertRaises(ssl.SSLError):
            door.tls_socket(context)

    def test_resumes_sessions_again_and_again(self):
        door = self.door()
        context, session = door.tls(), None
        for reused in (False, True, True):
            raw = door.plain_socket()
            with context.wrap_socket(raw, server_hostname="localhost", session=session) as client:
                client.sendall(b"GET / HTTP/1.1\r\n\r\n")
                client.recv(4096)
                self.assertEqual(client.session_reused, reused)
                session = client.session

    def test_asks_for_client_certificates_and_hands_on_which(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-door-")
        self.addCleanup(folder.cleanup)
        certs = Path(folder.name) / "certs"
        door = Door(folder.name, https=f'client-ca = "{certs}/ca.crt";')
        self.addCleanup(door.stop)
        door.start()
        context = door.tls()
        with door.tls_socket(context) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.recv(4096)
        context.load_cert_chain(certs / "client.crt", certs / "client.key")
        with door.tls_socket(context) as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.recv(4096)
        facts = door.web.wait_for(lambda m: m.has_certificate)
        der = ssl.PEM_cert_to_DER_cert((certs / "client.crt").read_text())
        self.assertEqual(facts.certificate, hashlib.sha256(der).digest())
        self.assertEqual([m.has_certificate for m in door.web.messages], [0, 1])


class PlainTest(DoorTest):
    def test_answers_plain_http_426_once_and_reports_it(self):
        door = self.door()
        with door.plain_socket() as client:
            client.sendall(b"POST /v1/session HTTP/1.1\r\nContent-Length: 9\r\n\r\n{\"a\":\"b\"}")
            head, _, body = read_all(client).partition(b"\r\n\r\n")
        self.assertTrue(head.startswith(b"HTTP/1.1 426 "), head)
        self.assertEqual(json.loads(body)["code"], "tls-required")
        refused = door.web.wait_for(lambda m: m.kind == standin.REFUSED)
        self.assertEqual((refused.refusal, refused.count), (standin.TLS_REQUIRED, 1))
        self.assertEqual(refused.address[:4], socket.inet_aton("127.0.0.1"))

    def test_says_nothing_to_what_is_neither(self):
        door = self.door()
        with door.plain_socket() as client:
            client.sendall(b"\x00\x01\x02\x03")
            with contextlib.suppress(ConnectionError):
                self.assertEqual(read_all(client), b"")
        door.web.wait_for(lambda m: m.refusal == standin.TLS_REQUIRED)


class LimitTest(DoorTest):
    def test_cuts_a_handshake_that_does_not_come(self):
        door = self.door(https='handshake-time = "1s";')
        for first in (b"", b"\x16", b"\x16\x03\x01\x02\x00\x01", b"GE"):
            begun = time.monotonic()
            with door.plain_socket() as client:
                client.sendall(first)
                with contextlib.suppress(ConnectionError):
                    self.assertEqual(client.recv(1), b"")
            self.assertLess(time.monotonic() - begun, 10)

    def test_cuts_a_handshake_that_comes_byte_by_byte(self):
        door = self.door(https='handshake-time = "1s";')
        hello, out = ssl.MemoryBIO(), ssl.MemoryBIO()
        client = door.tls().wrap_bio(hello, out, server_hostname="localhost")
        with self.assertRaises(ssl.SSLWantReadError):
            client.do_handshake()
        sent, flight = 0, out.read()
        with door.plain_socket() as raw, self.assertRaises(ConnectionError):
            for byte in flight:
                raw.sendall(bytes([byte]))
                sent += 1
                time.sleep(0.05)
        self.assertLess(sent, len(flight))

    def test_takes_so_many_of_one_address_and_reports_the_rest(self):
        door = self.door(https="connections-per-address = 3;")
        held = [door.tls_socket() for _ in range(3)]
        with self.assertRaises((ssl.SSLError, ConnectionError)):
            door.tls_socket()
        held.pop().close()

        def fits():
            with contextlib.suppress(ssl.SSLError, ConnectionError):
                return door.tls_socket()
        held.append(wait_until(fits, "room for another"))
        refused = door.web.wait_for(lambda m: m.kind == standin.REFUSED)
        self.assertEqual(refused.refusal, standin.RATE_LIMITED)
        for each in held:
            each.close()


class PumpTest(DoorTest):
    def test_moves_megabytes_both_ways_at_once(self):
        def echo(stream):
            while part := stream.recv(65536):
                stream.sendall(part)

        door = self.door(serve=echo)
        block = bytes(range(256)) * 257
        size = 24 << 20
        sent, got = hashlib.sha256(), hashlib.sha256()
        to_send = to_get = size
        with door.tls_socket() as client:
            client.setblocking(False)
            while to_get > 0:
                if to_send > 0:
                    with contextlib.suppress(ssl.SSLWantWriteError, ssl.SSLWantReadError):
                        part = block[:min(to_send, len(block))]
                        done = client.send(part)
                        sent.update(part[:done])
                        to_send -= done
                with contextlib.suppress(ssl.SSLWantReadError):
                    part = client.recv(1 << 20)
                    self.assertNotEqual(part, b"")
                    got.update(part)
                    to_get -= len(part)
                if to_get > 0 and not client.pending():
                    select.select([client], [client] if to_send else [], [], 30)
        self.assertEqual(sent.digest(), got.digest())

    def test_a_slow_reader_slows_its_writer_and_nobody_else(self):
        written = []

        def flood(stream):
            stream.recv(100)
            stream.settimeout(1)
            with contextlib.suppress(OSError):
                while len(written) < 4096:
                    stream.sendall(b"x" * 65536)
                    written.append(65536)

        door = self.door(serve=flood)
        with door.tls_socket() as client:
            client.sendall(b"go")
            wait_until(lambda: len(written) > 0, "the writer to begin")
            time.sleep(2)
            self.assertLess(sum(written), 64 << 20)

    def test_an_early_answer_reaches_a_client_that_still_sends(self):
        def refuse(stream):
            stream.recv(1000)
            stream.sendall(b"HTTP/1.1 413 Content Too Large\r\nContent-Length: 0\r\n\r\n")

        door = self.door(serve=refuse)
        for _ in range(5):
            with door.tls_socket() as client:
                for _ in range(64):
                    client.sendall(b"y" * 65536)
                self.assertTrue(client.recv(4096).startswith(b"HTTP/1.1 413 "))
                self.assertEqual(client.recv(1), b"", "close_notify, then the end")

    def test_the_end_of_a_request_is_passed_on_and_its_answer_still_comes(self):
        def count(stream):
            stream.sendall(b"%d bytes" % len(read_all(stream)))

        door = self.door(serve=count)
        with door.tls_socket() as client:
            client.sendall(b"z" * 1000000)
            with socket.socket(fileno=os.dup(client.fileno())) as same:
                same.shutdown(socket.SHUT_WR)  # Python's TLS itself cannot half-close
            self.assertEqual(client.recv(4096), b"1000000 bytes")


class LifeTest(DoorTest):
    def test_drains_what_is_in_flight_and_stops(self):
        asked, go = threading.Event(), threading.Event()

        def slow(stream):
            stream.recv(1000)
            asked.set()
            go.wait(30)
            stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone")

        door = self.door(serve=slow)
        idle = door.tls_socket()
        with door.tls_socket() as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            self.assertTrue(asked.wait(30))
            door.process.terminate()
            self.assertEqual(idle.recv(1), b"", "an idle one is closed, with close_notify")
            wait_until(lambda: self.refuses(door), "the listener to close")
            go.set()
            self.assertTrue(client.recv(4096).endswith(b"done"))
        idle.close()
        self.assertEqual(door.process.wait(30), 0)

    @staticmethod
    def refuses(door):
        try:
            door.plain_socket().close()
        except OSError:
            return True
        return "event=stopping" in door.log.read_text()

    def test_takes_a_new_certificate_without_dropping_a_connection(self):
        door = self.door()
        with door.tls_socket() as kept:
            before = kept.getpeercert(binary_form=True)
            kept.sendall(b"GET /one HTTP/1.1\r\n\r\n")
            self.assertTrue(kept.recv(4096).endswith(b"/one"))
            door.make_certificates()
            door.process.send_signal(signal.SIGHUP)

            def renewed():
                with door.tls_socket() as client:
                    return client.getpeercert(binary_form=True) != before
            wait_until(renewed, "the new certificate")
            kept.sendall(b"GET /two HTTP/1.1\r\n\r\n")
            self.assertTrue(kept.recv(4096).endswith(b"/two"))

    def test_keeps_the_old_certificate_when_the_new_one_is_wrong(self):
        door = self.door()
        (door.folder / "certs" / "server.crt").write_text("not a certificate\n")
        door.process.send_signal(signal.SIGHUP)
        wait_until(lambda: "event=reload-failed" in door.said(), "the refusal of the new one")
        with door.tls_socket() as client:
            client.sendall(b"GET /still HTTP/1.1\r\n\r\n")
            self.assertTrue(client.recv(4096).endswith(b"/still"))

    def test_waits_for_a_web_that_comes_back(self):
        door = self.door()
        with door.tls_socket() as client:
            client.sendall(b"GET / HTTP/1.1\r\n\r\n")
            client.recv(4096)
        door.web.close()
        with door.tls_socket() as client:
            client.sendall(b"GET /later HTTP/1.1\r\n\r\n")
            door.web = standin.StandIn(door.folder / "run" / "web.sock")
            self.assertTrue(client.recv(4096).endswith(b"/later"))

    def test_does_not_start_with_another_ones_key(self):
        door = Door(tempfile.mkdtemp(prefix="postern-door-"))
        self.addCleanup(subprocess.run, ["rm", "-rf", door.folder])
        door.lay_out()
        certs = door.folder / "certs"
        (certs / "server.key").write_bytes((certs / "client.key").read_bytes())
        door.run("--role", "door")
        self.assertEqual(door.process.wait(30), 78)
        self.assertIn("event=config-failed", door.log.read_text())


if __name__ == "__main__":
    unittest.main()
