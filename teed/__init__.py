"""teed: a broker for Trusted Execution Environments on Linux."""

__version__ = "0.1.0"
