"""A practice over PostgreSQL with two gateways, for tests: TLS verified, a login for each role."""
import os
import tempfile
import unittest
from pathlib import Path

from e2e import cast
from e2e.harness import Gateway
from e2e.postgres import Cluster


class TwoGatewaysTest(unittest.TestCase):
    """Class-wide: cluster, gateways one and two, a small practice. extra: of postern.conf."""
    extra = ""

    @classmethod
    def setUpClass(cls):
        cls.work = tempfile.TemporaryDirectory(prefix="postern-two-")
        cls.addClassCleanup(cls.work.cleanup)
        os.chmod(cls.work.name, 0o755)
        cls.folder = Path(cls.work.name)
        cls.cluster = cls.new_cluster()
        cls.addClassCleanup(cls.cluster.close)
        cls.cluster.start()
        cls.cluster.make_practice()
        cls.one = Gateway(cls.folder / "one", extra=cls.extra, store=cls.store_url())
        cls.addClassCleanup(cls.one.stop)
        cls.practice = cast.small_practice(cls.one)
        cls.two = cls.one.beside(cls.folder / "two")
        cls.addClassCleanup(cls.two.stop)
        cls.two.start()
        for profile in ("admin", "ines", "carol", "chris", "ada", "ben"):
            setattr(cls, profile, cls.practice[profile])

    @classmethod
    def new_cluster(cls):
        return Cluster()

    @classmethod
    def store_url(cls):
        return cls.cluster.url(cls.cluster.write_passfiles(cls.folder / "store.pass"))

    def forger(self, person, patient):
        """A conversation of the person with this patient, to post forged messages to."""
        sent = person.json("send", "--to", patient.id, "--team", self.practice.team,
                           text="The first.\n")
        return cast.Forger(self.practice, person, sent["thread"])
