"""Connections to PostgreSQL cut around commits, and transactions it tells to try again.

The gateway finds out by itself what became of a commit whose answer was lost,
and runs again what the database gave up: nothing is lost, and nothing twice,
also of what has no message id to be known by.
"""
import random
import sys
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.postgres import Cluster  # noqa: E402
from e2e.practice_pg import TwoGatewaysTest  # noqa: E402
from fault.cutter import MODES, Cutter  # noqa: E402
from fault.load import Disturber, Load, check_in_order, check_rows  # noqa: E402

MESSAGES = 300
REFUSED = 120
LIMITS = "limits: { messages-per-minute = 1000000; };\n"
# A transaction that writes a message, or its refusal, fails this often.
FAILING = 0.1

FAIL_AT_RANDOM = f"""
CREATE FUNCTION fail_at_random() RETURNS trigger LANGUAGE plpgsql SECURITY DEFINER AS $$
BEGIN
    IF random() < {FAILING} THEN
        INSERT INTO failure DEFAULT VALUES; -- undone with the rest: what counts is the sequence
        RAISE EXCEPTION 'try again' USING ERRCODE =
            CASE WHEN random() < 0.5 THEN '40001' ELSE '40P01' END;
    END IF;
    RETURN NEW;
END $$;
CREATE TABLE failure (number BIGSERIAL);
"""
AT_ONCE = ("CREATE TRIGGER fails AFTER INSERT ON event FOR EACH ROW "
           "EXECUTE FUNCTION fail_at_random()")
AT_COMMIT = ("CREATE CONSTRAINT TRIGGER fails AFTER INSERT ON event DEFERRABLE INITIALLY DEFERRED "
             "FOR EACH ROW EXECUTE FUNCTION fail_at_random()")


class Connections(TwoGatewaysTest):
    extra = LIMITS

    @classmethod
    def new_cluster(cls):
        return Cluster(trusting=True)

    @classmethod
    def store_url(cls):
        cls.seed = random.randrange(1 << 32)
        cls.cutter = Cutter(cls.cluster.port, cls.seed)
        cls.addClassCleanup(cls.cutter.close)
        return cls.cluster.url(hosts=[cls.cutter.port])

    @classmethod
    def setUpClass(cls):
        super().setUpClass()
        cls.gateways = [cls.one, cls.two]
        first = cls.carol.json("send", "--to", cls.ada.id, "--team", cls.practice.team,
                               text="The first.\n")
        cls.forger = cast.Forger(cls.practice, cls.carol, first["thread"])

    def setUp(self):
        self.load = Load(self, self.forger, self.gateways)
        self.before = len(self.load.listed())

    def events(self, code):
        rows = self.cluster.sql("SELECT line FROM event WHERE line LIKE "
                                f"'%\"kind\":\"exchange\"%' AND line LIKE '%\"code\":\"{code}\"%'",
                                database="postern")
        return len(rows)

    def refuse(self, times):
        """Posts that are refused, each once: nobody can know them again when they come twice."""
        flawed = self.forger.make("signature")
        answers = []
        for number in range(times):
            status, _, answer = self.load.post(self.gateways[number % 2], flawed)
            answers.append((status, answer.get("code"), answer.get("event")))
        return answers

    def check_refusals(self, answers, code, before):
        """Each answered refusal has one event, and at most the unanswered have one more."""
        answered = [event for status, _, event in answers if status != 503]
        self.assertEqual({found for status, found, _ in answers if status != 503}, {code})
        self.assertEqual(len(set(answered)), len(answered))
        made = self.events(code) - before
        self.assertGreaterEqual(made, len(answered))
        self.assertLessEqual(made, len(answers))
        return {"answered": len(answered), "events": made}

    def test_1_cut_around_commits_nothing_is_lost_or_doubled(self):
        self.cutter.cutting = True
        try:
            answers = self.load.run(self.load.messages(MESSAGES))
            code = self.forger.code(self.forger.make("signature"))
            before = self.events(code)
            refusals = self.refuse(REFUSED)
        finally:
            self.cutter.cutting = False
        print(f"seed {self.seed}: cut {dict(self.cutter.cuts)}; {dict(self.load.statuses)}; "
              f"refused {self.check_refusals(refusals, code, before)}")
        self.assertEqual(set(self.cutter.cuts), set(MODES), "each way of cutting was tried")
        self.load.check(self.before, answers)
        check_rows(self, self.cluster)

    def fails_and_goes_on(self, trigger):
        """Nobody outside notices: each is answered at the first try."""
        self.cluster.sql(f"{trigger}", database="postern")
        try:
            answers = self.load.run(self.load.messages(MESSAGES // 2))
            code = self.forger.code(self.forger.make("signature"))
            before = self.events(code)
            refusals = self.check_refusals(self.refuse(REFUSED // 3), code, before)
        finally:
            self.cluster.sql("DROP TRIGGER fails ON event", database="postern")
        failed = int(self.cluster.sql("SELECT last_value FROM failure_number_seq",
                                      database="postern")[0][0])
        print(f"{failed} transactions failed so far; {dict(self.load.statuses)}; {refusals}")
        self.assertGreater(failed, self.failed_before)
        type(self).failed_before = failed
        self.assertEqual(self.load.statuses, {201: MESSAGES // 2})
        self.assertEqual(refusals, {"answered": REFUSED // 3, "events": REFUSED // 3})
        self.load.check(self.before, answers)
        check_rows(self, self.cluster)
    failed_before = 1

    def test_2_what_must_be_tried_again_is(self):
        self.cluster.sql(FAIL_AT_RANDOM, database="postern")
        self.fails_and_goes_on(AT_ONCE)

    def test_3_also_when_only_the_commit_fails(self):
        self.fails_and_goes_on(AT_COMMIT)

    def cut_all(self, *_):
        count = self.cluster.sql("SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity "
                                 "WHERE usename LIKE 'postern%'")[0][0]
        return f"{count} ended"

    def test_4_all_connections_ended_by_the_server_at_once(self):
        disturber = Disturber(self.cut_all, self.seed, 5, (0.1, 0.4))
        answers = self.load.run(self.load.messages(MESSAGES), disturber)
        print(f"{', '.join(disturber.done)}; {dict(self.load.statuses)}")
        self.assertTrue(disturber.done)
        self.load.check(self.before, answers)
        check_rows(self, self.cluster)
        check_in_order(self, self.gateways)


if __name__ == "__main__":
    unittest.main(verbosity=2)
