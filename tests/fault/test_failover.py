"""The database is restarted, crashes, and is lost for good under load; its replica takes over.

Real streaming replication between two clusters on loopback. Two gateways know
both servers by their url, and go on by themselves.
"""
import random
import signal
import sys
import time
import unittest
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.practice_pg import TwoGatewaysTest  # noqa: E402
from fault.load import Disturber, Load, check_in_order, check_rows  # noqa: E402

MESSAGES = 600
# Long enough that an answer would have come many times over.
ALONE_S = 3
LIMITS = "limits: { messages-per-minute = 1000000; };\n"


class Failover(TwoGatewaysTest):
    extra = LIMITS

    @classmethod
    def store_url(cls):
        cls.cluster.allow_replicas()
        cls.replica = cls.cluster.replica()
        cls.addClassCleanup(cls.replica.close)
        cls.cluster.demand_replica()
        return cls.cluster.url(cls.cluster.write_passfiles(cls.folder / "store.pass"),
                               hosts=[cls.cluster.port, cls.replica.port],
                               target_session_attrs="read-write")

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateways = [cls.one, cls.two]
        first = cls.carol.json("send", "--to", cls.ada.id, "--team", cls.practice.team,
                               text="The first.\n")
        cls.forger = cast.Forger(cls.practice, cls.carol, first["thread"])

    def under_load(self, act, rounds, pause_s):
        load = Load(self, self.forger, self.gateways)
        before = len(load.listed())
        seed = random.randrange(1 << 32)
        disturber = Disturber(act, seed, rounds, pause_s)
        begun = time.monotonic()
        answers = load.run(load.messages(MESSAGES), disturber)
        print(f"seed {seed}: {', '.join(disturber.done)}; {dict(load.statuses)}; "
              f"{time.monotonic() - begun:.1f} s")
        self.assertEqual(len(disturber.done), rounds, "the load must outlast what disturbs it")
        load.check(before, answers)

    def restart(self, _, choice):
        """Orderly, and as after a crash: with recovery from the log."""
        how = choice.choice([signal.SIGINT, signal.SIGQUIT, None])
        if how is None:
            self.cluster.kill()
            self.cluster.start()
            return "killed and started again"
        self.cluster.restart(how)
        return f"restarted by {how.name}"

    def test_1_the_primary_restarts_under_load(self):
        self.under_load(self.restart, 4, (0.3, 1.5))
        check_rows(self, self.cluster)

    def test_2_without_its_replica_nothing_is_answered(self):
        """What would be lost with the primary is not accepted; reading goes on."""
        load = Load(self, self.forger, self.gateways)
        before = len(load.listed())
        content, = load.messages(1)
        self.replica.kill()
        with ThreadPoolExecutor(1) as pool:
            answer = pool.submit(load.until_answered, (0, content))
            time.sleep(ALONE_S)
            self.assertFalse(answer.done(), "answered without a replica")
            self.assertEqual(len(load.listed()), before)
            self.replica.start()
            load.check(before, [answer.result()])

    def take_over(self, *_):
        self.cluster.kill()
        self.replica.promote()
        return "primary killed, replica promoted"

    def test_3_the_replica_takes_over_under_load(self):
        self.under_load(self.take_over, 1, (1.0, 2.0))
        self.assertIsNone(self.cluster.process, "the primary stays down")
        check_rows(self, self.replica)

    def test_4_afterwards_all_is_in_order(self):
        check_in_order(self, self.gateways)
        sent = self.carol.at(self.two).json("send", "--to", self.ben.id, "--team",
                                            self.practice.team, text="Still here.\n")
        self.assertIn("Still here.", self.ben.run("read", sent["id"]).stdout)


if __name__ == "__main__":
    unittest.main(verbosity=2)
