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

from bench import acceptance, handshakes  # noqa: E402  (after the path is set)

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


def figure(name, value, unit, against, ratio, bar):
    return {"name": name, "value": value, "unit": unit, "against": against,
            "ratio": round(ratio, 3), "bar": bar, "met": ratio >= bar}


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


BENCHES = {"age": bench_age, "store": bench_store, "handshakes": bench_handshakes,
           "acceptance": bench_acceptance}


def table(figures):
    for one in figures:
        bar = f"bar {one['bar']:g}, {'met' if one['met'] else 'not met'}" if one["bar"] else ""
        print(f"{one['name']}\n    {one['value']:,.1f} {one['unit']}, "
              f"{one['ratio']:.2f} of {one['against']}  {bar}")


def main():
    parser = argparse.ArgumentParser(prog="./dev bench")
    parser.add_argument("name", nargs="?", choices=sorted(BENCHES))
    parser.add_argument("--json", action="store_true")
    parser.add_argument("--build", required=True, type=Path)
    args = parser.parse_args()
    signal.signal(signal.SIGTERM, signal.default_int_handler)  # so that what runs is ended
    facts, figures = machine(), []
    if not args.json:
        print(", ".join(f"{key} {value}" for key, value in facts.items()))
    work = Path(tempfile.mkdtemp(prefix="postern-bench-", dir=os.environ.get("TMPDIR", "/var/tmp")))
    work.chmod(0o755)  # every role has a user of its own
    try:
        for name, bench in BENCHES.items():
            if args.name in (None, name):
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
