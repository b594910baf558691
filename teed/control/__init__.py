"""The control plane: a trio server, one connection a client."""
