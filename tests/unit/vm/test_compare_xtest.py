"""What OP-TEE's test suite said twice is compared test by test."""

import sys
from pathlib import Path

import pytest

sys.path.insert(0, str(Path(__file__).parents[2] / "vm"))
from compare_xtest import compare_calls, compare_suite, differences, main, print_times, read

GOOD = """\
Test ID: 1004 1033
Run test suite with level=0

TEE test application started over default TEE instance
######################################################
#
# regression
#
######################################################
\x20
* regression_1004 Test User Crypt TA
o regression_1004.1 AES encrypt
o regression_1004.1.1 One block
  regression_1004.1.1 OK
  regression_1004.1 OK
  regression_1004 OK
\x20
* regression_1033 Test the supplicant plugin framework
  regression_1033 OK
+-----------------------------------------------------
Result of testsuite regression filtered by "1004":
regression_1004 OK
+-----------------------------------------------------
10 subtests of which 0 failed
2 test cases of which 0 failed
106 test cases were skipped
TEE test application done!
"""
CALLS = "session 00000000 4\nwait ffff0002 4\n"


def stamped(text: str) -> list[str]:
    """With the time before each line, one second apart."""
    return [f"{1795402469 + second} {line}" for second, line in enumerate(text.split("\n"))]


def failing(name: str) -> str:
    """The same, where *name* failed and said why."""
    return GOOD.replace(
        f"  {name} OK\n", f"some_1000.c:7: res has an unexpected value\n  {name} FAILED\n"
    )


@pytest.fixture
def results(tmp_path: Path) -> Path:
    for side in ("direct", "teed"):
        (tmp_path / side).mkdir()
        (tmp_path / side / "xtest").write_text("\n".join(stamped(GOOD)))
        (tmp_path / side / "calls").write_text(CALLS)
    return tmp_path


def test_the_counts_are_those_that_the_suite_prints() -> None:
    run = read(stamped(GOOD))
    assert (run.subtests, run.cases, run.failed, run.finished) == ([10], 2, 0, True)


def test_the_counts_of_several_runs_are_added() -> None:
    run = read(stamped(GOOD + GOOD.replace("regression", "pkcs11")))
    assert str(run).startswith("20 subtests, 4 cases, 0 cases failed")


def test_only_the_first_of_several_runs_must_check_as_often() -> None:
    direct = read(stamped(GOOD + GOOD.replace("regression", "pkcs11")))
    varying = GOOD.replace("regression", "pkcs11").replace("10 subtests", "12 subtests")
    assert compare_suite(direct, read(stamped(GOOD + varying)))
    assert not compare_suite(direct, read(stamped(varying + GOOD)))


def test_every_run_must_come_to_its_end() -> None:
    died = GOOD[: GOOD.index("  regression_1004.1.1 OK")]
    whole = GOOD.replace("regression", "pkcs11")
    run = read(stamped(died + whole))
    assert run.outcome("regression_1004") == "unfinished"
    assert (run.outcome("pkcs11_1004"), run.subtests) == ("OK", [10])
    assert not run.finished


def test_every_test_has_an_outcome_whatever_its_depth() -> None:
    run = read(stamped(failing("regression_1004.1.1")))
    assert {name: test.outcome for name, test in run.tests.items()} == {
        "regression_1004": "OK",
        "regression_1004.1": "OK",
        "regression_1004.1.1": "FAILED",
        "regression_1033": "OK",
    }


def test_a_test_that_fails_on_one_side_differs_and_says_why() -> None:
    found = list(differences(read(stamped(GOOD)), read(stamped(failing("regression_1033")))))
    assert found == [
        "regression_1033 Test the supplicant plugin framework: OK / FAILED",
        "    teed: some_1000.c:7: res has an unexpected value",
    ]


def test_a_test_that_fails_on_both_sides_is_no_difference() -> None:
    both = read(stamped(failing("regression_1033")))
    assert list(differences(both, both)) == []


def test_a_test_that_one_side_never_ran_differs() -> None:
    short = GOOD[: GOOD.index(" \n* regression_1033")]
    assert list(differences(read(stamped(GOOD)), read(stamped(short)))) == [
        "regression_1033 Test the supplicant plugin framework: OK / missing"
    ]


def test_a_test_that_was_running_when_the_suite_died_is_unfinished() -> None:
    run = read(stamped(GOOD[: GOOD.index("  regression_1004.1.1 OK")]))
    assert run.outcome("regression_1004.1.1") == "unfinished"
    assert not run.finished


def test_a_test_that_is_skipped_on_one_side_differs_though_it_is_called_ok() -> None:
    skipping = GOOD.replace(
        "  regression_1033 OK", " - 1033 -   skip test, plugin not found\n  regression_1033 OK"
    )
    assert next(differences(read(stamped(GOOD)), read(stamped(skipping)))) == (
        "regression_1033 Test the supplicant plugin framework: OK / skipped"
    )


def test_two_equal_sides_are_a_success(results: Path) -> None:
    assert main([str(results)]) == 0


@pytest.mark.parametrize(
    ("name", "before", "after"),
    [
        ("xtest", "  regression_1033 OK", "  regression_1033 FAILED"),
        ("xtest", "10 subtests", "11 subtests"),
        ("xtest", "TEE test application done!", ""),
        ("calls", "wait ffff0002 4", "wait 00000000 4"),
        ("calls", "wait ffff0002 4\n", ""),
    ],
)
def test_what_differs_is_a_failure(results: Path, name: str, before: str, after: str) -> None:
    log = results / "teed" / name
    text = log.read_text()
    assert before in text
    log.write_text(text.replace(before, after))
    assert main([str(results)]) == 1


def test_no_calls_at_all_are_a_failure() -> None:
    assert not compare_calls([], [])


def test_both_answers_to_a_call_are_shown_where_they_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not compare_calls(["session 00000000 4"], ["session 00000000 3"])
    assert "differs: session 00000000 4 / 00000000 3\n" in capsys.readouterr().out


def test_a_call_that_is_missing_does_not_make_the_others_differ(
    capsys: pytest.CaptureFixture[str],
) -> None:
    assert not compare_calls(["one 00000000 4", "two 00000000 4"], ["two 00000000 4"])
    assert capsys.readouterr().out.splitlines()[:2] == [
        "  differs: one 00000000 4 / missing",
        "  two 00000000 4",
    ]


def test_what_fails_on_both_sides_is_shown(capsys: pytest.CaptureFixture[str]) -> None:
    text = failing("regression_1033").replace(
        "2 test cases of which 0", "2 test cases of which 1"
    )
    both = read(stamped(text))
    assert compare_suite(both, both)
    printed = capsys.readouterr().out
    assert "failed on both sides: regression_1033" in printed
    assert "10 subtests, 2 cases, 1 cases failed, 0.1 min\n" in printed


def test_the_times_are_those_of_whole_cases_the_slowest_first(
    capsys: pytest.CaptureFixture[str],
) -> None:
    run = read(stamped(GOOD))
    print_times(run, read([]))
    assert capsys.readouterr().out.splitlines() == [
        "    5.0     nan  regression_1004 Test User Crypt TA",
        "    1.0     nan  regression_1033 Test the supplicant plugin framework",
    ]
