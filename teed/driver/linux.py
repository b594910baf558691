"""The real driver: ``/dev/teeN`` through the kernel's TEE ioctls."""

import dataclasses
import errno
import mmap
import os
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from teed.driver._linux import ffi, lib
from teed.driver.interface import Answer, Credentials, Native, Opening, Version
from teed_protocol.codes import Capability, Login
from teed_protocol.errors import TeedError
from teed_protocol.fields import Parameter, Parameters

DEVICES = tuple(Path(f"/dev/tee{number}") for number in range(10))
"""Where TEEC_InitializeContext of libteec looks."""


class DeviceError(TeedError):
    """No device can be used; the text says which were tried, and why not."""


def find_device(path: Path | None = None, impl_id: int | None = None) -> "LinuxDriver":
    """Open the device at *path*, or the first that speaks GlobalPlatform.

    With *impl_id* (1 is OP-TEE, 2 AMD-TEE) only that implementation will do.
    """
    candidates = [path] if path else [each for each in DEVICES if each.exists()]
    refused = []
    for candidate in candidates:
        try:
            return _usable(candidate, impl_id)
        except DeviceError as why:
            refused.append(f"{candidate}: {why}")
        except OSError as why:
            no_tee = why.errno == errno.ENOTTY  # "inappropriate ioctl" helps nobody
            refused.append(f"{candidate}: {'not a TEE device' if no_tee else why.strerror}")
    raise DeviceError(
        "; ".join(refused) or "there is no /dev/tee0 to /dev/tee9: is the TEE driver loaded?"
    )


def _usable(path: Path, impl_id: int | None) -> "LinuxDriver":
    fd = os.open(path, os.O_RDWR | os.O_CLOEXEC)
    try:
        driver = LinuxDriver(fd)
        if not driver.version.gen_caps & Capability.GP:
            raise DeviceError("not a GlobalPlatform TEE (TEE_GEN_CAP_GP is missing)")
        if impl_id is not None and driver.version.impl_id != impl_id:
            raise DeviceError(f"implementation {driver.version.impl_id}, wanted {impl_id}")
    except BaseException:
        os.close(fd)
        raise
    return driver


class LinuxSharedMemory:
    """A shared memory object of the kernel, and the descriptor that holds it."""

    def __init__(self, number: int, size: int, shm: int, memfd: int | None = None) -> None:
        self.id = number
        self.size = size
        self.fd = shm if memfd is None else memfd
        self._held = [shm] if memfd is None else [shm, memfd]

    def close(self) -> None:
        """The kernel unregisters it when the last call that uses it has returned."""
        while self._held:
            os.close(self._held.pop())


class LinuxDriver:
    """One open TEE device.  Every ioctl runs without the GIL."""

    name = "linux"

    def __init__(self, fd: int) -> None:
        self._fd = fd
        data = ffi.new("struct tee_ioctl_version_data *")
        self._call(lib.TEE_IOC_VERSION, data)
        self.version = Version(data.impl_id, data.impl_caps, data.gen_caps)
        invoke_at = ffi.cast("uintptr_t", ffi.addressof(lib, "teed_invoke_at"))
        self.native = Native(int(invoke_at), fd)

    def renounce(self, capabilities: Capability) -> None:
        """Be a driver without these: ``version`` does not tell of them any more."""
        told = self.version.gen_caps & ~int(capabilities)  # and what has no name here stays
        self.version = dataclasses.replace(self.version, gen_caps=told)

    def allocate(self, size: int) -> LinuxSharedMemory:
        data = ffi.new("struct tee_ioctl_shm_alloc_data *", {"size": size})
        shm = self._call(lib.TEE_IOC_SHM_ALLOC, data)
        os.set_inheritable(shm, False)
        return LinuxSharedMemory(data.id, data.size, shm)

    def register(self, memfd: int, size: int) -> LinuxSharedMemory:
        """The mapping is gone when this returns: the kernel has pinned the pages."""
        try:
            # Not populated here: that would hold the GIL, where the ioctl does it without.
            with mmap.mmap(memfd, size) as pages:
                shm, number = self._register_pages(pages, size)
        except BaseException:
            os.close(memfd)
            raise
        return LinuxSharedMemory(number, size, shm, memfd)

    def _register_pages(self, pages: mmap.mmap, size: int) -> tuple[int, int]:
        with ffi.from_buffer(pages, require_writable=True) as start:
            address = int(ffi.cast("uintptr_t", start))
            data = ffi.new(
                "struct tee_ioctl_shm_register_data *", {"addr": address, "length": size}
            )
            shm = self._call(lib.TEE_IOC_SHM_REGISTER, data)
        os.set_inheritable(shm, False)
        return shm, data.id

    def open_session(self, opening: Opening) -> Answer:
        block = ffi.new("struct teed_open_session *")
        arg = block.arg
        arg.uuid = opening.uuid
        arg.clnt_login = opening.login
        if opening.group is not None:
            ffi.buffer(arg.clnt_uuid)[:4] = opening.group.to_bytes(4, sys.byteorder)
        request = self._with_parameters(block, opening.parameters)
        if opening.login == Login.PUBLIC:
            self._call(lib.TEE_IOC_OPEN_SESSION, request)
        else:
            self._call_as(opening.caller, lib.TEE_IOC_OPEN_SESSION, request)
        return Answer(arg.ret, arg.ret_origin, _parameters(block), arg.session)

    def invoke(
        self, session: int, command: int, parameters: Parameters, cancel_id: int
    ) -> Answer:
        block = ffi.new("struct teed_invoke *")
        arg = block.arg
        arg.func = command
        arg.session = session
        arg.cancel_id = cancel_id
        self._call(lib.TEE_IOC_INVOKE, self._with_parameters(block, parameters))
        return Answer(arg.ret, arg.ret_origin, _parameters(block))

    def cancel(self, session: int, cancel_id: int) -> None:
        data = ffi.new("struct tee_ioctl_cancel_arg *", [cancel_id, session])
        self._call(lib.TEE_IOC_CANCEL, data)

    def close_session(self, session: int) -> None:
        data = ffi.new("struct tee_ioctl_close_session_arg *", [session])
        self._call(lib.TEE_IOC_CLOSE_SESSION, data)

    def close(self) -> None:
        os.close(self._fd)

    def _with_parameters(self, block: Any, parameters: Parameters) -> Any:
        """Fill in the parameters; the kernel wants to know the exact length of all of it."""
        block.arg.num_params = len(parameters)
        for place, parameter in enumerate(parameters):
            block.params[place] = parameter
        length = ffi.sizeof(block.arg) + len(parameters) * ffi.sizeof("struct tee_ioctl_param")
        address = int(ffi.cast("uintptr_t", block))
        return ffi.new("struct tee_ioctl_buf_data *", [address, length])

    def _call(self, request: int, argument: Any) -> int:
        return _checked(lib.teed_ioctl(self._fd, request, argument))

    def _call_as(self, caller: Credentials, request: int, argument: Any) -> int:
        """One ioctl with the credentials of *caller*, which the kernel reads off the thread."""
        groups = ffi.new("uint32_t[]", caller.groups)
        count = len(caller.groups)
        result = lib.teed_ioctl_as(
            caller.uid, caller.gid, count, groups, self._fd, request, argument
        )
        return _checked(result)


def _checked(result: int) -> int:
    """The only place where -errno becomes an exception."""
    if result < 0:
        raise OSError(-result, os.strerror(-result))
    return result


def _parameters(block: Any) -> Sequence[Parameter]:
    return [
        Parameter(param.attr, param.a, param.b, param.c)
        for param in block.params[0 : block.arg.num_params]
    ]
