"""What every client sees, whatever the driver: run on the emulator and on the real OP-TEE.

The tests are clients without any privilege.  They talk to a daemon that is running
already (``--teed-socket``, in the machine with OP-TEE) or that the suite starts itself.
"""
