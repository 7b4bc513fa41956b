"""What one message, one reading, one sign-in weigh; and what a year of a practice comes to.

./dev bench sizing measures. docs/sizing.md has what this prints from its JSON:

    python3 tests/bench/sizing.py FILE
"""
import json
import sqlite3
import sys
from pathlib import Path

if __name__ == "__main__":
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
from bench import acceptance  # noqa: E402  (after the path is set)
from bench.measuring import MIB, Cost, figure  # noqa: E402
from bench.two_gateways import SETTINGS, OnPostgreSQL, server_cpu  # noqa: E402
from e2e import cast  # noqa: E402
from e2e.harness import Gateway  # noqa: E402
from e2e.postgres import PRACTICE, Cluster  # noqa: E402

MESSAGES = 6000  # of the size of a letter
SIZE = acceptance.SIZE
LARGE, LARGE_BYTES = 8, 4 * MIB
READ = 60
LOGINS = 20

ENGINES = ("SQLite", "PostgreSQL")


class Sqlite:
    def __init__(self, build, work):
        self.gateway = Gateway(Path(work) / "sizing-sqlite", build=build, extra=acceptance.LIMITS,
                               https=acceptance.HTTPS)

    def bytes(self):
        """In use, the log brought in: the gateway is stopped for it. Pages that uploads left behind
        are taken by the next."""
        self.gateway.stop()
        store = sqlite3.connect(f"file:{self.gateway.data / 'postern.db'}?mode=ro", uri=True)
        pages, free, size = (store.execute(f"PRAGMA {name}").fetchone()[0]
                             for name in ("page_count", "freelist_count", "page_size"))
        store.close()
        self.gateway.start()
        return (pages - free) * size

    def cpu(self):
        return 0.0  # is the gateway's own

    def close(self):
        self.gateway.stop()


class PostgreSQL:
    def __init__(self, build, work):
        self.cluster = Cluster(SETTINGS, within=work)
        self.cluster.start()
        self.cluster.make_practice()
        self.gateway = OnPostgreSQL(Path(work) / "sizing-postgresql", self.cluster, build=build)

    def bytes(self):
        """Of tables and their indexes, but for what uploads left behind, which the next take."""
        return int(self.cluster.sql(
            "SELECT sum(pg_total_relation_size(oid)) FROM pg_class "
            "WHERE relkind = 'r' AND relname <> 'staging'", database=PRACTICE)[0][0])

    def cpu(self):
        return server_cpu(self.cluster)

    def close(self):
        self.gateway.stop()
        self.cluster.close()


class Weighing:
    """Bytes and processor time that an act costs, each time it is done."""

    def __init__(self, engine):
        self.engine = engine
        self.found = {}

    def weigh(self, name, count, act):
        before = self.engine.bytes()
        cpu = self.engine.cpu()
        with Cost(self.engine.gateway) as cost:
            act()
        seconds = cost.seconds + self.engine.cpu() - cpu
        self.found[name] = {"bytes": (self.engine.bytes() - before) / count,
                            "us": seconds / count * 1e6}


def weigh_all(engine):
    practice = cast.small_practice(engine.gateway)
    carol, ada = practice["carol"], practice["ada"]
    sent = carol.json("send", "--to", ada.id, "--team", practice.team, text="The first.\n")
    forger = cast.Forger(practice, carol, sent["thread"])
    letters = forger.bundle(MESSAGES, SIZE)
    large = forger.write(forger.folder / "large", "--bundle", "--count", LARGE, "--bytes",
                         LARGE_BYTES)
    weighing = Weighing(engine)
    gateway = engine.gateway
    weighing.weigh("letter", MESSAGES, lambda: acceptance.post(gateway, [forger], [letters]))
    answer = gateway.request("GET", f"/v1/threads/{forger.thread}/messages?limit={READ}",
                             token=ada.token())[2]
    ids = [one["id"] for one in answer["items"]]
    weighing.weigh("reading", READ, lambda: [ada.run("read", one) for one in ids])
    weighing.weigh("sign-in", LOGINS, lambda: [ada.run("login") for _ in range(LOGINS)])
    weighing.weigh("large", LARGE,
                   lambda: acceptance.post(gateway, [forger], [large], connections=2))
    weighing.found["letter"]["sealed"] = letters.stat().st_size / MESSAGES - 4
    weighing.found["large"]["sealed"] = large.stat().st_size / LARGE - 4
    return weighing.found


def figures_of(engine, found):
    letter, large = found["letter"], found["large"]
    sealed = letter["sealed"]
    of = f"sizing, {engine}"
    return [
        figure(f"{of}: sealed bytes of a letter", sealed, "B"),
        figure(f"{of}: stored bytes of a letter", letter["bytes"], "B", "its sealed bytes",
               sealed / letter["bytes"]),
        figure(f"{of}: processor time to accept a letter", letter["us"], "us"),
        figure(f"{of}: stored bytes of a reading", found["reading"]["bytes"], "B"),
        figure(f"{of}: processor time of a reading", found["reading"]["us"], "us"),
        figure(f"{of}: stored bytes of a sign-in", found["sign-in"]["bytes"], "B"),
        figure(f"{of}: processor time of a sign-in", found["sign-in"]["us"], "us"),
        figure(f"{of}: stored bytes of a sealed MiB", large["bytes"] / large["sealed"] * MIB, "B",
               "1 MiB", large["sealed"] / large["bytes"]),
        figure(f"{of}: processor time to accept a sealed MiB",
               large["us"] / large["sealed"] * MIB, "us"),
    ]


def measure(build, work):
    figures = []
    for name, kind in zip(ENGINES, (Sqlite, PostgreSQL)):
        engine = kind(build, work)
        try:
            figures += figures_of(name, weigh_all(engine))
        finally:
            engine.close()
    return figures


# ---- a year ----------------------------------------------------------------------------------

# Assumptions, not measurements: docs/sizing.md says where each comes from.
MESSAGES_A_DAY = 30  # of one clinician, both ways
DAYS = 250
READERS = 1.5  # of each message: a patient, or one or two of a team
FILE_SHARE, FILE_MIB = 0.05, 2.7  # messages with a file, and what sealing makes of 2 MiB
SIGN_INS_A_READING = 0.7
LISTS_A_READING = 3  # pages of conversations or messages that are looked at for it
BUSY_HOUR = 0.2  # of a day's work
ONLINE = 4  # people connected at once in that hour, for each clinician
PRACTICES = (("50 clinicians", 50), ("5,000 clinicians", 5000))


def year(clinicians, of, page, idle):
    """of: the engine's figures by what they are of; page in µs, idle in KiB."""
    messages = clinicians * MESSAGES_A_DAY * DAYS
    readings, mib = messages * READERS, messages * FILE_SHARE * FILE_MIB
    stored = (messages * of["stored bytes of a letter"]
              + readings * of["stored bytes of a reading"]
              + readings * SIGN_INS_A_READING * of["stored bytes of a sign-in"]
              + mib * of["stored bytes of a sealed MiB"])
    cpu_s = (messages * of["processor time to accept a letter"]
             + readings * of["processor time of a reading"]
             + readings * LISTS_A_READING * page
             + readings * SIGN_INS_A_READING * of["processor time of a sign-in"]
             + mib * of["processor time to accept a sealed MiB"]) / 1e6
    busy = BUSY_HOUR / DAYS / 3600
    return {"messages": messages, "readings": readings, "files_gib": mib / 1024,
            "stored_gib": stored / 2**30, "cpu_hours": cpu_s / 3600,
            "busy_messages_per_s": messages * busy, "busy_cores": cpu_s * busy,
            "idle_mib": clinicians * ONLINE * idle / 1024}


def by_name(figures):
    return {one["name"]: one["value"] for one in figures}


ROWS = (("messages a year", "messages", "{:,.0f}"), ("readings a year", "readings", "{:,.0f}"),
        ("of the bytes, files (sealed)", "files_gib", "{:,.1f} GiB"),
        ("stored after a year", "stored_gib", "{:,.1f} GiB"),
        ("processor time of the year", "cpu_hours", "{:,.1f} h"),
        ("messages in the busiest hour", "busy_messages_per_s", "{:,.2f} a second"),
        ("cores busy in that hour", "busy_cores", "{:,.3f}"),
        ("memory of idle connections in it", "idle_mib", "{:,.0f} MiB"))


def of_engine(values, engine):
    mark = f"sizing, {engine}: "
    return {name[len(mark):]: value for name, value in values.items() if name.startswith(mark)}


def markdown(head, rows):
    lines = ["| " + " | ".join(head) + " |", "|---|" + "---:|" * (len(head) - 1)]
    return "\n".join(lines + ["| " + " | ".join(row) + " |" for row in rows])


def page_us(values):
    """Of the largest store that was measured, the dearer of both lists."""
    return max(value for name, value in values.items()
               if name.startswith("page of 50") and "processor" in name)


def idle_kib(values):
    return next(value for name, value in values.items() if name.startswith("memory of an idle"))


def units(values):
    """What one of each costs: a column for each engine."""
    columns = [of_engine(values, engine) for engine in ENGINES]
    rows = [(what, *[f"{column[what]:,.0f} {'µs' if 'time' in what else 'B'}"
                     for column in columns]) for what in columns[0]]
    rows.append(("processor time of a page of 50", f"{page_us(values):,.0f} µs", ""))
    rows.append(("memory of an idle connection", *[f"{idle_kib(values):.1f} KiB"] * 2))
    return markdown(("measured", *ENGINES), rows)


def years(values):
    """What a year comes to: a column for each practice and engine."""
    columns = {f"{practice}, {engine}": year(clinicians, of_engine(values, engine),
                                             page_us(values), idle_kib(values))
               for practice, clinicians in PRACTICES for engine in ENGINES}
    rows = [(what, *[form.format(found[key]) for found in columns.values()])
            for what, key, form in ROWS]
    return markdown(("", *columns), rows)


if __name__ == "__main__":
    all_values = by_name(json.loads(Path(sys.argv[1]).read_text())["figures"])
    print(units(all_values) + "\n\n" + years(all_values))
