"""Every command of the client, called wrongly: a plain sentence and the right status, no crash."""
import os
import re
import shutil
import subprocess
import sys
import tempfile
import unittest
from pathlib import Path

sys.path.insert(0, str(Path(__file__).resolve().parents[1]))

from e2e import cast  # noqa: E402  (after the path is set)
from e2e.harness import TOP, Gateway  # noqa: E402

NOWHERE = "01900000-0000-7000-8000-000000000000"
CODE = "a" * 26
# sysexits.h
USAGE, DATAERR, NOINPUT, NOHOST, UNAVAILABLE = 64, 65, 66, 68, 69
PROTOCOL, NOPERM = 76, 77
OFFLINE = {"open", "seal", "records init", "records combine", "records open", "inspect",
           "verify", "completion", "help", "version"}
# They read what they were given before they ask the server.
READS_FIRST = {"consent sign", "consent post"}
# Its own is what it forgets, whatever becomes of the server's.
FORGETS = {"logout"}
# Nobody is signed in yet who could be told to.
SIGNS_IN = {"enrol", "login"}

# What stands for a placeholder of the help text; by option where its word is of a closed list.
VALUES = {"ID": NOWHERE, "PATIENT": NOWHERE, "PERSON": NOWHERE, "TEAM": NOWHERE, "NAME": "Ada",
          "DATE": "2030-01-31", "TIME": "2030-01-31", "TEXT": "words", "NUMBER": "1234567893",
          "ADDRESS": "ada@mail.example", "CODE": "99213", "N": "3", "K": "2", "ROLE": "clinician",
          "URL": "https://localhost:1", "P[=ADDRESS]": "messages", "NAME,...": "passphrase",
          "RECIPIENT": "age1nobody", "COMMAND": "send", "MINUTES": "5",
          "KEY": "example.com/foo+530d903a+AekyeRrm56hApGFkyQR4ZCbV54Id2LKaANYcrnKv3U2k"}
WORDS = {("patient end", "reason"): "moved",
         ("admin terms", "version"): "2"}
# What a call needs beside, where the table cannot say it: one option of several.
BESIDE = {"patient represent": ["--name", "Ada", "--authority", "parent"],
          "patient restrict": ["--kind", "no-messages"],
          "admin restriction": ["--kind", "no-messages"],
          "patient change": ["--language", "es"], "admin role": ["--role", "intake"],
          "send": ["--to", NOWHERE, "--team", NOWHERE]}


class Command:
    """One row of the client's table, as its help shows it."""

    def __init__(self, line, text):
        words = line.split("  ")[0].split()
        at = next((i for i, word in enumerate(words) if not re.fullmatch("[a-z-]+", word)),
                  len(words))
        # "completion bash|zsh" and "help [COMMAND]" too: what is no plain word is an operand.
        self.name, self.operands = " ".join(words[:at]), words[at:]
        own = text.split("\nOptions of every command:")[0]
        self.options = re.findall(r"^ +(?:-\w, |    )--([\w-]+)(?: (\S+))?( \.\.\.)? (.*)$", own,
                                  re.M)

    def needed(self):
        return [(name, value) for name, value, _, help_text in self.options
                if help_text.endswith("(needed)")]


class ErrorsTest(unittest.TestCase):
    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-errors-")
        cls.folder = Path(cls.work.name)
        os.chmod(cls.folder, 0o755)
        cls.gateway = Gateway(cls.folder / "practice")
        cls.practice = cast.small_practice(cls.gateway)
        cls.admin = cls.practice["admin"]
        cls.program = cls.gateway.program("postern")
        lines = [line[2:] for line in cls.plain("help").splitlines()
                 if re.match("  [a-z]", line)]
        cls.commands = [Command(line, cls.plain("help", *cls.words_of(line))) for line in lines]
        cls.text = cls.folder / "words.txt"
        cls.text.write_text("words\n")

    @classmethod
    def tearDownClass(cls):
        cls.gateway.stop()
        cls.work.cleanup()

    @classmethod
    def plain(cls, *args):
        return subprocess.run([cls.program, *args], check=True, capture_output=True,
                              text=True).stdout

    @staticmethod
    def words_of(line):
        words = []
        for word in line.split("  ")[0].split():
            if not re.fullmatch("[a-z-]+", word):
                break
            words.append(word)
        return words

    def value(self, command, option, placeholder):
        if (command.name, option) in WORDS:
            return WORDS[command.name, option]
        word = placeholder.strip("[].")
        if "|" in word:
            return word.split("|")[0]
        if placeholder == "LANG=FILE":
            return f"en={self.text}"
        if word in ("FILE", "MAIL.eml", "KEYFILE", "SHARE"):
            return str(self.text)
        if word == "LINK":
            return f"https://localhost:1/enrol#{NOWHERE}.{CODE}.{'A' * 22}"
        return str(self.folder / "new") if word == "DIR" else VALUES[placeholder if placeholder in VALUES
                                                             else word]

    def call(self, command, without=None):
        """Operands and needed options as they should be, but for one option."""
        operands = [self.value(command, "", word) for word in command.operands]
        if command.operands[-1:] and command.operands[-1].endswith("..."):
            operands *= 2
        options = [part for name, placeholder in command.needed() if name != without
                   for part in (f"--{name}", self.value(command, name, placeholder))]
        return [*command.name.split(), *operands, *options, *BESIDE.get(command.name, [])]

    def run_wrong(self, statuses, args, profile="nobody", state=None, sentence=None):
        environment = {**self.admin.environment,
                       "XDG_STATE_HOME": str(state or self.folder / "empty")}
        done = subprocess.run([self.program, "--profile", profile, *map(str, args)],
                              stdin=subprocess.DEVNULL, capture_output=True, text=True,
                              env=environment, cwd=self.folder, timeout=120)
        said = (args, done.returncode, done.stderr)
        self.assertIn(done.returncode, statuses, said)
        self.assertNotRegex(done.stderr, "Sanitizer|runtime error", said)
        if done.returncode != 0:
            first = next((line for line in done.stderr.splitlines()
                          if line.startswith("postern: ")), "")
            self.assertRegex(first, r"^postern: \S.*[.:?)]$", said)
            self.assertNotRegex(first, r"PST_|EX_|\(null\)|%", said)
        if sentence:
            self.assertRegex(done.stderr, sentence, said)
        return done

    def walk(self, check, skip=()):
        """Every command by itself, so that one that is wrong hides no other."""
        for command in self.commands:
            if command.name not in skip:
                with self.subTest(command=command.name):
                    check(command)

    # ---- wrong calls ------------------------------------------------------

    def test_the_table_was_read(self):
        self.assertGreater(len(self.commands), 50)
        self.assertIn("team rotate", [command.name for command in self.commands])
        self.assertEqual({"share"}, {name for command in self.commands
                                     for name, _ in command.needed()
                                     if command.name == "records open"})

    def test_missing_and_surplus_operands(self):
        def check(command):
            wanted = [word for word in command.operands if not word.startswith("[")]
            options = [part for name, placeholder in command.needed()
                       for part in (f"--{name}", self.value(command, name, placeholder))]
            if wanted:
                self.run_wrong({USAGE}, [*command.name.split(), *options],
                               sentence='Use it as "postern ')
            if not any(word.endswith("...") for word in command.operands) and \
                    command.name != "help":
                self.run_wrong({USAGE}, [*self.call(command), "one", "more"],
                               sentence='Use it as "postern ')

        self.walk(check)

    def test_needed_options(self):
        def check(command):
            for name, _ in command.needed():
                self.run_wrong({USAGE}, self.call(command, without=name),
                               sentence=f"needs --{name} ")

        self.walk(check)

    def test_unknown_repeated_and_empty_options(self):
        def check(command):
            self.run_wrong({USAGE}, [*command.name.split(), "--frobnicate"],
                           sentence="has no option --frobnicate")
            self.run_wrong({USAGE}, [*command.name.split(), "-Z"], sentence="has no option -Z")
            for name, placeholder, repeated, _ in command.options:
                if not placeholder:
                    self.run_wrong({USAGE}, [*command.name.split(), f"--{name}=x"],
                                   sentence="takes no value")
                    continue
                self.run_wrong({USAGE}, [*command.name.split(), f"--{name}"],
                               sentence="needs a value")
                if not repeated:
                    self.run_wrong({USAGE}, [*command.name.split(), f"--{name}=x", f"--{name}=y"],
                                   sentence="only once")

        self.walk(check)

    def test_words_that_are_no_command(self):
        for args in (["frobnicate"], ["admin"], ["team", "frobnicate"], [""], ["--json"]):
            self.run_wrong({USAGE}, args)

    # ---- no session, no server, another server ----------------------------

    def test_nobody_signed_in(self):
        def check(command):
            self.run_wrong({NOPERM}, self.call(command), sentence="postern login")

        self.walk(check, skip=OFFLINE | SIGNS_IN | FORGETS | READS_FIRST)

    def test_offline_commands_need_nobody(self):
        def check(command):
            if command.name in ("completion", "help", "version"):
                self.run_wrong({0}, self.call(command))
            elif command.name == "records init":
                self.run_wrong({0}, self.call(command))
            elif command.name in OFFLINE:
                self.run_wrong({USAGE, DATAERR, NOINPUT}, self.call(command))

        self.walk(check)

    def test_the_practices_ledger_key_is_one(self):
        """As init wrote it: what is wrong is the receipt."""
        self.run_wrong({DATAERR}, ["verify", self.text, "--key",
                                   self.gateway.data / "ledger.key.pub"],
                       sentence="proves nothing: line 1 ")

    def copy_of_state(self):
        """What a command does to its profile must not reach the next one."""
        copy = self.folder / "copy"
        shutil.rmtree(copy, ignore_errors=True)
        shutil.copytree(self.gateway.folder / "state", copy)
        return copy

    def test_no_server(self):
        def check(command):
            self.run_wrong({UNAVAILABLE}, ["--server", "https://localhost:1", *self.call(command)],
                           "admin", self.copy_of_state(), "cannot be reached")

        self.walk(check, skip=OFFLINE | READS_FIRST | FORGETS)

    def test_an_unknown_host(self):
        self.run_wrong({NOHOST, UNAVAILABLE}, ["--server", "https://nowhere.invalid", "whoami"],
                       "admin", self.copy_of_state())

    def test_another_server(self):
        other = self.folder / "other"
        subprocess.run([TOP / "certs/make-dev-ca.sh", other], check=True, capture_output=True)
        link = f"{self.gateway.url}/enrol#{NOWHERE}.{CODE}.{'A' * 22}"
        def check(command):
            args = self.call(command)
            if command.name == "enrol":
                args[1] = link
            self.run_wrong({PROTOCOL}, ["--ca", other / "ca.crt", *args], "admin",
                           self.copy_of_state(), "may not be the practice's server")

        self.walk(check, skip=OFFLINE | READS_FIRST | FORGETS)

    def test_signing_out_forgets_whatever_the_server_says(self):
        state = self.copy_of_state()
        self.run_wrong({0, UNAVAILABLE}, ["--server", "https://localhost:1", "logout"], "admin",
                       state)
        self.run_wrong({NOPERM}, ["whoami"], "admin", state, "postern login")

    def test_what_is_not_there(self):
        def check(command):
            if command.operands[:1] and command.operands[0].strip("[]") in VALUES:
                # This one looks among the staff first, whom an administrator sees all.
                status, words = ((NOINPUT, "no such person") if command.name == "admin user invite"
                                 else (NOPERM, "What to do: "))
                self.run_wrong({status}, self.call(command), "admin", self.copy_of_state(), words)

        self.walk(check, skip=OFFLINE)

    def test_files_and_ids_that_are_none(self):
        state = self.copy_of_state()
        def check(command):
            if command.operands[:1] and command.operands[0].strip("[]") in VALUES:
                args = self.call(command)
                args[len(command.name.split())] = "no-id"
                self.run_wrong({USAGE}, args, "admin", state)

        self.walk(check, skip=OFFLINE)
        for command in ("consent sign", "consent post", "inspect", "open", "seal -r age1x",
                        f"verify --key {VALUES['KEY']}"):
            self.run_wrong({USAGE, NOINPUT}, [*command.split(), self.folder / "absent"], "admin",
                           state)
            self.run_wrong({USAGE, DATAERR, NOPERM, NOINPUT}, [*command.split(), self.text],
                           "admin", state)
        self.run_wrong({NOINPUT}, ["--ca", self.folder / "absent", "whoami"], "admin", state)
        for url in ("ftp://localhost", "localhost", "http://localhost:1", "https://"):
            self.run_wrong({USAGE, NOHOST}, ["--server", url, "whoami"], "admin", state)


if __name__ == "__main__":
    unittest.main()
