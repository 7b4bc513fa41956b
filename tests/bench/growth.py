"""How the cost of acceptance grows with connections and with the size of messages."""
from pathlib import Path

from bench import acceptance
from bench.measuring import MIB, Cost, figure, median
from e2e import cast
from e2e.harness import Gateway

CONNECTIONS = (1, 8, 64, 512)
POSTED = {1: 2000, 8: 5000, 64: 8000, 512: 8000}
# Name, bytes of the mail, messages a round, connections: large ones are staged, and one person
# may stage 128 MiB at a time.
SIZES = (("1 KiB", 1024, 4000, 64), ("4 KiB", acceptance.SIZE, 4000, 64),
         ("64 KiB", 64 * 1024, 1600, 64), ("1 MiB", MIB, 160, 16), ("25 MiB", 25 * MIB, 12, 4))


class Acceptance:
    """Four people who write, of both sides: one alone would be told to slow down
    (limits.messages-per-minute counts at most 128 at a time)."""

    def __init__(self, build, folder):
        self.gateway = Gateway(folder, build=build, extra=acceptance.LIMITS,
                               https=acceptance.HTTPS)
        self.practice = cast.small_practice(self.gateway)
        self.forgers = []
        for clinician, patient in (("carol", "ada"), ("chris", "ben")):
            sent = self.practice[clinician].json(
                "send", "--to", self.practice[patient].id, "--team", self.practice.team,
                text="The first.\n")
            self.forgers += [cast.Forger(self.practice, self.practice[who], sent["thread"])
                             for who in (clinician, patient)]

    def bundles(self, count, size):
        each = count // len(self.forgers)
        return [forger.write(forger.folder / f"{forger.person.profile}.bundle", "--bundle",
                             "--count", each, "--bytes", size) for forger in self.forgers]

    def post(self, count, size, connections):
        """What the load generator reports, with processor time of a message and its bytes."""
        bundles = self.bundles(count, size)
        with Cost(self.gateway) as cost:
            report = acceptance.post(self.gateway, self.forgers, bundles, connections=connections)
        report["cpu_us"] = cost.seconds / report["requests"] * 1e6
        report["bytes"] = sum(one.stat().st_size for one in bundles) / report["requests"] - 4
        for one in bundles:
            one.unlink()
        return report


def medians(reports):
    return {name: median(report[name] for report in reports)
            for name in ("per_second", "p50_ms", "p99_ms", "cpu_us", "bytes")}


def by_connections(practice, rounds):
    taken = {count: [] for count in CONNECTIONS}
    for _ in range(rounds):
        for count in CONNECTIONS:
            taken[count].append(practice.post(POSTED[count], acceptance.SIZE, count))
    figures, first = [], medians(taken[CONNECTIONS[0]])
    for count in CONNECTIONS:
        now, what = medians(taken[count]), f"acceptance over {count} connection{'' if count == 1 else 's'}"
        peer = f"{CONNECTIONS[0]} connection"
        figures += [
            figure(what, now["per_second"], "1/s", peer, now["per_second"] / first["per_second"]),
            figure(f"{what}: median latency", now["p50_ms"], "ms", peer,
                   first["p50_ms"] / now["p50_ms"]),
            figure(f"{what}: 99th percentile", now["p99_ms"], "ms", peer,
                   first["p99_ms"] / now["p99_ms"]),
            figure(f"{what}: processor time of a message", now["cpu_us"], "us", peer,
                   first["cpu_us"] / now["cpu_us"])]
    return figures


def by_size(practice, rounds):
    taken = {name: [] for name, *_ in SIZES}
    for _ in range(rounds):
        for name, size, count, connections in SIZES:
            taken[name].append(practice.post(count, size, connections))
    figures, first = [], medians(taken[SIZES[0][0]])
    for name, _, _, connections in SIZES:
        now, peer = medians(taken[name]), SIZES[0][0]
        what = f"acceptance of messages of {name}"
        rate = now["per_second"] * now["bytes"] / MIB
        figures += [
            figure(f"{what}, {connections} connections", now["per_second"], "1/s", peer,
                   now["per_second"] / first["per_second"]),
            figure(f"{what}: sealed bytes", rate, "MiB/s", peer,
                   rate / (first["per_second"] * first["bytes"] / MIB)),
            figure(f"{what}: processor time of a message", now["cpu_us"], "us", peer,
                   first["cpu_us"] / now["cpu_us"])]
    return figures


def measure(build, work, rounds):
    practice = Acceptance(build, Path(work) / "growth")
    try:
        return by_connections(practice, rounds) + by_size(practice, rounds)
    finally:
        practice.gateway.stop()
