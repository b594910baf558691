"""Numbers that GlobalPlatform, the kernel and teed agree on, under the names of their source.

Result codes, origins and login methods: GlobalPlatform TEE Client API 1.0, section 4.4.
What only trusted applications have a name for: TEE Internal Core API 1.3, section 3.3.
Parameter attributes, capabilities and the null reference: the kernel's ``linux/tee.h``.
"""

from enum import IntEnum, IntFlag


class Result(IntEnum):
    """The result codes of GlobalPlatform.  An application may return any other number too.

    Most have a name on both sides, TEEC_ERROR_... and TEE_ERROR_...; those that only the
    Internal Core API names come from an application that passes on what it got.
    """

    SUCCESS = 0x00000000
    ERROR_STORAGE_NOT_AVAILABLE = 0xF0100003
    ERROR_GENERIC = 0xFFFF0000
    ERROR_ACCESS_DENIED = 0xFFFF0001
    ERROR_CANCEL = 0xFFFF0002
    ERROR_ACCESS_CONFLICT = 0xFFFF0003
    ERROR_EXCESS_DATA = 0xFFFF0004
    ERROR_BAD_FORMAT = 0xFFFF0005
    ERROR_BAD_PARAMETERS = 0xFFFF0006
    ERROR_BAD_STATE = 0xFFFF0007
    ERROR_ITEM_NOT_FOUND = 0xFFFF0008
    ERROR_NOT_IMPLEMENTED = 0xFFFF0009
    ERROR_NOT_SUPPORTED = 0xFFFF000A
    ERROR_NO_DATA = 0xFFFF000B
    ERROR_OUT_OF_MEMORY = 0xFFFF000C
    ERROR_BUSY = 0xFFFF000D
    ERROR_COMMUNICATION = 0xFFFF000E
    ERROR_SECURITY = 0xFFFF000F
    ERROR_SHORT_BUFFER = 0xFFFF0010
    ERROR_EXTERNAL_CANCEL = 0xFFFF0011
    ERROR_TARGET_DEAD = 0xFFFF3024
    ERROR_STORAGE_NO_SPACE = 0xFFFF3041

    ERROR_CORRUPT_OBJECT = 0xF0100001
    ERROR_CORRUPT_OBJECT_2 = 0xF0100002
    ERROR_STORAGE_NOT_AVAILABLE_2 = 0xF0100004
    ERROR_UNSUPPORTED_VERSION = 0xF0100005
    ERROR_CIPHERTEXT_INVALID = 0xF0100006
    ERROR_TIMEOUT = 0xFFFF3001
    ERROR_OVERFLOW = 0xFFFF300F
    ERROR_MAC_INVALID = 0xFFFF3071
    ERROR_SIGNATURE_INVALID = 0xFFFF3072
    ERROR_TIME_NOT_SET = 0xFFFF5000
    ERROR_TIME_NEEDS_RESET = 0xFFFF5001


# The client's names are those of OP-TEE's header, which has two more than GlobalPlatform's.
_OF_APPLICATIONS = frozenset(
    {
        Result.ERROR_CORRUPT_OBJECT,
        Result.ERROR_CORRUPT_OBJECT_2,
        Result.ERROR_STORAGE_NOT_AVAILABLE_2,
        Result.ERROR_UNSUPPORTED_VERSION,
        Result.ERROR_CIPHERTEXT_INVALID,
        Result.ERROR_TIMEOUT,
        Result.ERROR_OVERFLOW,
        Result.ERROR_MAC_INVALID,
        Result.ERROR_SIGNATURE_INVALID,
        Result.ERROR_TIME_NOT_SET,
        Result.ERROR_TIME_NEEDS_RESET,
    }
)


class Origin(IntEnum):
    """Where a result code came from."""

    API = 1
    COMMS = 2
    TEE = 3
    TRUSTED_APP = 4


class Login(IntEnum):
    """How a session tells the trusted application who its client is."""

    PUBLIC = 0
    USER = 1
    GROUP = 2
    APPLICATION = 4
    USER_APPLICATION = 5
    GROUP_APPLICATION = 6


class Attribute(IntEnum):
    """The kind of a parameter: ``TEE_IOCTL_PARAM_ATTR_TYPE_*``."""

    NONE = 0
    VALUE_INPUT = 1
    VALUE_OUTPUT = 2
    VALUE_INOUT = 3
    MEMREF_INPUT = 5
    MEMREF_OUTPUT = 6
    MEMREF_INOUT = 7


class Capability(IntFlag):
    """What a TEE device can do: ``TEE_GEN_CAP_*``."""

    GP = 1
    PRIVILEGED = 2
    REG_MEM = 4
    MEMREF_NULL = 8


MEMREF_NULL = 2**64 - 1
"""The buffer number of a memory reference that refers to nothing: ``TEE_MEMREF_NULL``."""

MAX_PARAMETERS = 4
"""A GlobalPlatform operation has four parameters."""


def result_name(code: int) -> str:
    """The GlobalPlatform name of a result code, or its number where it has none."""
    try:
        result = Result(code)
    except ValueError:
        return f"{code:#010x}"
    return f"{'TEE' if result in _OF_APPLICATIONS else 'TEEC'}_{result.name}"


def origin_name(origin: int) -> str:
    """The GlobalPlatform name of an origin, or its number where it has none."""
    try:
        return f"TEEC_ORIGIN_{Origin(origin).name}"
    except ValueError:
        return f"origin {origin}"
