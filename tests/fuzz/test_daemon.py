"""Clients throw whatever they like at a daemon, and leave; nobody else may notice.

``TEED_FUZZ_EXAMPLES`` says how many attacks to try, for those who have more time.
"""

import os
from pathlib import Path

import pytest
import trio
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from .attack import attack
from .strategies import Step, steps

EXAMPLES = int(os.environ.get("TEED_FUZZ_EXAMPLES", "50"))


@pytest.mark.parametrize("register", [True, False], ids=["registers", "copies"])
@given(taken=st.lists(st.tuples(st.integers(0, 1), steps), min_size=1, max_size=30))
@settings(
    max_examples=EXAMPLES,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
def test_an_attacker_harms_nobody_and_leaves_nothing(
    tmp_path: Path, register: bool, taken: list[tuple[int, Step]]
) -> None:
    async def main() -> None:
        await attack(str(tmp_path / "teed.sock"), taken, register=register)

    trio.run(main)
