"""The ledger by a second implementation, of Python's own: RFC 6962, RFC 8032, C2SP notes.

Roots, proofs and covers of lib/merkle.c are held against RFC 6962's recursive definitions; and
`postern verify` reads receipts, with and without a witness, that nothing of Postern's made.
"""
import base64
import hashlib
import json
import os
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

POSTERN, PRINT_MERKLE = sys.argv[1:3]
USAGE, DATAERR, NOINPUT = 64, 65, 66


# ---- RFC 6962, section 2.1 --------------------------------------------------

def sha256(data):
    return hashlib.sha256(data).digest()


def leaf_hash(leaf):
    return sha256(b"\x00" + leaf)


def half(count):
    """The largest power of two smaller than count."""
    return 1 << (count - 1).bit_length() - 1


def tree_hash(hashes):
    if not hashes:
        return sha256(b"")
    if len(hashes) == 1:
        return hashes[0]
    k = half(len(hashes))
    return sha256(b"\x01" + tree_hash(hashes[:k]) + tree_hash(hashes[k:]))


def path(m, hashes):
    if len(hashes) == 1:
        return []
    k = half(len(hashes))
    if m < k:
        return path(m, hashes[:k]) + [tree_hash(hashes[k:])]
    return path(m - k, hashes[k:]) + [tree_hash(hashes[:k])]


def subproof(m, hashes, complete):
    n = len(hashes)
    if m == n:
        return [] if complete else [tree_hash(hashes)]
    k = half(n)
    if m <= k:
        return subproof(m, hashes[:k], complete) + [tree_hash(hashes[k:])]
    return subproof(m - k, hashes[k:], False) + [tree_hash(hashes[:k])]


def consistency(m, hashes):
    return subproof(m, hashes, True) if m else []


def cover(first, end, hashes):
    """Of all aligned subtrees within the range those that no larger one holds."""
    found = []
    for level in reversed(range(end.bit_length() + 1)):
        width = 1 << level
        for start in range(0, end, width):
            inside = first <= start and start + width <= end
            if inside and not any(s <= start and start + width <= s + w for s, w in found):
                found.append((start, width))
    return [tree_hash(hashes[s:s + w]) for s, w in sorted(found)]


class Tree(unittest.TestCase):
    def test_every_answer_is_the_definitions(self):
        hashes = [leaf_hash(b"leaf %d" % i) for i in range(1000)]
        count = {"root": 0, "inclusion": 0, "consistency": 0, "cover": 0}
        lines = subprocess.run([PRINT_MERKLE], check=True, capture_output=True, text=True).stdout
        for line in lines.splitlines():
            words = line.split()
            what = words[0]
            numbers = [int(word) for word in words[1:] if len(word) < 64]
            got = [bytes.fromhex(word) for word in words[1:] if len(word) == 64]
            if what == "root":
                want = [tree_hash(hashes[:numbers[0]])]
            elif what == "inclusion":
                want = path(numbers[0], hashes[:numbers[1]])
            elif what == "consistency":
                want = consistency(numbers[0], hashes[:numbers[1]])
            else:
                want = cover(numbers[0], numbers[1], hashes)
            self.assertEqual(got, want, (what, numbers))
            count[what] += 1
        self.assertEqual(count, {"root": 1001, "inclusion": 64 * 65 // 2,
                                 "consistency": 65 * 66 // 2, "cover": 25 * 26 // 2})


# ---- RFC 8032, section 5.1 (its sample code, shortened): for tests, never for keys of worth ----

P = 2 ** 255 - 19
Q = 2 ** 252 + 27742317777372353535851937790883648493
D = -121665 * pow(121666, P - 2, P) % P
ROOT_OF_MINUS_ONE = pow(2, (P - 1) // 4, P)


def add(a, b):
    x = (a[1] - a[0]) * (b[1] - b[0]) % P
    y = (a[1] + a[0]) * (b[1] + b[0]) % P
    z, t = 2 * a[3] * b[3] * D % P, 2 * a[2] * b[2] % P
    e, f, g, h = y - x, t - z, t + z, y + x
    return e * f % P, g * h % P, f * g % P, e * h % P


def times(scalar, point):
    total = (0, 1, 1, 0)
    while scalar:
        if scalar & 1:
            total = add(total, point)
        point = add(point, point)
        scalar >>= 1
    return total


def base_point():
    y = 4 * pow(5, P - 2, P) % P
    x2 = (y * y - 1) * pow(D * y * y + 1, P - 2, P)
    x = pow(x2, (P + 3) // 8, P)
    if (x * x - x2) % P:
        x = x * ROOT_OF_MINUS_ONE % P
    if x & 1:
        x = P - x
    return x, y, 1, x * y % P


BASE = base_point()


def compress(point):
    inverse = pow(point[2], P - 2, P)
    x, y = point[0] * inverse % P, point[1] * inverse % P
    return (y | (x & 1) << 255).to_bytes(32, "little")


def expand(seed):
    h = hashlib.sha512(seed).digest()
    a = int.from_bytes(h[:32], "little") & ((1 << 254) - 8) | 1 << 254
    return a, h[32:]


def public_key(seed):
    return compress(times(expand(seed)[0], BASE))


def sign(seed, message):
    def number(data):
        return int.from_bytes(hashlib.sha512(data).digest(), "little") % Q

    a, prefix = expand(seed)
    r = number(prefix + message)
    commitment = compress(times(r, BASE))
    s = (r + number(commitment + public_key(seed) + message) * a) % Q
    return commitment + s.to_bytes(32, "little")


# ---- c2sp.org: signed-note, tlog-checkpoint, tlog-cosignature, tlog-proof ----

def b64(data):
    return base64.b64encode(data).decode()


class Key:
    def __init__(self, name, kind, seed):
        self.name, self.seed = name, seed
        typed = bytes([kind]) + public_key(seed)
        self.id = sha256(name.encode() + b"\n" + typed)[:4]
        self.text = f"{name}+{self.id.hex()}+{b64(typed)}"

    def line(self, signature):
        return f"\u2014 {self.name} {b64(self.id + signature)}\n"

    def signs(self, text):
        return self.line(sign(self.seed, text.encode()))

    def cosigns(self, text, at):
        message = f"cosignature/v1\ntime {at}\n{text}".encode()
        return self.line(at.to_bytes(8, "big") + sign(self.seed, message))


LEDGER = Key("messages.clinic.example/ledger", 1, b"\x01" * 32)
WITNESS = Key("witness.example/w1", 4, b"\x02" * 32)
EVENT = (b'{"at":"2026-11-21T12:00:00.000Z","channel":"portal","code":"accepted",'
         b'"id":"0190a0b0-0000-7000-8000-0000000000aa","kind":"exchange",'
         b'"salt":"m9R9iSJYxO23TvSCT4_COw","v":1}')
INDEX, SIZE = 4, 7
# 2026-11-21T13:00:00Z
COSIGNED = 1795266000


def checkpoint():
    leaves = [b"leaf %d" % i for i in range(SIZE)]
    leaves[INDEX] = EVENT
    hashes = [leaf_hash(leaf) for leaf in leaves]
    text = f"{LEDGER.name}\n{SIZE}\n{b64(tree_hash(hashes))}\n"
    return text, [b64(node) for node in path(INDEX, hashes)]


def receipt(*signatures):
    text, nodes = checkpoint()
    return "\n".join(["c2sp.org/tlog-proof@v1", f"extra {b64(EVENT)}", f"index {INDEX}", *nodes,
                      "", text, ""]) + "".join(signatures)


class Receipts(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-receipts-")
        cls.folder = Path(cls.work.name)
        text, _ = checkpoint()
        cls.own, cls.cosigned = LEDGER.signs(text), WITNESS.cosigns(text, COSIGNED)

    @classmethod
    def tearDownClass(cls):
        cls.work.cleanup()

    def verify(self, content, *options, key=LEDGER.text):
        file = self.folder / "r.tlog-proof"
        file.write_bytes(content.encode() if isinstance(content, str) else content)
        return subprocess.run([POSTERN, "verify", file, "--key", key, *options],
                              capture_output=True, text=True, env={**os.environ, "LC_ALL": "C"})

    def refused(self, done, words):
        self.assertEqual((done.returncode, done.stdout), (DATAERR, ""), done.stderr)
        self.assertIn(words, done.stderr)

    def test_a_receipt_in_a_sentence(self):
        done = self.verify(receipt(self.own))
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertEqual(done.stdout, 'Genuine: the event "exchange" of 2026-11-21T12:00:00.000Z '
                         f"has index {INDEX} in the ledger {LEDGER.name} of {SIZE} events.\n")

    def test_a_witness_in_a_sentence(self):
        done = self.verify(receipt(self.own, self.cosigned), "--witness", WITNESS.text)
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        self.assertIn(f"of {SIZE} events, cosigned by {WITNESS.name} on "
                      "2026-11-21T13:00:00.000Z.\n", done.stdout)

    def test_json(self):
        done = self.verify(receipt(self.own, self.cosigned), "--witness", WITNESS.text, "--json")
        self.assertEqual((done.returncode, done.stderr), (0, ""))
        text, _ = checkpoint()
        self.assertEqual(json.loads(done.stdout), {
            "genuine": True, "origin": LEDGER.name, "index": INDEX, "size": SIZE,
            "root": text.splitlines()[2], "event": json.loads(EVENT),
            "witnesses": [{"name": WITNESS.name, "at": "2026-11-21T13:00:00.000Z"}]})

    def test_keys_in_files(self):
        for end in ("\n", ""):
            file = self.folder / "ledger.key.pub"
            file.write_text(LEDGER.text + end)
            self.assertEqual(self.verify(receipt(self.own), key=file).returncode, 0)
        file.write_text(LEDGER.text + "\n\n")
        self.refused(self.verify(receipt(self.own), key=file), "it is no verifier key")
        done = self.verify(receipt(self.own), key=self.folder / "absent")
        self.assertEqual(done.returncode, NOINPUT)
        self.assertIn("neither a verifier key nor a file", done.stderr)

    def test_keys_that_are_wrong(self):
        self.refused(self.verify(receipt(self.own), key=LEDGER.text.replace("clinic", "klinik")),
                     "its id is not its key's")
        done = self.verify(receipt(self.own), key=WITNESS.text)
        self.assertEqual(done.returncode, USAGE)
        self.assertIn("the key of a witness", done.stderr)
        done = self.verify(receipt(self.own), "--witness", LEDGER.text)
        self.assertEqual(done.returncode, USAGE)
        stranger = Key(LEDGER.name, 1, b"\x03" * 32)
        self.refused(self.verify(receipt(self.own), key=stranger.text), "by none of the keys")

    def test_lines_that_are_missing_or_too_many(self):
        both = receipt(self.own, self.cosigned)
        self.refused(self.verify(both), "by none of the keys")
        self.refused(self.verify(receipt(self.own), "--witness", WITNESS.text), "is missing")
        self.refused(self.verify(receipt(self.own, self.own)), "repeated or misplaced")
        self.refused(self.verify(receipt(self.cosigned, self.own), "--witness", WITNESS.text),
                     "repeated or misplaced")

    def test_changes(self):
        good = receipt(self.own)
        for old, new, words in ((f"index {INDEX}", "index 5", "do not lead to the root"),
                                (f"index {INDEX}", f"index 0{INDEX}", "line 3 "),
                                (f"index {INDEX}", f"index {SIZE}", "not below the size"),
                                (f"\n{SIZE}\n", "\n8\n", "does not verify"),
                                ("extra ey", "extra e", "line 2 "),
                                (b64(EVENT), b64(EVENT.replace(b"portal", b"social")),
                                 "do not lead to the root"),
                                ("\n\n\u2014", "\n\u2014", "no signed note"),
                                ("proof@v1", "proof@v2", "line 1 ")):
            self.assertIn(old, good)
            self.refused(self.verify(good.replace(old, new, 1)), words)
        self.refused(self.verify(""), "line 1 ")
        self.refused(self.verify(b"\x00" * 1000), "line 1 ")
        done = self.verify("x" * 200000)
        self.assertEqual(done.returncode, DATAERR)
        self.assertIn("80 KiB at most", done.stderr)

    def test_a_change_in_json(self):
        done = self.verify(receipt(self.own).replace(f"index {INDEX}", "index x"), "--json")
        self.assertEqual(done.returncode, DATAERR)
        said = json.loads(done.stdout)
        self.assertEqual((said["genuine"], said["line"]), (False, 3))

    def test_a_folder_is_not_checked(self):
        done = subprocess.run([POSTERN, "verify", self.folder, "--key", LEDGER.text],
                              capture_output=True, text=True)
        self.assertEqual((done.returncode, done.stdout), (USAGE, ""))
        self.assertIn("exports are not known", done.stderr)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1])
