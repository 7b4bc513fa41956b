"""A clinician and a patient write to each other; a colleague joins; others open by right."""
import subprocess
from email import policy
from email.parser import BytesParser

from demo import things

TEXT = "Your results are in: all fine. Está todo bien. 結果は良好です。 🌿\n"
ANSWER = "Thank you! Should I go on with the cream?\n"


def attachments(practice):
    folder = practice.gateway.folder / "things"
    folder.mkdir(exist_ok=True)
    leaflet, photo = folder / "home-care.pdf", folder / "skin.png"
    leaflet.write_bytes(things.pdf(["Home care after your visit", "1. Rest.", "2. Drink water.",
                                    "3. Write to us if it itches."]))
    photo.write_bytes(things.photograph())
    return leaflet, photo


def send(sender, patient, *options, text=TEXT, check=True, json=True):
    call = sender.json if json else sender.run
    return call("send", "--to", patient.id, *options, text=text, check=check)


def open_with_age(practice, patient, message, folder):
    """The `age` program, the patient's own key, and nothing of ours."""
    sealed = folder / "stored.sealed"
    status, _, content = practice.gateway.request("GET", f"/v1/messages/{message}",
                                                  token=patient.token())
    sealed.write_bytes(content)
    key = folder / "patient.key"
    patient.run("keys", "show", "--identity-file", key)
    age = subprocess.run(f"tail -n +4 '{sealed}' | age -d -i '{key}'", shell=True,
                         capture_output=True, check=False)
    return BytesParser(policy=policy.default).parsebytes(age.stdout), sealed


def converse(play, practice):
    play.title("A message, an answer, a colleague")
    carol, chris, ada = practice["carol"], practice["chris"], practice["ada"]
    leaflet, photo = attachments(practice)
    sent = send(carol, ada, "--team", practice.team, "--subject", "Your results",
                "--attach", leaflet, "--attach", photo)
    play.step("a clinician sends text, a PDF and a photograph, sealed on her device", True,
              "id" in sent)
    practice.thread, practice.message = sent["thread"], sent["id"]
    inbox = ada.json("threads")["items"]
    play.step("the patient sees one unread message", 1, inbox[0]["unread"])
    saved = practice.gateway.folder / "things" / "saved"
    came = ada.run("read", sent["id"], "--save-attachments", saved)
    play.step("she reads it, UTF-8 and all", True, TEXT.strip() in came.stdout)
    play.step("both attachments are what was sent, byte for byte", True,
              (saved / leaflet.name).read_bytes() == leaflet.read_bytes()
              and (saved / photo.name).read_bytes() == photo.read_bytes())
    state = carol.json("thread", sent["thread"])["items"][0]["state"]
    play.step("the clinician sees that it was opened, by signed receipt", "opened", state)
    answer = ada.json("reply", sent["id"], text=ANSWER)
    play.step("the patient answers", sent["thread"], answer["thread"])
    came = chris.run("read", answer["id"])
    play.step("a colleague of the team reads the answer", True, ANSWER.strip() in came.stdout)
    second = chris.json("reply", answer["id"], text="Yes, for one more week.\n")
    play.step("and answers in turn", 3, second["seq"])
    hidden = practice["dana"].run("read", answer["id"], check=False)
    play.step("a clinician of another team finds no such message", 69 if hidden.returncode == 69
              else 77, hidden.returncode)


def spanish(play, practice):
    carla, carol = practice["carla"], practice["carol"]
    first = carla.json("send", "--to", carla.id, "--team", practice.team, "--subject", "Pregunta",
                       text="¿Puedo pedir una cita para mañana?\n")
    came = carol.run("read", first["id"])
    play.step("a patient begins a conversation, in Spanish", True, "mañana" in came.stdout)


def draft_and_retract(play, practice):
    carol, ben = practice["carol"], practice["ben"]
    sent = send(carol, ben, "--team", practice.team, text="Meant for somebody else.\n")
    came = carol.run("retract", sent["id"], check=False)
    play.step("a message not yet opened is taken back; both facts stay on record", 0,
              came.returncode)
    came = ben.run("read", sent["id"], check=False)
    play.step("its recipient can no longer open it", True, came.returncode != 0)


def open_by_right(play, practice):
    play.title("Opened without the gateway")
    folder = practice.gateway.folder / "things"
    mail, sealed = open_with_age(practice, practice["ada"], practice.message, folder)
    play.step("the age program and the patient's key open a stored message", "Your results",
              str(mail["Subject"]))
    custodian = practice.people["ada"]
    shares = sorted(practice.shares.glob("*.share"))
    opened = custodian.run("records", "open", sealed, "--share", shares[0], "--share", shares[2])
    play.step("two of three custodians open it too", True, "results" in opened.stdout)
    alone = custodian.run("records", "open", sealed, "--share", shares[0], check=False)
    play.step("one custodian alone cannot", True, alone.returncode != 0)
    explained = custodian.run("inspect", sealed)
    play.step("anyone can see what an envelope says outside, and that is no content", False,
              "results are" in explained.stdout)


def redirect(play, practice):
    came = practice["carol"].json("redirect", "--channel", "sms", "--patient",
                                  practice["carla"].id)
    play.step("a text message to a private phone is answered with words for it, in her language",
              True, "911" in came["words"] and "mensaje" in came["words"].lower())


def play(play, practice):
    for part in (converse, spanish, draft_and_retract, open_by_right, redirect):
        play.part(part, practice)
