"""Every kind of wrong exchange, and the reason it is refused for."""
import json
import socket
import ssl
import time

from demo.exchange import send
from e2e import cast
from e2e.cast import Forger

def code_of(done):
    """The refusal's code, from the problem object that --json prints."""
    try:
        return json.loads(done.stdout).get("code", "?")
    except ValueError:
        return f"exit {done.returncode}"


def refused(sender, patient, *options):
    done = sender.run("--json", "send", "--to", patient.id, *options, text="A made-up text.\n",
                      check=False)
    return code_of(done)


def plain_http(gateway):
    with socket.create_connection(("127.0.0.1", gateway.port), 20) as plain:
        plain.sendall(b"POST /v1/session HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n")
        return int(plain.recv(64).split(b" ")[1])


def on_the_wire(play, practice):
    play.title("Refused on the wire")
    gateway = practice.gateway
    play.step("plain HTTP on the TLS port", 426, plain_http(gateway))
    forger = Forger(practice, practice["carol"], practice.thread)
    play.step("a plain text body", "not-sealed",
              forger.code(b"Dear Ada, your results are in.", "text/plain"))
    play.step("plain mail under the sealed media type", "not-sealed",
              forger.code(forger.make("plain")))
    play.step("plain mail dressed as an age file", "not-sealed",
              forger.code(forger.make("dressed")))
    play.step("a header that describes other bytes", "not-sealed",
              forger.code(forger.make("hash")))
    play.step("sealed to fewer keys than it must be", "wrong-recipients",
              forger.code(forger.make("fewer-keys")))
    play.step("a changed signature", "bad-signature", forger.code(forger.make("signature")))
    play.step("a signature by a key nobody certified", "bad-signature",
              forger.code(forger.make("unknown")))
    play.step("a message dated two days ago", "clock", forger.code(forger.make("stale")))
    good = forger.make("none")
    status, _, first = forger.post(good)
    play.step("an honest one", 201, status)
    status, _, again = forger.post(good)
    play.step("the same bytes again get the same answer", first["id"], again.get("id"))
    play.step("other bytes under the same id", "replayed",
              forger.code(forger.make("none", "--id", first["id"])))
    play.step("too many attachments", "too-large",
              forger.code(forger.make("none", "--attachments", 21)))
    play.step("more than 36 MiB", "too-large",
              forger.code(forger.make("none", "--bytes", 38 * 1024 * 1024)))
    found_by_reader(play, practice, forger)


def found_by_reader(play, practice, forger):
    """The gateway cannot see these; the reader's client can, and says so."""
    ada = practice["ada"]
    for flaw, what in (("stanza", "a stanza that opens nothing"),
                       ("inner", "inner headers of another conversation")):
        status, _, answer = forger.post(forger.make(flaw))
        done = ada.run("read", answer["id"], check=False) if status == 201 else None
        play.step(f"{what}: accepted by the server, stopped by the reader's client", 65,
                  done.returncode if done else status)


def by_consent(play, practice):
    play.title("Refused for want of consent or relationship")
    carol, team = practice["carol"], ("--team", practice.team)
    for profile, code, what in (("nora", "consent-missing", "no consent on record"),
                                ("rita", "consent-refused", "the patient refused"),
                                ("will", "consent-withdrawn", "the patient withdrew"),
                                ("nick", "not-established", "no professional service yet"),
                                ("oscar", "not-established", "the last one four years ago")):
        play.step(f"to {practice[profile].name}, {what}", code,
                  refused(carol, practice[profile], *team))
    time.sleep(max(0, practice.xena_ends - time.time()) + 1)
    play.step("to Xena Expired, whose consent has ended since", "consent-expired",
              refused(carol, practice["xena"], *team))
    photo = practice.gateway.folder / "things" / "skin.png"
    play.step("a photograph where consent covers words alone", "consent-scope",
              refused(carol, practice["ben"], *team, "--attach", photo))
    play.step("the patient is told before typing", "consent-withdrawn",
              refused(practice["will"], practice["will"], *team))


def by_person(play, practice):
    play.title("Refused for who asks")
    gateway = practice.gateway
    play.step("intake staff may not write to patients", "not-permitted",
              refused(practice["ines"], practice["ada"], "--team", practice.team))
    practice.visit(practice["ines"], practice["ada"], practice["lars"])
    play.step("a clinician whose credential lapsed yesterday", "credential",
              refused(practice["lars"], practice["ada"], "--team", practice.skin_team))
    path = f"/v1/patients/{practice['ada'].id}"
    absent = "/v1/patients/01900000-0000-7000-8000-000000000000"
    stranger = [gateway.request("GET", at) for at in (path, absent)]
    play.step("a stranger asks about a patient", 401, stranger[0][0])
    play.step("and is told the same about nobody", True, stranger[0][2] == stranger[1][2])
    other = [gateway.request("GET", at, token=practice["ben"].token()) for at in (path, absent)]
    play.step("another patient asks", 404, other[0][0])
    for answer in other:
        answer[2].pop("event", None)
    play.step("and is told the same about nobody", True, other[0][2] == other[1][2])
    sign_in(play, practice)


def sign_in(play, practice):
    gateway = practice.gateway
    wrong = {"auth": "A" * 43}
    for login, what in (("carol", "a wrong passphrase"), ("nobody-at-all", "an unknown login")):
        status, _, answer = gateway.request("POST", "/v1/session", {"login": login, **wrong})
        play.step(what, "401 not-authenticated", f"{status} {answer.get('code')}")
    carol = practice["carol"]
    other = cast.Person(gateway, "carol-elsewhere", carol.name, "patient")
    other.environment["POSTERN_PASSPHRASE_FILE"] = str(carol.passphrase_file)
    done = other.run("--json", "login", "--login", "carol", check=False)
    play.step("the right passphrase without the second factor", "not-authenticated", code_of(done))
    gateway_tls_1_2(play, gateway)


def gateway_tls_1_2(play, gateway):
    old = ssl.create_default_context(cafile=gateway.ca)
    old.maximum_version = ssl.TLSVersion.TLSv1_2
    try:
        with socket.create_connection(("127.0.0.1", gateway.port), 20) as raw:
            with old.wrap_socket(raw, server_hostname="localhost") as tls:
                came = tls.version()
    except (ssl.SSLError, ConnectionError):
        came = "refused"
    play.step("TLS 1.2, where the practice asks for 1.3", "refused", came)


def play(play, practice):
    for part in (on_the_wire, by_consent, by_person):
        play.part(part, practice)
