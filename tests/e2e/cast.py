"""The people of a throw-away practice, enrolled and consenting through the real programs.

Every call of `postern` that brings a practice to life stands here once; the
demo, the end-to-end tests and the benchmarks share it. All names are invented.
"""
import datetime
import json
import subprocess
from pathlib import Path

from e2e.harness import Client

# A made-up number whose check digit is right (45 CFR 162.406: Luhn over 80840 and the number).
NPIS = ["1234567893", "1987654328", "1112223338"]
SPECIALTY = "family medicine"


def today(days=0):
    return (datetime.datetime.now(datetime.timezone.utc).date() +
            datetime.timedelta(days=days)).isoformat()


def soon(seconds):
    at = datetime.datetime.now(datetime.timezone.utc) + datetime.timedelta(seconds=seconds)
    return at.strftime("%Y-%m-%dT%H:%M:%S.000Z")


def years_ago(years):
    date = datetime.datetime.now(datetime.timezone.utc).date()
    try:
        return date.replace(year=date.year - years).isoformat()
    except ValueError:
        return date.replace(year=date.year - years, day=28).isoformat()


class Person(Client):
    """A client with its name, role and what the practice knows of it."""

    def __init__(self, gateway, profile, name, role):
        super().__init__(gateway, profile)
        self.name = name
        self.role = role
        self.id = None
        self.passphrase_file.write_text(f"an invented passphrase of {profile} for the demo\n")
        self.passphrase_file.chmod(0o600)

    @property
    def is_staff(self):
        return self.role not in ("patient", "representative")

    def run(self, *args, **options):
        factor = ["--totp-secret-file", self.totp_file] if self.is_staff else []
        return super().run(*args, *factor, **options)

    def enrol(self, link):
        options = ["--login", self.profile,
                   "--recovery-code-file", self.folder / f"{self.profile}.recovery"]
        self.run("enrol", link, *options)
        self.id = self.json("whoami")["id"]
        return self

    def token(self):
        state = Path(self.environment["XDG_STATE_HOME"]) / "postern" / self.profile / "session"
        return state.read_text().split("\n", 1)[0].strip()

    def material(self, thread, purpose_keys=None):
        """What tests/tools/forge needs to make messages as this person would."""
        done = subprocess.run(
            [self.gateway.build / "tests/tools/material", "--profile", self.profile],
            capture_output=True, text=True, check=True, env=self.environment)
        material = json.loads(done.stdout)
        status, _, keys = self.gateway.request("GET", f"/v1/threads/{thread}/keys",
                                               token=self.token())
        if status != 200:
            keys = purpose_keys or {"keys": []}
        material["thread"] = thread
        material["recipients"] = [key["recipient"] for key in keys["keys"]]
        material["keys"] = keys
        return material


class Practice:
    """Brought up step by step; what it has so far is in its attributes.

    second: folder and port for another gateway beside the first, at which
    patients are then served; None: there is one gateway for all.
    """

    def __init__(self, gateway, second=None):
        self.gateway = gateway
        self.second = second
        self.portal = gateway  # where patients go
        self.people = {}
        self.patients = {}
        self.shares = gateway.folder / "shares"
        self.team = None

    def add(self, profile, name, role):
        person = Person(self.gateway, profile, name, role)
        if not person.is_staff and self.portal is not self.gateway:
            person = person.at(self.portal)
        self.people[profile] = person
        return person

    def open_second(self):
        self.portal = self.gateway.beside(*self.second)
        self.portal.start()

    def stop(self):
        for gateway in {self.portal, self.gateway}:
            gateway.stop()

    def __getitem__(self, profile):
        return self.people[profile]

    def open(self):
        """Records key, store, root: the practice exists and its administrator is in."""
        self.gateway.lay_out()
        custodian = Client(self.gateway, "custodian")
        made = custodian.json("records", "init", "--custodians", 3, "--threshold", 2,
                              "--shares", self.shares)
        self.records_key = made["recipient"]
        link = self.gateway.init(self.records_key)
        self.gateway.start()
        if self.second:
            self.open_second()
        admin = self.add("admin", "Alex Placeholder", "administrator")
        admin.enrol(link)
        admin.run("admin", "records-key", "--fingerprint", made["fingerprint"])
        return admin

    def hire(self, profile, name, role):
        person = self.add(profile, name, role)
        link = self.people["admin"].json("admin", "user", "add", "--name", name, "--role", role)
        return person.enrol(link["link"])

    def check_credential(self, clinician, number, specialty=SPECIALTY, until=None):
        self.people["admin"].run("admin", "credential", clinician.id, "--kind", "npi",
                                 "--number", number, "--specialty", specialty,
                                 "--until", until or today(365))

    def register(self, intake, profile, name, language="en", email=None, phone=None):
        """A patient at the desk: identity seen, on file, not yet enrolled."""
        person = self.add(profile, name, "patient")
        options = ["--name", name, "--birth", "1980-02-29", "--language", language,
                   "--document", "passport"]
        options += ["--email", email] if email else []
        options += ["--phone", phone] if phone else []
        person.id = intake.json("patient", "add", *options)["id"]
        self.patients[profile] = person
        return person

    def visit(self, recorder, patient, clinician, date=None):
        recorder.run("patient", "visit", patient.id, "--clinician", clinician.id,
                     "--date", date or today(-30), "--kind", "in-person")

    def consent(self, intake, patient, purposes=("messages",), decision="given",
                method="in-person", **options):
        """Captured by staff; in person, an enrolled patient would have to sign it too."""
        arguments = ["consent", "record", patient.id, "--decision", decision,
                     "--yes-discussed", "sealed,who-reads,not-urgent", "--method", method]
        for purpose in purposes:
            arguments += ["--purpose", purpose]
        for name, value in options.items():
            arguments += [f"--{name.replace('_', '-')}", value]
        return intake.json(*arguments)

    def let_in(self, intake, patient):
        """A one-time code at the desk, and enrolment on the patient's own device."""
        link = intake.json("patient", "invite", patient.id)["link"]
        patient.enrol(link)
        return patient


def small_practice(gateway):
    """One administrator, one of intake, two clinicians in a team, two consenting patients."""
    practice = Practice(gateway)
    practice.open()
    ines = practice.hire("ines", "Ines Intakeworth", "intake")
    carol = practice.hire("carol", "Carol Clinician", "clinician")
    chris = practice.hire("chris", "Chris Colleague", "clinician")
    practice.check_credential(carol, NPIS[0])
    practice.check_credential(chris, NPIS[1])
    practice.team = carol.json("team", "add", "--name", "Riverside team",
                               "--member", chris.id)["id"]
    for profile, name in (("ada", "Ada Example"), ("ben", "Ben Sample")):
        patient = practice.register(ines, profile, name, email=f"{profile}@mail.example")
        practice.visit(ines, patient, carol)
        practice.consent(ines, patient, ["messages", "images"])
        practice.let_in(ines, patient)
    return practice


class Forger:
    """Messages in one conversation that no honest client makes, by tests/tools/forge."""

    def __init__(self, practice, person, thread):
        self.practice, self.person, self.thread = practice, person, thread
        self.gateway = practice.gateway
        self.folder = self.gateway.folder / "forged"
        self.folder.mkdir(exist_ok=True)
        self.material = person.material(thread)
        own = {person.id} if person.role == "patient" else {practice.team}
        self.material["to"] = sorted(key["owner"] for key in self.material["keys"]["keys"]
                                     if key["kind"] != "records" and key["owner"] not in own)

    def write(self, out, *options):
        material = self.folder / "material.json"
        material.write_text(json.dumps(self.material))
        subprocess.run([self.gateway.build / "tests/tools/forge", material, out,
                        *map(str, options)], check=True)
        material.unlink()
        return out

    def make(self, flaw="none", *options):
        return self.write(self.folder / f"{flaw}.sealed", "--flaw", flaw, *options).read_bytes()

    def bundle(self, count, size):
        return self.write(self.folder / f"{count}.bundle", "--bundle", "--count", count,
                          "--bytes", size)

    def post(self, content, kind="application/vnd.postern.sealed", connection=None):
        return self.gateway.request("POST", f"/v1/threads/{self.thread}/messages", content,
                                    {"Content-Type": kind}, self.person.token(), connection)

    def code(self, content, kind="application/vnd.postern.sealed"):
        status, _, answer = self.post(content, kind)
        return answer.get("code", status) if isinstance(answer, dict) else status


def unbundle(path):
    content, at = path.read_bytes(), 0
    while at < len(content):
        size = int.from_bytes(content[at:at + 4], "little")
        yield content[at + 4:at + 4 + size]
        at += 4 + size
