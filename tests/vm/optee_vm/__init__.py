"""A virtual machine with a real OP-TEE, put together from Debian packages."""
