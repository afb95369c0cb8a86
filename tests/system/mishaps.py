"""What may happen to a running system, drawn from a seed, and counted by kind."""

import random
import time
from collections import Counter
from datetime import datetime, timedelta, timezone

from hostile import SERVICES

KILLED = (*SERVICES, "gateway", "broker", "sandbox")
JUMPS_S = (3600, -3600)
MIB_LEFT = 16


def killed_in(moneypal):
    """The parts that are killed: its database, too, where that is a part of its own."""
    return KILLED + (("dynamodb",) if moneypal.settings.store == "dynamodb" else ())


class Mishaps:
    """One thing after another, each at a random moment. `tally` counts them by kind."""

    def __init__(self, moneypal, seed):
        self.moneypal, self.rng, self.tally = moneypal, random.Random(seed), Counter()
        # Clocks jump by less than a day.
        self.begun = str(datetime.now(timezone.utc).date() - timedelta(days=1))

    def pause(self, seconds_least=0.2, seconds_most=1.5):
        time.sleep(self.rng.uniform(seconds_least, seconds_most))

    def kill(self, *victims):
        """kill -9 of all of these at once; their ends are the load's to bear."""
        self.pause()
        old = {part: self.moneypal.kill(part) for part in victims}
        self.tally[f"kill {' + '.join(sorted(victims))}"] += 1
        for part, pid in old.items():
            self.moneypal.wait_restarted(part, pid)

    def kill_any(self):
        self.kill(*self.rng.sample(killed_in(self.moneypal), self.rng.choice((1, 2))))

    def wipe_broker(self):
        """
        The broker's data is deleted while it is down, and what waited in its queues with it: what
        the services have recorded is told again.
        """
        self.pause()
        stopped = self.rng.choice(("billing", "payment", "email"))
        self.moneypal.stop_part(stopped)
        self.pause()
        self.moneypal.stop_part("broker")
        self.moneypal.wipe("broker")
        for part in ("broker", stopped):
            self.moneypal.start_part(part)
        self.moneypal.command_of_mpctl("republish", "notices", "--from", self.begun)
        self.tally["broker's data deleted"] += 1

    def almost_fill_disk(self):
        """Less room than the services and the broker want to keep, for some seconds."""
        self.pause()
        ballast = self.moneypal.fill_disk(MIB_LEFT)
        try:
            time.sleep(self.rng.uniform(3, 5))
        finally:
            ballast.unlink()
        self.tally["disk almost full"] += 1

    def fill_disk(self):
        """Not a byte of room, in which a service is killed, too."""
        self.pause()
        ballast = self.moneypal.fill_disk(0)
        victim = self.rng.choice(SERVICES)
        try:
            time.sleep(self.rng.uniform(1, 3))
            pid = self.moneypal.kill(victim)
            time.sleep(self.rng.uniform(1, 2))
        finally:
            ballast.unlink()
        self.moneypal.wait_restarted(victim, pid)
        # RabbitMQ's queues, run into the end of a disk, come back by a restart only.
        self.moneypal.kill_and_wait("broker")
        self.tally["disk full to the last byte"] += 1

    def jump_clock(self, part, seconds):
        """A service's clock jumps, and is put right again some seconds later."""
        self.pause()
        self.moneypal.set_clock(part, seconds)
        time.sleep(self.rng.uniform(2, 4))
        self.moneypal.set_clock(part, 0)
        self.tally[f"clock of {part} {seconds:+d} s"] += 1

    def jump_any_clock(self):
        self.jump_clock(self.rng.choice(SERVICES), self.rng.choice(JUMPS_S))

    def table(self):
        return "\n".join(f"{count:6}  {kind}" for kind, count in sorted(self.tally.items()))
