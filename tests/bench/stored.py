"""How cost grows with what is stored: mailbox pages and acceptance, from ten thousand messages up.

A practice with the fewest messages stays beside the one that grows, so that
each step is measured in turns with the first.
"""
import sqlite3
import subprocess
from pathlib import Path

from bench import acceptance
from bench.measuring import Cost, figure, load, median
from e2e import cast
from e2e.harness import Gateway

FIRST = 10**4
STEPS = (10**5, 10**6, 10**7)
MESSAGES_A_THREAD = 100
PAGE = 50
PAGES_WALKED = 20  # of conversations: a thousand of them, each with pages of its own
SECONDS = 3  # for one list, one round
POSTED = 5000
BODY_BYTES = 0  # lists never touch them, and they would be 40 GB
DAYS = 3600  # over which all messages are spread, oldest first
LIMITS = acceptance.LIMITS + 'sessions: { staff-idle = "12h"; };\n'


class Stored:
    """A real practice whose store is filled in bulk while its gateway is down."""

    def __init__(self, build, folder, users=0):
        """users: how many patients at least; else one for each hundred messages."""
        self.build = build
        self.users = users
        self.gateway = Gateway(folder, build=build, extra=LIMITS, https=acceptance.HTTPS)
        self.practice = cast.small_practice(self.gateway)
        self.carol = self.practice["carol"]
        ada = self.practice["ada"]
        sent = self.carol.json("send", "--to", ada.id, "--team", self.practice.team,
                               text="The first.\n")
        ada.run("read", sent["id"])
        self.forger = cast.Forger(self.practice, self.carol, sent["thread"])
        self.tokens = self.forger.folder / "token"
        self.tokens.write_text(self.carol.token())
        self.filled = 0

    @property
    def database(self):
        return self.gateway.data / "postern.db"

    def facts(self):
        """What fill needs to know of the practice, as it stands in the store."""
        with sqlite3.connect(f"file:{self.database}?mode=ro", uri=True) as store:
            def one(question):
                return store.execute(question).fetchone()[0]
            found = {
                "team": self.practice.team,
                "clinician": self.carol.id,
                "team-key": one("SELECT recipient_id FROM roster ORDER BY serial DESC").hex(),
                "records-key": one(
                    "SELECT recipient_id FROM records_key ORDER BY serial DESC").hex(),
                "event": one("SELECT line FROM event e JOIN message m ON m.event = e.id"),
                "record": one("SELECT record FROM receipt WHERE record IS NOT NULL"),
            }
        store.close()
        path = self.forger.folder / "practice"
        path.write_text("".join(f"{name} {' '.join(value.split())}\n"
                                for name, value in found.items()))
        return path

    def fill(self, total, last, *options):
        """Up to this many messages; of all that are to come, the last step brings `last`."""
        self.gateway.stop()
        count = total - self.filled
        done, until = DAYS - DAYS * self.filled // last, DAYS - DAYS * total // last
        subprocess.run([self.build / "tests/bench/fill", f"sqlite:{self.database}",
                        self.gateway.data / "vault.key", self.facts(),
                        "--patients", str(max(1, self.users, count // MESSAGES_A_THREAD)),
                        "--messages", str(count), "--body", str(BODY_BYTES),
                        "--from", str(done + 2), "--until", str(until + 1),
                        *map(str, options)], check=True)
        self.filled = total
        self.gateway.start()

    def get(self, path):
        status, _, answer = self.gateway.request("GET", path, token=self.carol.token())
        if status != 200:
            raise RuntimeError(f"{path}: {status} {answer}")
        return answer

    def paths(self):
        """Files of full pages: of the mailbox, and of the conversations in it."""
        lists, pages, cursor = [], [], ""
        for _ in range(PAGES_WALKED):
            path = f"/v1/threads?limit={PAGE}" + (f"&cursor={cursor}" if cursor else "")
            answer = self.get(path)
            if len(answer["items"]) < PAGE:
                break
            lists.append(path)
            pages += [f"/v1/threads/{thread['id']}/messages?limit={PAGE}"
                      for thread in answer["items"] if thread["id"] != self.forger.thread]
            cursor = answer.get("next")
            if not cursor:
                break
        return {"conversations": self.write("lists", lists), "messages": self.write("pages", pages)}

    def write(self, name, lines):
        path = self.forger.folder / name
        path.write_text("".join(line + "\n" for line in lines))
        return path

    def list(self, paths):
        with Cost(self.gateway) as cost:
            report = load(self.build, [self.gateway.port], self.gateway.ca, paths=paths,
                          tokens=self.tokens, seconds=SECONDS)
        return {"p50_ms": report["p50_ms"], "p99_ms": report["p99_ms"],
                "cpu_us": cost.seconds / report["requests"] * 1e6}

    def accept(self):
        bundle = self.forger.bundle(POSTED, acceptance.SIZE)
        with Cost(self.gateway) as cost:
            report = acceptance.post(self.gateway, [self.forger], [bundle])
        bundle.unlink()
        return {"per_second": report["per_second"], "p99_ms": report["p99_ms"],
                "cpu_us": cost.seconds / report["requests"] * 1e6}


def in_turns(first, grown, rounds):
    """Medians of each measure of both, by what was measured."""
    found = {}
    paths = {id(one): one.paths() for one in (first, grown)}
    for _ in range(rounds):
        for one in (first, grown):
            taken = {kind: one.list(path) for kind, path in paths[id(one)].items()}
            taken["acceptance"] = one.accept()
            for kind, values in taken.items():
                for name, value in values.items():
                    found.setdefault((kind, name), {}).setdefault(id(one), []).append(value)
    return {key: tuple(median(values[id(one)]) for one in (first, grown))
            for key, values in found.items()}


def rows(found, count, is_last):
    what = f"{count:,} stored"
    peer = f"{FIRST:,} stored"
    # Only the last is what the bar speaks of; before it the table shows how it comes.
    bar = 0.667 if is_last else None
    figures = []
    for kind in ("conversations", "messages"):
        before, after = found[kind, "p50_ms"]
        figures.append(figure(f"page of {PAGE} {kind}, {what}", after, "ms", peer,
                              before / after, bar))
        before, after = found[kind, "cpu_us"]
        figures.append(figure(f"page of {PAGE} {kind}, {what}: processor time", after, "us", peer,
                              before / after))
    before, after = found["acceptance", "per_second"]
    figures.append(figure(f"acceptance, {what}", after, "1/s", peer, after / before))
    before, after = found["acceptance", "cpu_us"]
    figures.append(figure(f"acceptance, {what}: processor time of a message", after, "us", peer,
                          before / after))
    return figures


def measure(build, work, rounds, first_count=FIRST, steps=STEPS):
    figures = []
    first = Stored(build, Path(work) / "stored-first")
    grown = None
    try:
        grown = Stored(build, Path(work) / "stored-grown")
        first.fill(first_count, first_count)
        for count in steps:
            grown.fill(count, steps[-1])
            found = in_turns(first, grown, rounds)
            figures += rows(found, count, count == steps[-1])
        return figures
    finally:
        for one in (first, grown):
            if one is not None:
                one.gateway.stop()
