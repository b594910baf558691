"""The driver on the device itself, with no daemon: run as root in the machine with OP-TEE."""

import errno
import mmap
import os
import threading
import uuid
from collections.abc import Iterator

import pytest

from teed.driver.interface import Answer, Credentials, Opening
from teed.driver.linux import LinuxDriver, find_device
from teed.memory.memfd import make_memfd
from teed_protocol.codes import MEMREF_NULL, Attribute, Capability, Login, Origin, Result
from teed_protocol.fields import Parameter, Parameters

TEED_TEST = uuid.UUID("0f5e0cc6-903f-4a0d-a4ef-c58751591d94").bytes
TEE_NAMESPACE = uuid.UUID("58ac9ca0-2086-4683-a1b8-ec4bc08e01b6")
NOP, VALUES, XOR, IDENTITY = 0, 1, 2, 8
ROOT = Credentials(0, 0)
PAGE = mmap.PAGESIZE


@pytest.fixture
def driver() -> Iterator[LinuxDriver]:
    driver = find_device()
    yield driver
    driver.close()


def opening(login: int = Login.PUBLIC, **who: object) -> Opening:
    group, caller = who.get("group"), who.get("caller", ROOT)
    assert group is None or isinstance(group, int)
    assert isinstance(caller, Credentials)
    return Opening(TEED_TEST, login, group, caller, ())


def opened(driver: LinuxDriver, how: Opening | None = None) -> int:
    answer = driver.open_session(how or opening())
    assert (answer.result, answer.origin) == (Result.SUCCESS, Origin.TRUSTED_APP)
    return answer.session


def invoke(driver: LinuxDriver, session: int, command: int, *parameters: Parameter) -> Answer:
    return driver.invoke(session, command, tuple(parameters), 0)


def test_it_is_op_tee_and_says_what_it_can_do(driver: LinuxDriver) -> None:
    wanted = Capability.GP | Capability.REG_MEM | Capability.MEMREF_NULL
    assert (driver.version.impl_id, driver.version.gen_caps) == (1, wanted)


def test_values_come_back(driver: LinuxDriver) -> None:
    asked: Parameters = (
        Parameter(Attribute.VALUE_INPUT, 1, 2),
        Parameter(Attribute.VALUE_OUTPUT),
        Parameter(Attribute.VALUE_INOUT, 3, 4),
    )
    answer = invoke(driver, opened(driver), VALUES, *asked)
    assert [tuple(each) for each in answer.parameters] == [
        (1, 1, 2, 0),
        (2, 2, 1, 0),
        (3, 4, 3, 0),
    ]


@pytest.mark.parametrize("way", ["registered", "allocated"])
def test_memory_is_shared_either_way(driver: LinuxDriver, way: str) -> None:
    shared = (
        driver.register(make_memfd(PAGE), PAGE)
        if way == "registered"
        else driver.allocate(PAGE)
    )
    with mmap.mmap(shared.fd, PAGE) as pages:
        reference = Parameter(Attribute.MEMREF_INOUT, 16, 16, shared.id)
        key = Parameter(Attribute.VALUE_INPUT, 0x5A)
        answer = invoke(driver, opened(driver), XOR, reference, key)
        assert answer.result == Result.SUCCESS
        assert pages[:48] == bytes(16) + b"\x5a" * 16 + bytes(16)
    shared.close()


def test_what_is_allocated_is_of_4_mib_at_the_most(driver: LinuxDriver) -> None:
    driver.allocate(4 << 20).close()
    with pytest.raises(OSError, match="Cannot allocate memory"):
        driver.allocate((4 << 20) + 1)


def test_a_null_reference_arrives(driver: LinuxDriver) -> None:
    nothing = Parameter(Attribute.MEMREF_INPUT, 0, 0, MEMREF_NULL)
    assert invoke(driver, opened(driver), NOP, nothing).result == Result.SUCCESS


@pytest.mark.parametrize("session", [0, 1, 0xFFFFFFFF])
def test_a_session_that_is_not_open_is_refused_by_the_driver(
    driver: LinuxDriver, session: int
) -> None:
    for call in (
        lambda: invoke(driver, session, NOP),
        lambda: driver.cancel(session, 0),
        lambda: driver.close_session(session),
    ):
        with pytest.raises(OSError, match="Invalid argument") as refused:
            call()
        assert refused.value.errno == errno.EINVAL


def test_memory_that_is_not_there_is_refused_by_the_driver(driver: LinuxDriver) -> None:
    session = opened(driver)
    with pytest.raises(OSError, match="Invalid argument"):
        invoke(driver, session, XOR, Parameter(Attribute.MEMREF_INOUT, 0, 1, 12345))


def test_no_descriptor_survives_an_exec(driver: LinuxDriver) -> None:
    held = [driver.register(make_memfd(PAGE), PAGE), driver.allocate(PAGE)]
    for name in os.listdir("/proc/self/fd"):
        try:
            target = os.readlink(f"/proc/self/fd/{name}")
        except FileNotFoundError:
            continue
        if "tee" in target:
            assert not os.get_inheritable(int(name)), target
    for shared in held:
        shared.close()


def identity(driver: LinuxDriver, session: int) -> tuple[uuid.UUID, int]:
    shared = driver.allocate(PAGE)
    octets = Parameter(Attribute.MEMREF_OUTPUT, 0, 16, shared.id)
    answer = invoke(driver, session, IDENTITY, octets, Parameter(Attribute.VALUE_OUTPUT))
    assert answer.result == Result.SUCCESS
    with mmap.mmap(shared.fd, PAGE) as pages:
        seen = uuid.UUID(bytes=pages[:16])
    shared.close()
    return seen, answer.parameters[1].a


def test_the_application_sees_whom_the_session_was_opened_for(driver: LinuxDriver) -> None:
    for uid, gid in ((1000, 1000), (1001, 1001), (65534, 7)):
        caller = Credentials(uid, gid, (gid, 501))
        user = opened(driver, opening(Login.USER, caller=caller))
        assert identity(driver, user) == (uuid.uuid5(TEE_NAMESPACE, f"uid={uid:x}"), Login.USER)
        group = opened(driver, opening(Login.GROUP, group=501, caller=caller))
        assert identity(driver, group) == (uuid.uuid5(TEE_NAMESPACE, "gid=1f5"), Login.GROUP)


def test_a_group_that_the_caller_is_not_in_is_refused_by_the_kernel(
    driver: LinuxDriver,
) -> None:
    caller = Credentials(1000, 1000, (1000,))
    with pytest.raises(PermissionError):
        driver.open_session(opening(Login.GROUP, group=501, caller=caller))


def test_only_the_thread_that_opens_wears_the_callers_credentials(driver: LinuxDriver) -> None:
    caller = Credentials(1000, 1000, (1000,))
    opened(driver, opening(Login.USER, caller=caller))
    assert (os.geteuid(), os.getegid()) == (0, 0)
    seen: list[int] = []
    other = threading.Thread(target=lambda: seen.append(os.geteuid()))
    other.start()
    other.join()
    assert seen == [0]


def test_after_a_panic_every_call_says_target_dead(driver: LinuxDriver) -> None:
    session = opened(driver)
    panic = Parameter(Attribute.VALUE_INPUT, 1)
    assert invoke(driver, session, 7, panic).is_dead
    assert invoke(driver, session, NOP).is_dead
    driver.close_session(session)


def test_direct_access_runs_out_of_sessions(driver: LinuxDriver) -> None:
    """OP-TEE 4.5 as Debian builds it has room for 53, or fewer beside other things."""
    answers = [driver.open_session(opening()) for _ in range(54)]
    opened = [answer for answer in answers if answer.result == Result.SUCCESS]
    refused = answers[len(opened)]
    print(f"\nsession {len(opened) + 1}: {refused.result:#x}, origin {refused.origin}")
    assert 50 <= len(opened) <= 53
    assert answers[: len(opened)] == opened
    # OP-TEE that has no memory left to check an application's signature says SECURITY.
    assert refused.result in (Result.ERROR_OUT_OF_MEMORY, Result.ERROR_SECURITY)
    assert refused.origin == Origin.TEE


def test_closing_the_context_gives_all_sessions_back() -> None:
    for _ in range(2):
        driver = find_device()
        for _ in range(20):
            opened(driver)
        driver.close()
