"""./dev demo: a throw-away practice, played from its first day by the real programs.

With --engine postgresql over a throw-away PostgreSQL with two gateways, staff at
one and patients at the other. One line a step: what was done, what was expected, what came. With --exit the
exit status is 0 only if every step did what it should; without, the gateway
goes on serving until Ctrl-C.
"""
import argparse
import json
import shutil
import signal
import socket
import sys
import tempfile
import time
from pathlib import Path

HERE = Path(__file__).resolve().parent
sys.path.insert(0, str(HERE.parent))

from demo import exchange, founding, recovery, refusals  # noqa: E402  (after the path is set)
from e2e.cast import Practice  # noqa: E402
from e2e.harness import Gateway, TOP, free_port, reachable  # noqa: E402
from e2e.postgres import Cluster  # noqa: E402

PORT = 8443


class Play:
    """Counts and prints steps; colours only for a terminal."""

    def __init__(self):
        self.count = self.failed = 0
        self.began = time.monotonic()
        self.colour = sys.stdout.isatty()

    def title(self, text):
        print(f"\n{text}")

    def step(self, what, expected, came, ok=None):
        ok = expected == came if ok is None else ok
        self.count += 1
        self.failed += not ok
        mark = "ok  " if ok else "FAIL"
        if self.colour:
            mark = f"\033[{32 if ok else 31}m{mark}\033[0m"
        print(f"{mark} {self.count:3d}  {what}: expected {expected}"
              + ("" if ok and expected == came else f", came {came}"), flush=True)
        return ok

    def part(self, part, practice):
        """A part of the play; what breaks off in it is a step that failed."""
        try:
            part(self, practice)
        except (RuntimeError, KeyError, IndexError, ValueError, OSError) as error:
            self.step(part.__name__.replace("_", " "), "played to its end", str(error), ok=False)

    def summary(self):
        print(f"\n{self.count} steps, {self.failed} not as expected, "
              f"{time.monotonic() - self.began:.0f} s")


def describe(practice):
    """demo.json: for people and scripts that want to go on from here."""
    gateway = practice.gateway
    people = []
    for person in practice.people.values():
        entry = {"name": person.name, "role": person.role, "login": person.profile,
                 "id": person.id, "passphrase_file": str(person.passphrase_file),
                 "profile": person.profile}
        if person.is_staff:
            entry["totp_secret_file"] = str(person.totp_file)
        if person.role == "patient":
            entry["patient"] = person.id
        people.append(entry)
    for name, share in zip(("Casey Custodian", "Robin Keyholder", "Jamie Vaultward"),
                           sorted(practice.shares.glob("*.share"))):
        people.append({"name": name, "role": "custodian", "share": str(share)})
    whole = {"server": gateway.url, "ca": str(gateway.ca), "config": str(gateway.config),
             "state": str(gateway.folder / "state"), "ledger_key": practice.ledger_key,
             "people": people}
    if practice.second:
        whole["second"] = {"server": practice.portal.url, "config": str(practice.portal.config)}
    path = gateway.folder / "demo.json"
    path.write_text(json.dumps(whole, indent=2, ensure_ascii=False) + "\n")
    return path


def addresses(practice, path):
    print(f"\nServing {practice.gateway.url}, certificate authority {practice.gateway.ca}")
    if practice.second:
        print(f"and, for patients, {practice.portal.url}: either serves everybody")
    print(f"Everything a script needs: {path}\n")
    print("Sign-ins (passphrases and one-time-code secrets are in the files of demo.json):")
    for person in practice.people.values():
        print(f"  {person.profile:12} {person.role:14} {person.name}")
    print("\nFor example:")
    print(f"  export XDG_STATE_HOME={practice.gateway.folder / 'state'} "
          f"POSTERN_CA={practice.gateway.ca}")
    print(f"  {practice.gateway.program('postern')} --profile carol threads")


def prepare(folder):
    """An empty folder for the practice, and where it really is.

    An earlier demo's is replaced; anything else is left alone. Below a folder
    that only root may enter, as root's home is, the roles' users could not reach
    it: then it is made elsewhere and the folder is a link to it.
    """
    folder = folder.parent.resolve() / folder.name
    if folder.exists() and any(folder.iterdir()):
        if not (folder / "postern.conf").exists():
            sys.exit(f"demo: {folder} holds something else; choose another --dir")
        shutil.rmtree(folder.resolve())
    if folder.is_symlink():
        folder.unlink()
    folder.parent.mkdir(parents=True, exist_ok=True)
    if reachable(folder):
        folder.mkdir(exist_ok=True)
        return folder
    if folder.exists():
        folder.rmdir()
    elsewhere = Path(tempfile.mkdtemp(prefix="postern-demo-", dir="/var/tmp"))
    folder.symlink_to(elsewhere)
    return elsewhere


def in_use(port):
    with socket.socket() as probe:
        return probe.connect_ex(("127.0.0.1", port)) == 0


def serve():
    print("\nCtrl-C ends it.", flush=True)
    while True:
        signal.pause()


def on_postgresql(practice, cluster, port):
    """The practice's store is there, over TLS; patients get a gateway of their own."""
    if in_use(port):
        port = free_port()
    gateway = practice.gateway
    cluster.start()
    cluster.make_practice()
    gateway.store = cluster.url(cluster.write_passfiles(gateway.folder / "store.pass"))
    practice.second = (gateway.folder / "second", port)
    print(f"PostgreSQL on 127.0.0.1:{cluster.port}; staff at {gateway.url}, "
          f"patients at https://localhost:{port}", flush=True)


def main():
    parser = argparse.ArgumentParser(prog="./dev demo")
    parser.add_argument("--build", required=True, type=Path, help=argparse.SUPPRESS)
    parser.add_argument("--exit", action="store_true", help="stop after the play")
    parser.add_argument("--port", type=int, default=PORT,
                        help=f"port to serve on ({PORT}); 0: any that is free")
    parser.add_argument("--dir", type=Path, default=TOP / "var" / "demo")
    parser.add_argument("--engine", choices=["sqlite", "postgresql"], default="sqlite",
                        help="postgresql: a throw-away one, and a second gateway, on the next port")
    args = parser.parse_args()
    port = args.port or free_port()
    if in_use(port):
        sys.exit(f"demo: port {port} is in use; choose another with --port N")
    gateway = Gateway(prepare(args.dir.absolute()), port=port, build=args.build.resolve())
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    play, practice, played = Play(), Practice(gateway), False
    cluster = Cluster() if args.engine == "postgresql" else None
    try:
        if cluster:
            on_postgresql(practice, cluster, args.port + 1 if args.port else free_port())
        founding.play(play, practice)
        exchange.play(play, practice)
        recovery.play(play, practice)
        refusals.play(play, practice)
        path = describe(practice)
        play.summary()
        played = True
        if not args.exit:
            addresses(practice, path)
            serve()
    except KeyboardInterrupt:
        print("\nstopping", flush=True)
    finally:
        practice.stop()
        if cluster:
            cluster.close()
    sys.exit(0 if played and not play.failed else 1)


if __name__ == "__main__":
    main()
