"""Nothing readable: a phrase sent in subject, body and attachment name is found nowhere.

Looked for in the data folder, in the logs and in the whole memory of every
role, as it stands and as base 64; and the patient's name in everything at rest.
"""
import base64
import os
import re
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway  # noqa: E402

MARKER = "Zanzibar-Quillwort-4711"
# Larger mappings are a sanitizer's shadow, which holds no data of ours.
MAPPING_MAX = 1 << 30


def spellings(text):
    """The text itself and its base 64 at each of the three alignments, without the edges."""
    found = {text.encode(), text.encode("utf-16-le")}
    for shift in range(3):
        coded = base64.b64encode(b"\0" * shift + text.encode())
        found.add(coded[4:-4] if shift else coded[:-4])
    return found


def holds(content, text):
    return any(spelling in content for spelling in spellings(text))


def memory(pid):
    with open(f"/proc/{pid}/maps", encoding="ascii") as maps, open(f"/proc/{pid}/mem", "rb") as mem:
        for line in maps:
            start, end, rights = re.match(r"(\w+)-(\w+) (\S+)", line).groups()
            start, end = int(start, 16), int(end, 16)
            if "r" not in rights or end - start > MAPPING_MAX or "[v" in line:
                continue
            try:
                mem.seek(start)
                yield mem.read(end - start)
            except (OSError, ValueError, OverflowError):
                continue  # guard pages and the like


class MarkerTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-marker-")
        os.chmod(cls.work.name, 0o755)
        cls.gateway = Gateway(Path(cls.work.name) / "practice")
        cls.practice = cast.small_practice(cls.gateway)
        named = Path(cls.work.name) / f"{MARKER}.txt"
        named.write_text(f"{MARKER} in an attachment\n")
        cls.carol, cls.ada = cls.practice["carol"], cls.practice["ada"]
        cls.sent = cls.carol.json("send", "--to", cls.ada.id, "--team", cls.practice.team,
                                  "--subject", f"About {MARKER}", "--attach", named,
                                  text=f"The body says {MARKER} too.\n")
        cls.read = cls.ada.run("read", cls.sent["id"])

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    def at_rest(self):
        for path in [*self.gateway.data.rglob("*"), self.gateway.log]:
            if path.is_file():
                yield path, path.read_bytes()

    def test_the_reader_sees_it(self):
        self.assertIn(MARKER, self.read.stdout)

    def test_the_search_would_find_it(self):
        for shift in range(3):
            self.assertTrue(holds(base64.b64encode(b"x" * shift + MARKER.encode() + b"yyy"), MARKER))

    def test_not_at_rest(self):
        looked = 0
        for path, content in self.at_rest():
            looked += 1
            self.assertFalse(holds(content, MARKER), path)
        self.assertGreater(looked, 3)

    def test_nobody_named_at_rest(self):
        for path, content in self.at_rest():
            for text in ("Ada Example", "ada@mail.example", "1980-02-29"):
                self.assertFalse(holds(content, text), f"{text} in {path}")

    def test_not_in_memory(self):
        roles = self.gateway.roles()
        self.assertIn("web", roles)
        for role, pid in roles.items():
            looked = 0
            for content in memory(pid):
                looked += len(content)
                self.assertFalse(holds(content, MARKER), role)
            self.assertGreater(looked, 1 << 20, role)


if __name__ == "__main__":
    unittest.main(verbosity=2)
