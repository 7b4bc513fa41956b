"""A way to PostgreSQL that breaks: a TCP proxy which cuts connections at chosen moments.

It reads the protocol as far as it must (PostgreSQL manual, 55.7: one letter,
four bytes of length), so the connection has to be in plain text, which the
engine allows on loopback alone.
"""
import collections
import contextlib
import itertools
import random
import re
import select
import socket
import threading

from e2e.harness import at_end

# Parse: the name that the client gives to its COMMIT.
PREPARED = re.compile(rb"P....([^\0]+)\0COMMIT\0", re.DOTALL)
# CommandComplete of it.
COMMITTED = b"C\x00\x00\x00\x0bCOMMIT\x00"
MODES = ("before", "lost", "after", "bytes")


class Cutter:
    """Listens on port; cuts a connection at each of its commits with this chance.

    before  the COMMIT is not passed on: the server rolls back
    lost    it is passed on and the connection ends at once: nobody knows
    after   the server has committed, and its answer is lost
    bytes   somewhere else, after some number of bytes from the server
    """

    def __init__(self, upstream, seed, chance=0.15):
        self.upstream, self.random, self.chance = upstream, random.Random(seed), chance
        self.modes = itertools.cycle(MODES)
        self.cuts = collections.Counter()
        self.cutting = False
        self.lock = threading.Lock()
        self.listener = socket.create_server(("127.0.0.1", 0), backlog=64)
        self.port = self.listener.getsockname()[1]
        threading.Thread(target=self.accept, daemon=True).start()
        at_end(self.close)

    def close(self):
        self.listener.close()

    def accept(self):
        with contextlib.suppress(OSError):
            while True:
                client, _ = self.listener.accept()
                threading.Thread(target=self.serve, args=(client,), daemon=True).start()

    def choose(self):
        """How the next commit goes, or None."""
        with self.lock:
            if self.cutting and self.random.random() < self.chance:
                return next(self.modes)
        return None

    def count(self, mode):
        with self.lock:
            self.cuts[mode] += 1

    def serve(self, client):
        try:
            server = socket.create_connection(("127.0.0.1", self.upstream))
        except OSError:
            client.close()
            return
        for side in (client, server):
            side.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        with contextlib.suppress(OSError), client, server:
            Pump(self, client, server).run()


class Pump:
    """One connection, both ways, until one end or the cutter ends it."""

    def __init__(self, cutter, client, server):
        self.cutter, self.client, self.server = cutter, client, server
        self.bind = None       # what a Bind of COMMIT has in it
        self.mode = None
        self.left = None       # bytes from the server until the cut

    def run(self):
        while True:
            for side in select.select([self.client, self.server], [], [])[0]:
                piece = side.recv(1 << 16)
                if not piece or not (self.up if side is self.client else self.down)(piece):
                    return

    def up(self, piece):
        named = PREPARED.search(piece)
        if named:
            self.bind = b"\0" + named[1] + b"\0"
        elif self.bind and self.bind in piece and self.mode is None:
            self.mode = self.cutter.choose()
        if self.mode == "before":
            self.cutter.count("before")
            return False
        self.server.sendall(piece)
        if self.mode == "lost":
            self.cutter.count("lost")
            return False
        if self.mode == "bytes" and self.left is None:
            self.left = self.cutter.random.randrange(1, 4000)
        return True

    def down(self, piece):
        if self.mode == "after" and COMMITTED in piece:
            self.cutter.count("after")
            return False
        if self.left is not None:
            if len(piece) >= self.left:
                self.client.sendall(piece[:self.left])
                self.cutter.count("bytes")
                return False
            self.left -= len(piece)
        self.client.sendall(piece)
        return True
