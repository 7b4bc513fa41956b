"""Posts under faults, and what must be true of them afterwards, whatever the engine.

Every message is sent until it is answered, at one gateway after the other, as
a client would that keeps trying. Then each is there exactly once, under the
number it was answered with. What is refused leaves its event and nothing else.
"""
import collections
import http.client
import random
import threading
import time
from concurrent.futures import ThreadPoolExecutor

from e2e import cast

POSTERS = 16
# Time for one message to get through while whatever is broken comes back.
GIVE_UP_S = 180
SEALED = "application/vnd.postern.sealed"


class Disturber(threading.Thread):
    """Runs act(random) again and again while the load runs; what it did is in done."""

    def __init__(self, act, seed, rounds, pause_s=(0.1, 0.5)):
        super().__init__()
        self.act, self.random, self.rounds, self.pause_s = act, random.Random(seed), rounds, pause_s
        self.over = threading.Event()
        self.done = []
        self.error = None

    def run(self):
        try:
            for number in range(self.rounds):
                if self.over.wait(self.random.uniform(*self.pause_s)):
                    return
                self.done.append(self.act(number, self.random))
        except Exception as error:  # noqa: BLE001  (told to the test that waits)
            self.error = error


class Load:
    """test: the unittest case that judges. gateways: any number of one practice."""

    def __init__(self, test, forger, gateways):
        self.test, self.forger, self.gateways = test, forger, gateways
        self.token = forger.person.token()
        self.statuses = collections.Counter()
        self.disturber = None

    def post(self, gateway, content):
        return gateway.request("POST", f"/v1/threads/{self.forger.thread}/messages", content,
                               {"Content-Type": SEALED}, self.token)

    def going_on(self, deadline):
        return time.monotonic() < deadline and (self.disturber is None
                                                or self.disturber.error is None)

    def until_answered(self, numbered):
        """The answer's body; with "status" where it is no 201."""
        number, content = numbered
        deadline, tries = time.monotonic() + GIVE_UP_S, 0
        while self.going_on(deadline):
            gateway = self.gateways[(number + tries) % len(self.gateways)]
            tries += 1
            try:
                status, _, answer = self.post(gateway, content)
                self.statuses[status] += 1
                if status == 201:
                    return answer
                if status != 503:
                    return {"status": status, **(answer if isinstance(answer, dict) else {})}
            except (OSError, http.client.HTTPException):
                self.statuses["cut"] += 1
            time.sleep(0.05)
        return {"status": "no answer"}

    def run(self, contents, disturber=None):
        """Answers in the order of contents."""
        self.disturber = disturber
        if disturber:
            disturber.start()
        with ThreadPoolExecutor(POSTERS) as pool:
            answers = list(pool.map(self.until_answered, enumerate(contents)))
        if disturber:
            disturber.over.set()
            disturber.join()
            self.test.assertIsNone(disturber.error)
        return answers

    def listed(self):
        items, cursor = [], ""
        while True:
            status, _, page = self.gateways[0].request(
                "GET", f"/v1/threads/{self.forger.thread}/messages?limit=100{cursor}",
                token=self.token)
            self.test.assertEqual(status, 200)
            items += page["items"]
            if page["next"] is None:
                return items
            cursor = f"&cursor={page['next']}"

    def check(self, before, answers):
        """before: how many messages there were. All answers are 201's."""
        test, count = self.test, before + len(answers)
        test.assertEqual([answer for answer in answers if "status" in answer], [])
        items = self.listed()
        test.assertEqual(len(items), count)
        test.assertEqual(len({item["id"] for item in items}), count)
        test.assertEqual(sorted(item["seq"] for item in items), list(range(1, count + 1)))
        stored = {item["id"]: item["seq"] for item in items}
        for answer in answers:
            test.assertEqual(stored[answer["id"]], answer["seq"])

    def messages(self, count, size=2048):
        return list(cast.unbundle(self.forger.bundle(count, size)))


def check_rows(test, cluster):
    """What PostgreSQL holds agrees with itself: nothing half, nothing twice, no content refused."""
    def count(sql):
        return int(cluster.sql(sql, database="postern")[0][0])
    messages = count("SELECT count(*) FROM message")
    test.assertEqual(count("SELECT count(DISTINCT message) FROM body"), messages)
    test.assertEqual(count("SELECT count(*) FROM event WHERE line LIKE '%\"kind\":\"exchange\"%' "
                           "AND line LIKE '%\"code\":\"accepted\"%'"), messages)
    test.assertEqual(count("SELECT count(*) FROM message m JOIN event e ON e.id = m.event"),
                     messages)
    test.assertEqual(count("SELECT count(*) FROM staging"), 0)
    test.assertEqual(cluster.complaints(), [])


def check_in_order(test, gateways):
    for gateway in gateways:
        done = gateway.posternd("check", "-c", gateway.config, check=False)
        test.assertEqual(done.returncode, 0, done.stdout + done.stderr)
