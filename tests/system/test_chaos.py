"""
The kill matrix: whatever dies, fills up or jumps under load, every accepted payment ends once.

Short in `make test`; `make chaos SECONDS=600` goes on for so long. SEED= repeats a run's mishaps.
"""
import itertools
import os
import random
import time

import pytest
from hostile import SERVICES, HostileSystem
from load import Load
from mishaps import JUMPS_S, Mishaps, killed_in

SEED = os.environ.get("SEED") or str(random.randrange(10**6))
SECONDS = int(os.environ.get("CHAOS_S") or 0)
ROUND_S = 60  # of the long form: then the load pauses, and everything is proven


@pytest.fixture(scope="module")
def hostile(tmp_path_factory):
    system = HostileSystem(tmp_path_factory.mktemp("hostile"))
    print(f"SEED={SEED}")
    if system.why_no_disk:
        print(f"NO SMALL DISK, so none is filled: {system.why_no_disk}")
    try:
        yield system.start()
    finally:
        system.stop()


def storm(hostile, name, let_happen):
    """Mishaps under load, and the proof afterwards."""
    load = Load(hostile, f"{SEED}-{name}").start()
    try:
        let_happen()
    finally:
        load.stop()
    ended = load.must_be_right()
    print(f"{name}: {len(load.accepted)} accepted, {dict(ended)}, repeated {dict(load.answers)}")
    return ended


def shuffled(things, name):
    return random.Random(f"{SEED}-{name}").sample(things, len(things))


@pytest.mark.skipif(SECONDS > 0, reason="the long form")
class TestShort:
    def test_everything_is_killed_singly_and_in_pairs(self, hostile):
        mishaps = Mishaps(hostile, f"{SEED}-kills")
        parts = killed_in(hostile)
        pairs = shuffled(list(itertools.combinations(parts, 2)), "pairs")[:3]

        def kills():
            for victims in shuffled([(part,) for part in parts] + pairs, "kills"):
                mishaps.kill(*victims)

        ended = storm(hostile, "kills", kills)
        print(mishaps.table())
        assert set(ended) <= {"succeeded", "canceled"}, ended

    def test_the_brokers_data_is_deleted(self, hostile):
        mishaps = Mishaps(hostile, f"{SEED}-wipe")
        storm(hostile, "wipe", mishaps.wipe_broker)

    def test_the_disk_is_full(self, hostile):
        if hostile.why_no_disk:
            pytest.skip(f"no file system can be mounted here: {hostile.why_no_disk}")
        mishaps = Mishaps(hostile, f"{SEED}-disk")

        def fill():
            mishaps.almost_fill_disk()
            mishaps.fill_disk()

        ended = storm(hostile, "disk", fill)
        assert set(ended) <= {"succeeded", "canceled"}, ended

    def test_clocks_jump(self, hostile):
        mishaps = Mishaps(hostile, f"{SEED}-clocks")

        def jumps():
            for part, seconds in shuffled(list(itertools.product(SERVICES, JUMPS_S)), "jumps")[:4]:
                mishaps.jump_clock(part, seconds)

        storm(hostile, "clocks", jumps)


@pytest.mark.skipif(SECONDS == 0, reason="make chaos SECONDS=")
def test_for_so_many_seconds(hostile):
    mishaps = Mishaps(hostile, SEED)
    kinds = {mishaps.kill_any: 20, mishaps.jump_any_clock: 3, mishaps.wipe_broker: 1}
    if not hostile.why_no_disk:
        kinds |= {mishaps.almost_fill_disk: 1, mishaps.fill_disk: 1}
    until = time.monotonic() + SECONDS
    accepted = 0
    for number in itertools.count(1):
        if time.monotonic() >= until:
            break
        round_until = min(until, time.monotonic() + ROUND_S)

        def one_round(round_until=round_until):
            while time.monotonic() < round_until:
                mishaps.rng.choices(list(kinds), list(kinds.values()))[0]()

        accepted += sum(storm(hostile, f"round-{number}", one_round).values())
    print(f"\nSEED={SEED}: {accepted} payments, each with one outcome, through "
          f"{mishaps.tally.total()} mishaps:\n{mishaps.table()}")
