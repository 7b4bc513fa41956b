"""A passphrase is lost: cured by the recovery code; and once that is lost too, by coming in."""
from demo.exchange import send

BEFORE = "Please come in fasting on Monday.\n"


def newcomer(practice):
    ines = practice["ines"]
    tina = practice.register(ines, "tina", "Tina Newkeys")
    practice.visit(ines, tina, practice["carol"])
    practice.consent(ines, tina)
    return practice.let_in(ines, tina)


def by_code(play, practice):
    play.title("A passphrase is lost")
    tina = newcomer(practice)
    practice.before = send(practice["carol"], tina, "--team", practice.team, text=BEFORE)["id"]
    fresh = tina.folder / "tina.fresh"
    fresh.write_text("a fresh phrase that tina will forget as well\n")
    tina.run("logout")
    tina.run("login", "--recovery", "--recovery-code-file", tina.folder / "tina.recovery")
    tina.environment["POSTERN_NEW_PASSPHRASE_FILE"] = str(fresh)
    tina.run("passwd")
    tina.passphrase_file.write_text(fresh.read_text())
    tina.run("login")
    came = tina.run("read", practice.before)
    play.step("the printed recovery code signs in, opens the key ring and sets a new passphrase",
              True, BEFORE.strip() in came.stdout)


def by_coming_in(play, practice):
    carol, tina = practice["carol"], practice["tina"]
    link = practice["ines"].json("patient", "invite", tina.id)["link"]
    again = practice.add("tina-again", tina.name, "patient").enrol(link)
    # What she had before signs nobody in any more: demo.json knows her as she is now.
    del practice.people["tina"], practice.patients["tina"]
    practice.patients["tina-again"] = again
    came = again.run("read", practice.before, check=False)
    play.step("with the code lost too she enrols again in person: her new keys open nothing old",
              True, came.returncode != 0 and "None of your keys" in came.stderr)
    came = carol.run("keys", "grant", "--to", tina.id, check=False)
    play.step("the clinician's client shows who certified the new key, and gives it nothing unasked",
              True, came.returncode != 0 and "certified by Ines Intakeworth" in came.stderr)
    came = carol.json("keys", "grant", "--to", tina.id, "--accept-changed-key")
    play.step("having asked her, the clinician grants her own messages to the new key", 1,
              came["granted"])
    came = again.run("read", practice.before)
    play.step("she reads them again, and sees by whose grant", True,
              BEFORE.strip() in came.stdout and "by a grant of Carol Clinician" in came.stdout)


def play(play, practice):
    for part in (by_code, by_coming_in):
        play.part(part, practice)
