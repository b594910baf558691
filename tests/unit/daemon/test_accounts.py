"""What users have is counted, and never more than they may."""

import threading

import pytest

from teed.accounts import Account, Accounts, Counts, Limits
from teed_protocol.codes import Origin, Result
from teed_protocol.errors import TeeError


@pytest.mark.parametrize("name", ["clients", "sessions", "channels", "buffers", "bytes"])
def test_the_last_within_the_limit_is_given_and_the_next_refused(name: str) -> None:
    account = Account(7, Limits(**{name: 3}))
    for _ in range(3):
        account.charge(**{name: 1})
    with pytest.raises(TeeError, match=f"user 7 may have 3 {name} at the most") as refused:
        account.charge(**{name: 1})
    error = refused.value
    assert (error.code, error.origin, error.reason) == (
        Result.ERROR_OUT_OF_MEMORY,
        Origin.COMMS,
        "limit",
    )


def test_what_is_given_back_can_be_had_again() -> None:
    account = Account(7, Limits(buffers=1))
    account.charge(buffers=1)
    account.credit(buffers=1)
    account.charge(buffers=1)
    assert account.counts == Counts(buffers=1)


def test_a_refused_charge_counts_nothing_at_all() -> None:
    account = Account(7, Limits(bytes=4096))
    with pytest.raises(TeeError, match="4096 bytes"):
        account.charge(buffers=1, bytes=4097)
    assert account.counts == Counts()


def test_a_limit_of_nothing_refuses_the_first() -> None:
    with pytest.raises(TeeError, match="0 sessions"):
        Account(7, Limits(sessions=0)).charge(sessions=1)


def test_one_user_s_connections_share_one_account() -> None:
    accounts = Accounts(Limits(clients=1))
    accounts.of(1000).charge(clients=1)
    with pytest.raises(TeeError, match="user 1000"):
        accounts.of(1000).charge(clients=1)
    accounts.of(1001).charge(clients=1)


def test_the_total_is_everybody_s() -> None:
    accounts = Accounts(Limits())
    accounts.of(1).charge(bytes=10, buffers=1)
    accounts.of(2).charge(bytes=5)
    assert (accounts.total("bytes"), accounts.total("buffers")) == (15, 1)


def test_a_user_who_has_nothing_any_more_is_forgotten() -> None:
    accounts = Accounts(Limits())
    gone, there = accounts.of(1), accounts.of(2)
    there.charge(clients=1)
    gone.charge(clients=1)
    gone.credit(clients=1)
    assert accounts.of(2) is there
    assert accounts.of(1) is not gone


def test_threads_that_charge_and_credit_at_once_lose_nothing() -> None:
    account = Account(7, Limits(bytes=2**40))
    start = threading.Barrier(4)

    def work() -> None:
        start.wait()
        for _ in range(2000):
            account.charge(bytes=3, buffers=1)
            account.credit(bytes=2, buffers=1)

    threads = [threading.Thread(target=work) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert account.counts == Counts(bytes=4 * 2000)
