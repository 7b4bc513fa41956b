"""What several benchmarks share: the load generator, and what a gateway's processes cost."""
import contextlib
import json
import os
import resource
import statistics
import subprocess
import threading
from pathlib import Path

TICKS = os.sysconf("SC_CLK_TCK")
MIB = 1024 * 1024


def load_command(build, ports, ca, lanes=(), **options):
    """The command line of tests/bench/load.c: connections=64 is --connections 64; lanes are pairs
    of a path to post to and a bundle."""
    command = [build / "tests/bench/load", "--ca", ca]
    for path, bundle in lanes:
        command += ["--post", path, "--bundle", bundle]
    for name, value in options.items():
        if value is not None:
            command += [f"--{name}", value]
    return [str(word) for word in command + list(ports)]


def load(build, ports, ca, lanes=(), **options):
    """Runs it; answers its report. A single failed request is an error: no figure then."""
    done = subprocess.run(load_command(build, ports, ca, lanes, **options), capture_output=True,
                          text=True, check=False)
    if done.returncode != 0:
        raise RuntimeError(done.stdout + done.stderr)
    return json.loads(done.stdout)


def allow_files(wanted):
    """Descriptors for many connections, here and in what is started from here; answers how many
    there are: more than the machine's limit only where we may raise it."""
    _, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (max(hard, wanted), max(hard, wanted)))
        return max(hard, wanted)
    except ValueError:
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))
        return hard


def cpu_seconds(pids):
    """Processor time of these processes since their start, user and system; of those there are."""
    ticks = 0
    for pid in pids:
        with contextlib.suppress(FileNotFoundError, ProcessLookupError):
            fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
            ticks += int(fields[11]) + int(fields[12])
    return ticks / TICKS


def pss_bytes(pids):
    """Proportional set size of these processes together."""
    total = 0
    for pid in pids:
        for line in Path(f"/proc/{pid}/smaps_rollup").read_text().splitlines():
            if line.startswith("Pss:"):
                total += int(line.split()[1]) * 1024
    return total


class Peak(threading.Thread):
    """The highest PSS of these processes while it runs, looked at every few milliseconds."""

    def __init__(self, pids):
        super().__init__(daemon=True)
        self.pids = pids
        self.before = pss_bytes(pids)
        self.highest = self.before
        self.ended = threading.Event()

    def run(self):
        while not self.ended.wait(0.005):
            self.highest = max(self.highest, pss_bytes(self.pids))

    def __enter__(self):
        self.start()
        return self

    def __exit__(self, *_):
        self.ended.set()
        self.join()

    @property
    def growth(self):
        return self.highest - self.before


def pids(gateway):
    return sorted(gateway.roles().values())


class Cost:
    """Processor time of a gateway's roles while the block runs."""

    def __init__(self, *gateways):
        self.gateways = gateways
        self.seconds = 0.0
        self.by_role = {}

    def now(self):
        found = {}
        for gateway in self.gateways:
            for role, pid in gateway.roles().items():
                found[role] = found.get(role, 0.0) + cpu_seconds([pid])
        return found

    def __enter__(self):
        self.before = self.now()
        return self

    def __exit__(self, *_):
        after = self.now()
        self.by_role = {role: after[role] - self.before.get(role, 0.0) for role in after}
        self.seconds = sum(self.by_role.values())


def median(values):
    return statistics.median(values)


def figure(name, value, unit, against=None, ratio=None, bar=None):
    """As ./dev bench --json prints it. The ratio is how well: 2 is twice as good as the peer;
    without a bar, met is null."""
    return {"name": name, "value": round(value, 3), "unit": unit, "against": against,
            "ratio": None if ratio is None else round(ratio, 3), "bar": bar,
            "met": None if bar is None else ratio >= bar}
