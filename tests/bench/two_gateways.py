"""Durable acceptance by two gateways over one PostgreSQL, beside pgbench putting the same rows."""
import os
import re
import secrets
import shutil
import subprocess
import time
import uuid
from pathlib import Path

from bench import acceptance
from bench.measuring import Cost, cpu_seconds, figure, median
from e2e import cast
from e2e.harness import Gateway
from e2e.postgres import PRACTICE, Cluster, descendants

CONNECTIONS = 64
# As many conversations as requests under way, so that none waits for another's row; of enough
# people that nobody is told to slow down.
PATIENTS, CONVERSATIONS = 16, 4
MESSAGES = 8000  # a round, all senders together
SECONDS = 8  # of pgbench, a round
HEAD_BYTES, PAYLOAD_BYTES = 740, 3360
# Of a server for one practice rather than of a test: what commits promise is PostgreSQL's own
# default (fsync and synchronous_commit on).
SETTINGS = {"shared_buffers": "256MB", "max_wal_size": "2GB", "wal_buffers": "16MB",
            "autovacuum_naptime": "1min"}

# One message: the same rows with as many bytes as a gateway writes, nothing else read or checked.
# An id is a version 7 UUID in shape: time, then random bits.
TRANSACTION = """\\set a random(0, 9223372036854775806)
\\set b random(0, 9223372036854775806)
\\set c random(0, 9223372036854775806)
\\set seq :seq + 1
{start}BEGIN;
INSERT INTO message (id, thread, seq, sender, category, sent_ms, accepted_ms, size_bytes,
 attachments, images, replyto, via, hash, event, consent) VALUES ({id}, {thread}, :seq, {thread}, 0,
 {now}, {now}, 4100, 0, 0, NULL, 0, int8send(:a) || int8send(:b) || int8send(:c) || int8send(:a),
 {event}, {thread});
INSERT INTO message_key (message, position, key_id) VALUES
 ({id}, 0, {thread}), ({id}, 1, {thread}), ({id}, 2, {thread});
INSERT INTO body (message, part, bytes) VALUES ({id}, 0, :head::bytea), ({id}, 1, :payload::bytea);
INSERT INTO event (id, line, leaf) VALUES ({event}, :line, NULL);
UPDATE thread SET last_seq = :seq, changed_at_ms = {now}, size_bytes = size_bytes + 4100, state = 0
 WHERE id = {thread};
COMMIT;
{end}"""
NOW = "(extract(epoch FROM now()) * 1000)::bigint"
WORDS = {
    "now": NOW,
    "id": f"int8send(({NOW} << 16) + 28672 + :a::bigint % 4096) || int8send(:b)",
    "event": f"int8send(({NOW} << 16) + 28672 + :c::bigint % 4096) || int8send(:a)",
    # As many conversations as clients, so that no two wait for each other's row.
    "thread": "int8send(7) || int8send(:client_id)",
}
PREPARE = """INSERT INTO person (id, roles, state, name_enc, created_at_ms)
  SELECT int8send(7) || int8send(i), 1, 1, '\\x00', 0 FROM generate_series(0, {last}) i;
INSERT INTO patient (person, key_enc, name_index, birth_enc, language, identity_enc, created_by,
  created_at_ms) SELECT id, '\\x00', '\\x00', '\\x00', 'en', '\\x00', id, 0 FROM person;
INSERT INTO thread (id, patient, state, created_by, created_at_ms, changed_at_ms)
  SELECT id, id, 0, id, 0, 0 FROM person;
"""


def uuid7():
    number = (time.time_ns() // 1_000_000 << 80) | secrets.randbits(80)
    number = number & ~(0xf << 76) | 7 << 76
    return str(uuid.UUID(int=number & ~(3 << 62) | 2 << 62))


class OnPostgreSQL(Gateway):
    def __init__(self, folder, cluster, **options):
        super().__init__(folder, extra=acceptance.LIMITS, https=acceptance.HTTPS, **options)
        self.cluster = cluster

    def write_config(self):
        super().write_config()
        # A certificate that is not there: else libpq looks into the home folder of who started us.
        url = self.cluster.url(self.cluster.write_passfiles(self.folder / "store.pass"),
                               sslcert=str(self.folder / "none"))
        self.config.write_text(re.sub("^store = .*$", lambda _: f'store = "{url}";',
                                      self.config.read_text(), flags=re.MULTILINE))


def beside(first, folder):
    """A second gateway of the same practice: the same database, vault and certificate."""
    second = OnPostgreSQL(folder, first.cluster, build=first.build)
    second.folder.mkdir(mode=0o755)
    for name in ("data", "certs"):
        shutil.copytree(first.folder / name, second.folder / name,
                        copy_function=copy_with_owner)
        own_as(first.folder / name, second.folder / name)
    second.write_config()
    second.start()
    return second


def own_as(source, target):
    facts = source.stat()
    os.chown(target, facts.st_uid, facts.st_gid)
    target.chmod(facts.st_mode & 0o7777)


def copy_with_owner(source, target):
    shutil.copyfile(source, target)
    own_as(Path(source), Path(target))


class Peer:
    """pgbench on the same server, in a database of the same schema, over TLS like the gateways."""

    def __init__(self, cluster, folder, line):
        self.cluster, self.folder, self.line = cluster, folder, line
        self.copies = 0

    def database(self):
        """A fresh one for each run: else it would grow while ours starts anew."""
        self.copies += 1
        name = f"peer_{self.copies}"
        schema = subprocess.run(
            [self.cluster.bin / "pg_dump", "-h", self.cluster.socket, "-p",
             str(self.cluster.port), "-U", "postgres", "--schema-only", "--no-owner",
             "--no-privileges", PRACTICE], capture_output=True, text=True, check=True,
            cwd=self.cluster.folder).stdout
        self.cluster.sql(f'CREATE DATABASE {name} OWNER "{PRACTICE}" TEMPLATE template0 '
                         "ENCODING 'UTF8' LOCALE 'C'")
        self.cluster.psql(text=schema, database=name, user=PRACTICE)
        self.cluster.psql(text=PREPARE.format(last=CONNECTIONS - 1), database=name, user=PRACTICE)
        return name

    def run(self, pipelined):
        """Messages a second; processor time of the server and of pgbench for one, in µs."""
        name = self.database()
        script = self.folder / "message.pgbench"
        script.write_text(TRANSACTION.format(
            **WORDS, start="\\startpipeline\n" if pipelined else "",
            end="\\endpipeline\n" if pipelined else ""))
        passfile = self.cluster.write_passfiles(self.folder / "peer.pass")
        before = server_cpu(self.cluster)
        done = subprocess.run(
            [self.cluster.bin / "pgbench", "--no-vacuum", "--protocol=prepared",
             f"--client={CONNECTIONS}", "--jobs=2", f"--time={SECONDS}", "--file", script,
             "--define=seq=0", f"--define=line={self.line}",
             f"--define=head=\\x{secrets.token_hex(HEAD_BYTES)}",
             f"--define=payload=\\x{secrets.token_hex(PAYLOAD_BYTES)}", name],
            capture_output=True, text=True, check=False, env={
                **os.environ, "PGHOST": "127.0.0.1", "PGPORT": str(self.cluster.port),
                "PGUSER": PRACTICE, "PGPASSFILE": str(passfile), "PGSSLMODE": "verify-full",
                "PGSSLROOTCERT": str(self.cluster.certs / "ca.crt"), "HOME": str(self.folder)})
        if done.returncode != 0 or "number of failed transactions: 0" not in done.stdout:
            raise RuntimeError(done.stdout + done.stderr)
        rate = float(re.search(r"^tps = ([0-9.]+)", done.stdout, re.MULTILINE)[1])
        cpu_us = (server_cpu(self.cluster) - before) / (rate * SECONDS) * 1e6
        self.cluster.sql(f"DROP DATABASE {name}")
        return rate, cpu_us


def server_cpu(cluster):
    """Of the server and every backend, also of those that have ended."""
    pid = cluster.process.pid
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(") ", 1)[1].split()
    ended = (int(fields[13]) + int(fields[14])) / os.sysconf("SC_CLK_TCK")
    return ended + cpu_seconds([pid, *descendants(pid)])


class Practice:
    def __init__(self, build, work, cluster):
        self.cluster = cluster
        self.gateways = [OnPostgreSQL(work / "one", cluster, build=build)]
        self.people = cast.small_practice(self.gateways[0])
        self.forgers = []
        for number in range(PATIENTS):
            patient = self.admit(number)
            for turn in range(CONVERSATIONS):
                self.forgers.append(self.converse(patient, turn))
        self.gateways.append(beside(self.gateways[0], work / "two"))

    def admit(self, number):
        intake, carol = self.people["ines"], self.people["carol"]
        patient = self.people.register(intake, f"patient-{number}", f"Sample Person {number}")
        self.people.visit(intake, patient, carol)
        self.people.consent(intake, patient)
        return self.people.let_in(intake, patient)

    def converse(self, patient, turn):
        """A new conversation, in which one side goes on: either side in turn."""
        clinician = self.people["carol" if turn < 2 else "chris"]
        thread = uuid7()
        status, _, answer = self.gateways[0].request(
            "POST", "/v1/threads", {"id": thread, "patient": patient.id, "team": self.people.team},
            token=clinician.token())
        if status != 201:
            raise RuntimeError(f"no new conversation: {status} {answer}")
        return cast.Forger(self.people, (clinician, patient)[turn % 2], thread)

    def event_line(self):
        """One as the gateway wrote it for an accepted message."""
        self.people["carol"].json("send", "--to", self.people["ada"].id, "--team",
                                  self.people.team, text="The first.\n")
        return self.cluster.sql("SELECT line FROM event e JOIN message m ON m.event = e.id LIMIT 1",
                                database=PRACTICE)[0][0]

    def post(self, gateways):
        bundles = [forger.write(forger.folder / f"{number}.bundle", "--bundle", "--count",
                                MESSAGES // len(self.forgers), "--bytes", acceptance.SIZE)
                   for number, forger in enumerate(self.forgers)]
        before = server_cpu(self.cluster)
        with Cost(*gateways) as cost:
            report = acceptance.post(gateways[0], self.forgers, bundles, connections=CONNECTIONS,
                                     ports=[gateway.port for gateway in gateways])
        report["server_us"] = (server_cpu(self.cluster) - before) / report["requests"] * 1e6
        report["gateway_us"] = cost.seconds / report["requests"] * 1e6
        for bundle in bundles:
            bundle.unlink()
        return report

    def stop(self):
        for gateway in self.gateways:
            gateway.stop()


def in_turns(practice, peer, rounds):
    taken = {}

    def note(name, value):
        taken.setdefault(name, []).append(value)
    for _ in range(rounds):
        for name, gateways in (("two", practice.gateways), ("one", practice.gateways[:1])):
            report = practice.post(gateways)
            for of in ("per_second", "p99_ms", "server_us", "gateway_us"):
                note((name, of), report[of])
        for name, pipelined in (("plain", False), ("pipelined", True)):
            rate, cpu_us = peer.run(pipelined)
            note((name, "per_second"), rate)
            note((name, "server_us"), cpu_us)
    return {name: median(values) for name, values in taken.items()}


def figures_of(found):
    ours = found["two", "per_second"]
    what = "durable acceptance on PostgreSQL, two gateways, 64 connections"
    return [
        figure(what, ours, "1/s", "pgbench with the same rows, 64 clients",
               ours / found["plain", "per_second"], 0.5),
        figure(f"{what} (pipelined peer)", ours, "1/s",
               "pgbench, each message's rows in one pipeline",
               ours / found["pipelined", "per_second"]),
        figure(f"{what}: 99th percentile at that rate", found["two", "p99_ms"], "ms"),
        figure("the same by one gateway", found["one", "per_second"], "1/s", "two gateways",
               found["one", "per_second"] / ours),
        figure("processor time of PostgreSQL for a message", found["two", "server_us"], "us",
               "pgbench", found["plain", "server_us"] / found["two", "server_us"]),
        figure("processor time of the gateways for a message", found["two", "gateway_us"], "us"),
    ]


def measure(build, work, rounds):
    with Cluster(SETTINGS, within=work) as cluster:
        cluster.start()
        cluster.make_practice()
        practice = None
        try:
            practice = Practice(build, Path(work), cluster)
            peer = Peer(cluster, Path(work), practice.event_line())
            return figures_of(in_turns(practice, peer, rounds))
        finally:
            if practice is not None:
                practice.stop()
