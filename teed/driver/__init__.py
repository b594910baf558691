"""The boundary to the TEE: one interface, the real driver and an emulator behind it."""
