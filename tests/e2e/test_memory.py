"""A message of 25 MiB costs web and door no 25 MiB: memory stays flat both ways."""
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from e2e.cast import Forger, small_practice, unbundle  # noqa: E402  (after the path is set)
from e2e.harness import Gateway  # noqa: E402

MIB = 1024 * 1024
# Both roles together, from before to the highest point: parts of 256 KiB, TLS and socket buffers,
# and the pages SQLite keeps.
GROWTH_MAX_BYTES = 4 * MIB
# The first time also SQLite's caches fill, which are bounded and stay: 16 MiB for the writer, 4 for
# each reading connection (server/store/sqlite/connection.c).
FIRST_MAX_BYTES = GROWTH_MAX_BYTES + 16 * MIB
# AddressSanitizer keeps what was freed for a while, and shadows all of it.
SANITIZED_MAX_BYTES = 512 * MIB


def kib(pid, file, name):
    for line in Path(f"/proc/{pid}/{file}").read_text().splitlines():
        if line.startswith(name + ":"):
            return int(line.split()[1]) * 1024
    raise KeyError(name)


class MemoryTest(unittest.TestCase):
    def setUp(self):
        folder = tempfile.TemporaryDirectory(prefix="postern-memory-")
        self.addCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        self.gateway = Gateway(Path(folder.name) / "practice")
        self.addCleanup(self.gateway.stop)
        self.practice = small_practice(self.gateway)
        self.carol, self.ada = self.practice["carol"], self.practice["ada"]
        sent = self.carol.json("send", "--to", self.ada.id, "--team", self.practice.team,
                               text="Small.\n")
        self.forger = Forger(self.practice, self.carol, sent["thread"])

    def pids(self):
        roles = self.gateway.roles()
        return roles["web"], roles["door"]

    def post(self, content):
        status, _, answer = self.forger.post(content)
        self.assertEqual(status, 201, answer)
        return answer["id"]

    def fetch(self, message, content):
        """Read as it comes: what this program holds is not measured, what the gateway holds is."""
        connection = self.gateway.connect()
        connection.request("GET", f"/v1/messages/{message}",
                           headers={"Authorization": f"Bearer {self.ada.token()}"})
        answer, at = connection.getresponse(), 0
        self.assertEqual(answer.status, 200)
        while piece := answer.read(65536):
            self.assertEqual(piece, content[at:at + len(piece)])
            at += len(piece)
        connection.close()
        self.assertEqual(at, len(content))

    def growth(self, act):
        """Highest resident size of both during the act, above what they had before."""
        pids = self.pids()
        before = [kib(pid, "status", "VmRSS") for pid in pids]
        pss = sum(kib(pid, "smaps_rollup", "Pss") for pid in pids)
        for pid in pids:
            Path(f"/proc/{pid}/clear_refs").write_text("5")  # proc(5): resets VmHWM
        act()
        self.assertEqual(pids, self.pids())
        peak = [kib(pid, "status", "VmHWM") for pid in pids]
        after = sum(kib(pid, "smaps_rollup", "Pss") for pid in pids)
        return sum(peak) - sum(before), after - pss

    def test_25_mib_go_up_and_down_at_flat_memory(self):
        content = list(unbundle(self.forger.bundle(3, 25 * MIB)))
        try:
            Path(f"/proc/{self.pids()[0]}/clear_refs").write_text("5")
        except PermissionError:
            self.skipTest("another process's memory can be measured as root alone")
        sanitized = "asan" in Path(f"/proc/{self.pids()[0]}/maps").read_text()
        posted = []

        def up():
            posted.append(self.post(content[len(posted)]))

        def down():
            self.fetch(posted[-1], content[len(posted) - 1])
        for what, act, bar in (("up, the first", up, FIRST_MAX_BYTES),
                               ("down, the first", down, FIRST_MAX_BYTES),
                               ("up", up, GROWTH_MAX_BYTES), ("down", down, GROWTH_MAX_BYTES),
                               ("up", up, GROWTH_MAX_BYTES), ("down", down, GROWTH_MAX_BYTES)):
            peak, stays = self.growth(act)
            print(f"{len(content[0]) / MIB:.1f} MiB {what}: web and door grow by "
                  f"{peak / MIB:.2f} MiB at most, {stays / MIB:.2f} MiB (PSS) stay")
            self.assertLessEqual(peak, SANITIZED_MAX_BYTES if sanitized else bar, what)


if __name__ == "__main__":
    unittest.main(verbosity=2)
