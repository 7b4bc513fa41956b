"""Stands where web would stand: takes the streams that the door hands over.

For tests of the door alone. It reads the hand-over's fixed message (see
server/handover/handover.c), answers requests by a function of the test's own,
and keeps what it was told.
"""
import contextlib
import os
import socket
import struct
import threading
from collections import namedtuple

LAYOUT = struct.Struct("<IHBBBBBBHHHHIIIq16s16s32s")
STREAM, REFUSED = 1, 2
TLS_REQUIRED, RATE_LIMITED = 1, 2

Message = namedtuple("Message", "magic version kind listener family aead resumed has_certificate "
                     "port tls cipher refusal count zero zero2 minute address alpn certificate")


def answer_once(stream):
    """Reads one request head after the other and answers each with its path."""
    pending = b""
    while True:
        while b"\r\n\r\n" not in pending:
            part = stream.recv(65536)
            if not part:
                return
            pending += part
        head, pending = pending.split(b"\r\n\r\n", 1)
        path = head.split(b" ")[1]
        stream.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n%s" % (len(path), path))


class StandIn:
    def __init__(self, path, serve=answer_once):
        self.serve = serve
        self.messages = []
        self.changed = threading.Condition()
        with contextlib.suppress(FileNotFoundError):
            os.unlink(path)
        self.listener = socket.socket(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self.listener.bind(str(path))
        os.chmod(path, 0o666)
        self.listener.listen(4)
        self.door = None
        threading.Thread(target=self.run, daemon=True).start()

    def run(self):
        with contextlib.suppress(OSError):
            while True:
                self.door, _ = self.listener.accept()
                self.receive()

    def receive(self):
        with contextlib.suppress(OSError):
            while True:
                raw, fds, _, _ = socket.recv_fds(self.door, 256, 4)
                if not raw:
                    return
                message = Message(*LAYOUT.unpack(raw))
                with self.changed:
                    self.messages.append(message)
                    self.changed.notify_all()
                for fd in fds:
                    threading.Thread(target=self.answer, args=(fd,), daemon=True).start()

    def answer(self, fd):
        stream = socket.socket(fileno=fd)
        stream.setblocking(True)
        with contextlib.suppress(OSError), stream:
            self.serve(stream)

    def wait_for(self, wanted, seconds=30):
        """The first message for which wanted is true, once there is one."""
        with self.changed:
            found = self.changed.wait_for(
                lambda: [m for m in self.messages if wanted(m)], seconds)
        assert found, f"not among {len(self.messages)} messages"
        return found[0]

    def close(self):
        """As a web that is killed: the listener and the door's connection go at once."""
        for each in (self.listener, self.door):
            if each is not None:
                with contextlib.suppress(OSError):
                    each.shutdown(socket.SHUT_RDWR)
                each.close()
