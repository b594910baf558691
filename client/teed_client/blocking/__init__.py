"""The client for threads: every call blocks until its answer is there."""
