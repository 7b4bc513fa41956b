"""What the benchmarks stand on: the load generator, and the bulk filler of a practice's store."""
import json
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import acceptance  # noqa: E402  (after the path is set)
from bench.measuring import load, load_command  # noqa: E402
from bench.stored import PAGE, Stored  # noqa: E402
from e2e.harness import build_folder  # noqa: E402

PATIENTS = 60
MESSAGES = PATIENTS * 55  # so that a page of fifty is full


class BenchTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        folder = tempfile.TemporaryDirectory(prefix="postern-bench-test-")
        cls.addClassCleanup(folder.cleanup)
        Path(folder.name).chmod(0o755)
        cls.practice = Stored(build_folder(), Path(folder.name) / "practice", users=PATIENTS)
        cls.addClassCleanup(cls.practice.gateway.stop)
        cls.tokens = cls.practice.forger.folder / "tokens"
        cls.practice.fill(MESSAGES, MESSAGES, "--tokens", cls.tokens)

    def load(self, *args, **options):
        gateway = self.practice.gateway
        return load(gateway.build, [gateway.port], gateway.ca, *args, **options)

    def test_filled_conversations_are_listed_like_real_ones(self):
        answer = self.practice.get(f"/v1/threads?limit={PAGE}")
        self.assertEqual(len(answer["items"]), PAGE)
        filled = [one for one in answer["items"] if one["id"] != self.practice.forger.thread]
        for thread in filled:
            names = [member["name"] for member in thread["members"]]
            self.assertTrue(any(name.startswith("Sample Person") for name in names), names)
            # All but the newest were opened, and the newest, the 55th, is from the patient.
            self.assertEqual((thread["unread"], thread["last"]["state"]), (1, "received"))
        page = self.practice.get(f"/v1/threads/{filled[0]['id']}/messages?limit={PAGE}")
        self.assertEqual([one["seq"] for one in page["items"]], list(range(55, 5, -1)))
        self.assertEqual({len(one["to"]) for one in page["items"]}, {1})

    def test_filled_patients_are_signed_in(self):
        report = self.load(get="/v1/threads", tokens=self.tokens, connections=PATIENTS,
                           requests=PATIENTS)
        self.assertEqual(report["statuses"], {"200": PATIENTS})

    def test_a_filled_store_takes_messages(self):
        forger = self.practice.forger
        report = acceptance.post(self.practice.gateway, [forger, forger],
                                 [forger.bundle(40, 1000), forger.write(
                                     forger.folder / "more", "--bundle", "--count", 40,
                                     "--bytes", 300000)], connections=8)
        self.assertEqual(report["statuses"], {"201": 80})

    def test_new_connections_are_as_many_as_requests(self):
        report = self.load(get="/healthz", kind="fresh", connections=4, requests=40)
        self.assertEqual((report["requests"], report["statuses"]), (40, {"200": 40}))

    def test_a_rate_is_kept(self):
        report = self.load(get="/healthz", connections=4, rate=50, requests=100)
        self.assertGreaterEqual(report["seconds"], 99 / 50)
        self.assertEqual(report["requests"], 100)

    def test_refused_requests_are_failures(self):
        with self.assertRaisesRegex(RuntimeError, '"401":1'):
            self.load(get="/v1/threads", requests=1)

    def test_held_connections_are_held_until_told(self):
        gateway = self.practice.gateway
        command = load_command(gateway.build, [gateway.port], gateway.ca, kind="hold",
                               get="/v1/threads", tokens=self.tokens, connections=20, sources=3)
        process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE,
                                   text=True)
        self.assertEqual(process.stdout.readline(), "holding\n")
        self.assertIsNone(process.poll())
        report = json.loads(process.communicate()[0])
        self.assertEqual((report["requests"], report["failures"], report["lost"]), (20, 0, 0))


if __name__ == "__main__":
    unittest.main(verbosity=2)
