"""./dev bench [NAME] [--json]: the measurements, as ratios taken in one run.

Every figure is compared with a peer that runs on the same machine in the same
minutes; a median of several rounds, peers and ourselves in turns. Prints
figures, passes and fails nothing.
"""
import argparse
import json
import os
import platform
import shutil
import signal
import subprocess
import sys
import tempfile
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

# (after the path is set)
from bench import acceptance, attachment, growth, handshakes, idle, sizing  # noqa: E402
from bench import stored, two_gateways  # noqa: E402
from bench.measuring import figure  # noqa: E402

ROUNDS = 3


def machine():
    model = "unknown"
    for line in Path("/proc/cpuinfo").read_text().splitlines():
        if line.startswith("model name"):
            model = line.split(":", 1)[1].strip()
            break
    memory = int(Path("/proc/meminfo").read_text().split()[1]) // 1024
    return {"cpu": model, "cores": os.cpu_count(), "memory_mib": memory,
            "kernel": platform.release(), "file_system": file_system(tempfile.gettempdir())}


def file_system(path):
    done = subprocess.run(["stat", "-f", "-c", "%T", path], capture_output=True, text=True)
    return done.stdout.strip()


def from_program(command):
    """Figures of a bench program that prints the same JSON by itself."""
    done = subprocess.run(command, capture_output=True, text=True)
    if done.returncode != 0:
        print(done.stderr, file=sys.stderr)
        raise SystemExit(f"{command[0]} failed")
    return json.loads(done.stdout)["figures"]


def bench_age(build, work):
    return from_program(["bash", str(HERE / "bench_age.sh"), "--json", str(build / "postern")])


def bench_store(build, work):
    return from_program([str(build / "tests/bench/bench_store"), "--json", str(work)])


def bench_handshakes(build, work):
    result = handshakes.measure(build, work, ROUNDS)
    return [figure("full TLS 1.3 handshakes with one small request", result["postern"], "1/s",
                   "nginx", result["postern"] / result["nginx"], 0.9)]


def bench_acceptance(build, work):
    result = acceptance.measure(build, work, ROUNDS)
    return [figure("durable acceptance of sealed 4 KiB messages, 64 connections",
                   result["postern"], "1/s", "bare SQLite in groups of 64",
                   result["postern"] / result["sqlite"], 0.35),
            figure("the same at half that rate, 99th percentile", result["postern_p99_ms"], "ms",
                   "bare SQLite at that rate", result["sqlite_p99_ms"] / result["postern_p99_ms"],
                   0.333)]


def bench_idle(build, work):
    return idle.measure(build, work)


def bench_attachment(build, work):
    return attachment.measure(build, work, ROUNDS)


def bench_growth(build, work):
    return growth.measure(build, work, ROUNDS)


def bench_stored(build, work):
    return stored.measure(build, work, ROUNDS)


def bench_postgresql(build, work):
    return two_gateways.measure(build, work, ROUNDS)


def bench_sizing(build, work):
    return sizing.measure(build, work)


# Name: what it measures, and how long that takes on two cores.
BENCHES = {
    "age": (bench_age, "postern seal and open beside age; 1 min"),
    "store": (bench_store, "rows of accepted messages beside bare SQLite; 1 min"),
    "handshakes": (bench_handshakes, "full TLS handshakes beside nginx; 1 min"),
    "acceptance": (bench_acceptance, "durable acceptance beside bare SQLite; 3 min"),
    "idle": (bench_idle, "memory of 10,000 idle signed-in connections; 1 min"),
    "attachment": (bench_attachment, "a file of 25 MiB up and down beside curl and nginx; 1 min"),
    "growth": (bench_growth, "acceptance over 1 to 512 connections, of 1 KiB to 25 MiB; 4 min"),
    "postgresql": (bench_postgresql, "acceptance by two gateways over one PostgreSQL beside "
                                     "pgbench; 3 min"),
    "sizing": (bench_sizing, "bytes and processor time of one message, on both engines; 2 min"),
    "stored": (bench_stored, "pages and acceptance as 10^4 to 10^7 messages are stored; "
                             "15 min and 20 GB of disk"),
}


def table(figures):
    for one in figures:
        print(f"{one['name']}\n    {one['value']:,.1f} {one['unit']}" + (
            f", {one['ratio']:.2f} of {one['against']}" if one["ratio"] is not None else "") + (
            f"  bar {one['bar']:g}, {'met' if one['met'] else 'not met'}" if one["bar"] else ""),
            flush=True)


def read_arguments():
    parser = argparse.ArgumentParser(
        prog="./dev bench", formatter_class=argparse.RawDescriptionHelpFormatter,
        epilog="\n".join(f"  {name:12}{what}" for name, (_, what) in BENCHES.items()))
    parser.add_argument("name", nargs="*", metavar="NAME", help="which; all without one")
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--build", required=True, type=Path, help=argparse.SUPPRESS)
    args = parser.parse_args()
    unknown = set(args.name) - set(BENCHES)
    if unknown:
        parser.error(f"no such measurement: {', '.join(sorted(unknown))}")
    return args


def main():
    args = read_arguments()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended
    facts, figures = machine(), []
    if not args.json:
        print(", ".join(f"{key} {value}" for key, value in facts.items()))
    work = Path(tempfile.mkdtemp(prefix="postern-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    work.chmod(0o755)  # every role has a user of its own
    try:
        for name, (bench, _) in BENCHES.items():
            if not args.name or name in args.name:
                found = bench(args.build.resolve(), work)
                figures += found
                if not args.json:
                    table(found)
    finally:
        shutil.rmtree(work, ignore_errors=True)
    if args.json:
        print(json.dumps({"machine": facts, "figures": figures}))


if __name__ == "__main__":
    main()
