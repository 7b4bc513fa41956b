"""kill -9 of any role, or of all, in the middle of a thousand posts.

Every message that was answered is there, exactly once; a message whose answer
was lost on the way gets the same answer when it is sent again.
"""
import http.client
import os
import random
import sys
import tempfile
import threading
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway, wait_until  # noqa: E402

MESSAGES = 1000
POSTERS = 16
KILLS = 12
LIMITS = "limits: { messages-per-minute = 1000000; };\n"
# Time for one message to get through while roles die and come back.
GIVE_UP_S = 120


class Killer(threading.Thread):
    """Kills one role after the other at random moments, and at times everything."""

    def __init__(self, gateway, seed):
        super().__init__()
        self.gateway, self.random = gateway, random.Random(seed)
        self.over = threading.Event()
        self.killed = []
        self.error = None

    def run(self):
        try:
            for number in range(KILLS):
                if self.over.wait(self.random.uniform(0.1, 0.5)):
                    return
                if number % 4 == 3:
                    self.gateway.stop(9)
                    self.gateway.start()
                    self.killed.append("all")
                    continue
                role = self.random.choice(["web", "door", "web", "keeper", "courier"])
                if self.gateway.kill(role):
                    self.killed.append(role)
                    wait_until(lambda role=role: role in self.gateway.roles(), f"{role} again")
        except Exception as error:  # noqa: BLE001  (told to the test that waits)
            self.error = error


class KillTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-fault-")
        os.chmod(cls.work.name, 0o755)
        cls.gateway = Gateway(Path(cls.work.name) / "practice", extra=LIMITS)
        cls.practice = cast.small_practice(cls.gateway)
        cls.carol, cls.ada = cls.practice["carol"], cls.practice["ada"]
        first = cls.carol.json("send", "--to", cls.ada.id, "--team", cls.practice.team,
                               text="The first.\n")
        cls.forger = cast.Forger(cls.practice, cls.carol, first["thread"])
        cls.before = first["seq"]

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    def post_until_answered(self, content, killer):
        deadline = time.monotonic() + GIVE_UP_S
        while time.monotonic() < deadline and killer.error is None:
            try:
                status, _, answer = self.forger.post(content)
                if status == 201:
                    return answer
                if status != 503:
                    return {"unexpected": status, **(answer if isinstance(answer, dict) else {})}
            except (OSError, http.client.HTTPException):
                time.sleep(0.05)
        return {"unexpected": "no answer"}

    def listed(self):
        items, cursor = [], ""
        while True:
            status, _, page = self.gateway.request(
                "GET", f"/v1/threads/{self.forger.thread}/messages?limit=100{cursor}",
                token=self.carol.token())
            self.assertEqual(status, 200)
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    def test_1_the_same_message_twice_at_once_is_one(self):
        content = self.forger.make()
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(lambda _: self.forger.post(content), range(8)))
        self.assertEqual({status for status, _, _ in answers}, {201})
        self.assertEqual(len({answer["seq"] for _, _, answer in answers}), 1)
        self.assertEqual(len(self.listed()), self.before + 1)

    def test_2_no_answered_message_is_lost_or_doubled(self):
        before = len(self.listed())
        messages = list(cast.unbundle(self.forger.bundle(MESSAGES, 2048)))
        seed = random.randrange(1 << 32)
        killer = Killer(self.gateway, seed)
        killer.start()
        with ThreadPoolExecutor(POSTERS) as pool:
            answers = list(pool.map(lambda one: self.post_until_answered(one, killer), messages))
        killer.over.set()
        killer.join()
        self.assertIsNone(killer.error, f"seed {seed}")
        print(f"seed {seed}: killed {', '.join(killer.killed)}")
        self.assertEqual([a for a in answers if "unexpected" in a], [], f"seed {seed}")
        items = self.listed()
        self.assertEqual(len(items), before + MESSAGES)
        self.assertEqual(len({item["id"] for item in items}), before + MESSAGES)
        self.assertEqual(sorted(item["seq"] for item in items),
                         list(range(1, before + MESSAGES + 1)))
        stored = {item["id"]: item["seq"] for item in items}
        for answer in answers:
            self.assertEqual(stored[answer["id"]], answer["seq"])

    def test_3_what_was_answered_opens(self):
        came = self.ada.run("read", self.listed()[0]["id"])
        self.assertIn("quick brown fox", came.stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
