"""kill -9 of any role, or of a whole gateway, in the middle of a thousand posts.

Every message that was answered is there, exactly once; a message whose answer
was lost on the way gets the same answer when it is sent again. On SQLite with
one gateway, on PostgreSQL with two of which the other goes on.
"""
import os
import random
import sys
import tempfile
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import Gateway, wait_until  # noqa: E402
from e2e.practice_pg import TwoGatewaysTest  # noqa: E402
from fault.load import Disturber, Load, check_in_order, check_rows  # noqa: E402

MESSAGES = 1000
KILLS = 12
LIMITS = "limits: { messages-per-minute = 1000000; };\n"


class Kill:
    """The cases; gateways, practice, carol and ada come from the class beside."""

    @classmethod
    def open_conversation(cls):
        first = cls.carol.json("send", "--to", cls.ada.id, "--team", cls.practice.team,
                               text="The first.\n")
        cls.forger = cast.Forger(cls.practice, cls.carol, first["thread"])

    def load(self):
        return Load(self, self.forger, self.gateways)

    def kill_one(self, number, choice):
        """One role after the other, and at times everything of a gateway."""
        gateway = choice.choice(self.gateways)
        if number % 4 == 3:
            gateway.stop(9)
            gateway.start()
            return "all"
        role = choice.choice(["web", "door", "web", "keeper", "courier"])
        if not gateway.kill(role):
            return "none"
        wait_until(lambda: role in gateway.roles(), f"{role} again")
        return role

    def test_1_the_same_message_twice_at_once_is_one(self):
        load = self.load()
        content, before = self.forger.make(), len(load.listed())
        with ThreadPoolExecutor(8) as pool:
            answers = list(pool.map(
                lambda number: load.post(self.gateways[number % len(self.gateways)], content),
                range(8)))
        self.assertEqual({status for status, _, _ in answers}, {201})
        self.assertEqual(len({answer["seq"] for _, _, answer in answers}), 1)
        self.assertEqual(len(load.listed()), before + 1)

    def test_2_no_answered_message_is_lost_or_doubled(self):
        load = self.load()
        before = len(load.listed())
        seed = random.randrange(1 << 32)
        disturber = Disturber(self.kill_one, seed, KILLS)
        answers = load.run(load.messages(MESSAGES), disturber)
        print(f"seed {seed}: killed {', '.join(disturber.done)}; {dict(load.statuses)}")
        load.check(before, answers)

    def test_3_what_was_answered_opens(self):
        came = self.ada.run("read", self.load().listed()[0]["id"])
        self.assertIn("quick brown fox", came.stdout)

    def test_4_all_is_in_order(self):
        check_in_order(self, self.gateways)


class KillOnSqlite(Kill, unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-fault-")
        cls.addClassCleanup(cls.work.cleanup)
        os.chmod(cls.work.name, 0o755)
        gateway = Gateway(Path(cls.work.name) / "practice", extra=LIMITS)
        cls.addClassCleanup(gateway.stop)
        cls.gateways = [gateway]
        cls.practice = cast.small_practice(gateway)
        cls.carol, cls.ada = cls.practice["carol"], cls.practice["ada"]
        cls.open_conversation()


class KillOnPostgresql(Kill, TwoGatewaysTest):
    extra = LIMITS

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateways = [cls.one, cls.two]
        cls.open_conversation()

    def test_5_the_rows_agree(self):
        check_rows(self, self.cluster)


if __name__ == "__main__":
    unittest.main(verbosity=2)
