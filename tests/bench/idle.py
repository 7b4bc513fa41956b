"""What an idle connection of somebody signed in weighs, in all roles together."""
import json
import subprocess
from pathlib import Path

from bench.measuring import allow_files, figure, load_command, pids, pss_bytes
from bench.stored import Stored

CONNECTIONS = 10000
# The door lets one address hold 256 by default: so many addresses as that takes, and some more.
SOURCES = 50
# Descriptors: the door counts on three for each connection, and some (server/door/door.c).
FILES_EACH, FILES_MORE = 3, 200
BAR_KIB = 32


def hold(practice, tokens, connections):
    """The load generator with all its connections answered and idle."""
    command = load_command(practice.build, [practice.gateway.port], practice.gateway.ca,
                           connections=connections, sources=SOURCES, tokens=tokens, kind="hold",
                           get="/v1/threads?limit=1")
    process = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    line = process.stdout.readline()
    if line != "holding\n":
        process.kill()
        process.wait()
        raise RuntimeError("the connections did not all come about")
    return process


def measure(build, work, wanted=CONNECTIONS):
    files = allow_files(wanted * FILES_EACH + FILES_MORE)
    connections = min(wanted, (files - FILES_MORE) // FILES_EACH)
    # Each connection is of another person: a session each, as many as connections.
    practice = Stored(build, Path(work) / "idle", users=connections)
    try:
        tokens = practice.forger.folder / "tokens"
        practice.fill(connections, connections, "--tokens", tokens)
        roles = practice.gateway.roles()
        before = {role: pss_bytes([pid]) for role, pid in roles.items()}
        process = hold(practice, tokens, connections)
        try:
            after = {role: pss_bytes([pid]) for role, pid in roles.items()}
        finally:
            said, _ = process.communicate()
        report = json.loads(said)
        if report["failures"] or report["lost"] or report["requests"] != connections:
            raise RuntimeError(said)
        assert pids(practice.gateway) == sorted(roles.values()), "a role was started anew"
    finally:
        practice.gateway.stop()
    each = {role: (after[role] - before[role]) / connections / 1024 for role in roles}
    total = sum(each.values())
    peer = f"{BAR_KIB} KiB"
    figures = [figure(f"memory of an idle signed-in connection, {connections:,} of them (PSS)",
                      total, "KiB", peer, BAR_KIB / total, 1)]
    figures += [figure(f"of that in {role}", each[role], "KiB") for role in ("door", "web")]
    whole = sum(after.values()) / 1024 / 1024
    figures.append(figure("all roles with these connections", whole, "MiB"))
    return figures
