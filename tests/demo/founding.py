"""The practice's first day: keys, people, teams, patients, consent."""
import time

from demo.exchange import send
from e2e import cast

STAFF = [
    ("ines", "Ines Intakeworth", "intake"),
    ("igor", "Igor Frontdesk", "intake"),
    ("carol", "Carol Clinician", "clinician"),
    ("chris", "Chris Colleague", "clinician"),
    ("dana", "Dana Dermatest", "clinician"),
    ("lars", "Lars Lapsington", "clinician"),
    ("olga", "Olga Overseer", "compliance"),
]

# profile, name, language, purposes beside messages
CONSENTING = [
    ("ada", "Ada Example", "en", ["images", "email-notice"]),
    ("ben", "Ben Sample", "en", []),
    ("carla", "Carla Ejemplo", "es", ["images"]),
    ("diego", "Diego Muestra", "es", []),
    ("ella", "Ella Specimen", "en", ["email-notice"]),
]


# Long enough to enrol and write once, also under sanitizers; waited for later.
SHORT_CONSENT_S = 15


def address(profile):
    return f"{profile}@mail.example"


def open_practice(play, practice):
    play.title("The practice is founded")
    admin = practice.open()
    play.step("custodians make the records key offline, split 2 of 3", 3,
              len(list(practice.shares.glob("*.share"))))
    play.step("the first administrator enrols and makes the practice's root", "administrator",
              ", ".join(admin.json("whoami")["roles"]))
    for profile, name, role in STAFF:
        person = practice.hire(profile, name, role)
        play.step(f"{role} enrols by a one-time code: {name}", role,
                  ", ".join(person.json("whoami")["roles"]))
    for profile, number, specialty in (("carol", cast.NPIS[0], cast.SPECIALTY),
                                       ("chris", cast.NPIS[1], cast.SPECIALTY),
                                       ("dana", cast.NPIS[2], "dermatology")):
        practice.check_credential(practice[profile], number, specialty)
    practice.check_credential(practice["lars"], cast.NPIS[0], "dermatology",
                              until=cast.today(-1))
    wrong = admin.run("admin", "credential", practice["carol"].id, "--kind", "npi",
                      "--number", "1234567890", "--specialty", "surgery",
                      "--until", cast.today(30), check=False)
    play.step("a credential number with a wrong check digit", "refused",
              "taken" if wrong.returncode == 0 else "refused")


def make_teams(play, practice):
    carol, dana = practice["carol"], practice["dana"]
    practice.team = carol.json("team", "add", "--name", "Riverside team",
                               "--member", practice["chris"].id)["id"]
    practice.skin_team = dana.json("team", "add", "--name", "Skin team",
                                   "--member", practice["lars"].id)["id"]
    names = sorted(team["name"] for team in carol.json("team", "list")["items"])
    play.step("clinicians make their teams, each with a key of its own",
              "Riverside team, Skin team", ", ".join(names))


def admit_patients(play, practice):
    play.title("Intake: registration, consent in two languages, enrolment")
    ines = practice["ines"]
    for profile, name, language, extra in CONSENTING:
        patient = practice.register(ines, profile, name, language, email=address(profile))
        practice.visit(ines, patient, practice["carol"])
        purposes = ["messages"] + [f"{purpose}={address(profile)}" if "notice" in purpose
                                   else purpose for purpose in extra]
        came = practice.consent(ines, patient, purposes, witness="Igor Frontdesk")
        practice.let_in(ines, patient)
        play.step(f"{name} is registered, consents ({language}) and enrols", "given",
                  came["state"])


def admit_the_others(play, practice):
    """Those with whom an exchange must be refused, and why."""
    ines = practice["ines"]
    people = [("nora", "Nora Noconsent"), ("rita", "Rita Refusal"), ("will", "Will Withdrew"),
              ("xena", "Xena Expired"), ("nick", "Nick Newcomer")]
    for profile, name in people:
        patient = practice.register(ines, profile, name, email=address(profile))
        if profile != "nick":
            practice.visit(ines, patient, practice["carol"])
    old = practice.register(ines, "oscar", "Oscar Longago", email=address("oscar"))
    practice.visit(ines, old, practice["carol"], cast.years_ago(4))
    came = practice.consent(ines, practice["rita"], decision="refused")
    play.step("a refusal is a record too, and an equal choice", "refused", came["state"])
    practice.consent(ines, practice["will"])
    practice.consent(ines, practice["nick"])
    practice.xena_ends = time.time() + SHORT_CONSENT_S
    practice.consent(ines, practice["xena"], expires=cast.soon(SHORT_CONSENT_S))
    practice.consent(ines, old)
    for profile in ("xena", "will", "nick", "oscar", "nora", "rita"):
        practice.let_in(ines, practice[profile])
        if profile == "xena":
            came = send(practice["carol"], practice[profile], "--team", practice.team)
            play.step(f"a consent that ends in {SHORT_CONSENT_S} seconds is good meanwhile", 1,
                      came["seq"])
    came = practice["will"].json("consent", "withdraw")
    play.step("a patient withdraws consent on their own device", "withdrawn", came["state"])
    play.step("all is on record for the patient to see", 2,
              len(practice["will"].json("consent", "show")["items"]))


def name_representative(play, practice):
    ines, ella = practice["ines"], practice["ella"]
    rosa = practice.add("rosa", "Rosa Parentis", "representative")
    made = ines.json("patient", "represent", ella.id, "--name", rosa.name, "--authority",
                     "power-of-attorney", "--until", cast.today(365))
    rosa.enrol(made["link"])
    shown = ines.json("patient", "show", ella.id)["representatives"]
    play.step("a representative is named, invited and enrolled", "power-of-attorney",
              shown[0]["authority"])


def play(play, practice):
    open_practice(play, practice)
    make_teams(play, practice)
    admit_patients(play, practice)
    admit_the_others(play, practice)
    name_representative(play, practice)
    practice.ledger_key = (practice.gateway.data / "ledger.key.pub").read_text().strip()
