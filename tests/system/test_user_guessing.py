"""Who guesses passwords: slowed down, told nothing, and nobody else feels it."""

import time
from concurrent.futures import ThreadPoolExecutor

import pytest

from api import wait_for
from user_service import UserService, new_name, problem_of


@pytest.fixture
def name():
    return new_name()


def test_log_on_takes_as_long_for_nobody(tmp_path, name):
    service = UserService(tmp_path / "user", ARGON2_MIB="19", ARGON2_T="2", NAME_TRIES="1000",
                          NETWORK_TRIES="1000").start()
    times = {name: [], "nobody": []}
    try:
        service.register(name)

        def seconds(user_name):
            started = time.perf_counter()
            assert service.log_on(user_name, "another password").status_code == 401
            return time.perf_counter() - started

        def quickest():  # other things run on this machine
            for _ in range(9):
                for user_name, taken in times.items():
                    taken.append(seconds(user_name))
            return [min(taken) for taken in times.values()]

        wait_for(quickest, lambda least: 0.5 < least[1] / least[0] < 2, "like times", 15)
    finally:
        service.stop()


HOME, NEW_PLACE, ATTACKERS = "192.0.2.1", "192.0.2.2", "203.0.113.9"


def guess_until_refused(service, name, address):
    """The answers; after the last, the next try is more than a second away."""
    answers = []

    def guess():
        answers.append(service.log_on(name, "a guess", address))
        return answers[-1].headers.get("Retry-After")

    wait_for(guess, lambda wait_s: wait_s == "2", "a refusal for more than a second")
    assert {answer.headers["Retry-After"] for answer in answers
            if answer.status_code == 429} <= {"1", "2"}
    return answers


def test_guessing_is_slowed_down_and_locks_nobody_out(tmp_path, name):
    service = UserService(tmp_path / "user", NAME_TRIES="4", NAME_REFILL_S="2").start()
    try:
        service.register(name)
        assert service.log_on(name, address=HOME).status_code == 201
        guesses = guess_until_refused(service, name, ATTACKERS)
        assert [answer.status_code for answer in guesses[:4]] == [401] * 4
        assert guesses[-1].status_code == 429
        assert problem_of(guesses[-1]) == "too_many_tries"
        nobody = guess_until_refused(service, "x" + name, "203.0.113.8")
        assert [answer.status_code for answer in nobody[:4]] == [401] * 4
        assert nobody[-1].json() == guesses[-1].json()  # not told apart from who is there

        # At home nothing is felt of it, and a restart forgets nothing.
        assert service.log_on(name, address=HOME).status_code == 201
        service.stop()
        service.start()
        assert service.log_on(name, "a guess", ATTACKERS).status_code in (401, 429)
        assert service.log_on(name, address=HOME).status_code == 201

        # From a new place, and at home with guesses from there: after a short wait.
        for address in (NEW_PLACE, HOME):
            guess_until_refused(service, name, address)
            answer = service.log_on(name, address=address)
            assert answer.status_code == 429
            time.sleep(int(answer.headers["Retry-After"]))
            assert service.log_on(name, address=address).status_code == 201
    finally:
        service.stop()


def test_many_guesses_at_once_get_no_more_tries(tmp_path, name):
    service = UserService(tmp_path / "user", NAME_TRIES="5", NAME_REFILL_S="600").start()
    try:
        service.register(name)
        with ThreadPoolExecutor(30) as pool:
            answers = list(pool.map(lambda i: service.log_on(name, f"guess {i}"), range(30)))
        assert sum(answer.status_code == 401 for answer in answers) == 5
        assert {answer.status_code for answer in answers} <= {401, 429, 503}
    finally:
        service.stop()


def test_a_storm_of_log_ons_is_bounded_and_starves_nobody(tmp_path, name):
    service = UserService(tmp_path / "user", ARGON2_MIB="19", ARGON2_T="8", HASHING_MAX="1").start()
    try:
        service.register(name)
        token = service.log_on(name).json()["access_token"]
        with ThreadPoolExecutor(60) as pool:
            storm = [pool.submit(service.log_on, name) for _ in range(60)]
            time.sleep(0.2)
            seconds = []  # the quickest counts: the storm's own threads hold this one up, too
            while len(seconds) < 5:
                started = time.perf_counter()
                assert service.me(token).status_code == 200
                took = time.perf_counter() - started
                if all(each.done() for each in storm):
                    break  # that one may have waited for its end
                seconds.append(took)
            assert seconds and min(seconds) < 1, seconds
            answers = [each.result() for each in storm]
        refused = [answer for answer in answers if answer.status_code == 503]
        assert {answer.status_code for answer in answers} == {201, 503}
        for answer in refused:
            assert problem_of(answer) == "busy" and int(answer.headers["Retry-After"]) >= 1
        assert service.log_on(name).status_code == 201
    finally:
        assert service.stop() == 0
