"""Whatever clients send, the daemon lives on and serves the others."""
