"""Durable acceptance of sealed 4 KiB messages, beside the same rows put by bare SQLite."""
import json
import statistics
import subprocess
from pathlib import Path

from bench.measuring import load
from e2e import cast
from e2e.harness import Gateway

MESSAGES = 20000
SIZE = 3500  # of the mail; the envelope is then about 4 KiB
CONNECTIONS = 64
SOURCES = 8  # addresses they come from: the door lets one hold 256
# Out of the way: what is measured is the path, not the limits that end it.
LIMITS = """limits: { messages-per-minute = 1000000; quota = "1000gb"; };
"""
HTTPS = "requests-per-minute = 1000000;"


def post(gateway, forgers, bundles, rate=None, connections=CONNECTIONS, ports=None):
    """Each forger's bundle, the connections dealt to the forgers in turn."""
    tokens = forgers[0].folder / "token"
    tokens.write_text("".join(f"{forger.person.token()}\n" for forger in forgers))
    lanes = [(f"/v1/threads/{forger.thread}/messages", bundle)
             for forger, bundle in zip(forgers, bundles)]
    return load(gateway.build, ports or [gateway.port], gateway.ca, lanes, tokens=tokens,
                connections=connections, sources=SOURCES, rate=rate)


def bare(build, work, *options):
    done = subprocess.run([build / "tests/bench/bench_store", "--json",
                           *map(str, options or ["--bare"]), work],
                          capture_output=True, text=True, check=True)
    return json.loads(done.stdout)["figures"][0]["value"]


def latencies(gateway, forger, build, work, rate, rounds):
    """99th percentiles in ms at this rate, of the gateway and of bare SQLite."""
    ours, peer = [], []
    for _ in range(rounds):
        ours.append(post(gateway, [forger], [forger.bundle(MESSAGES // 2, SIZE)], rate)["p99_ms"])
        peer.append(bare(build, work, "--paced", rate))
    return {"postern_p99_ms": statistics.median(ours), "sqlite_p99_ms": statistics.median(peer)}


def measure(build, work, rounds):
    gateway = Gateway(Path(work) / "acceptance", build=build, extra=LIMITS, https=HTTPS)
    practice = cast.small_practice(gateway)
    try:
        first = practice["carol"].json("send", "--to", practice["ada"].id, "--team", practice.team,
                                       text="The first.\n")
        forger = cast.Forger(practice, practice["carol"], first["thread"])
        ours, peer = [], []
        for _ in range(rounds):
            ours.append(post(gateway, [forger], [forger.bundle(MESSAGES, SIZE)])["per_second"])
            peer.append(bare(build, work))
        top = {"postern": statistics.median(ours), "sqlite": statistics.median(peer)}
        return top | latencies(gateway, forger, build, work, top["postern"] / 2, rounds)
    finally:
        gateway.stop()
