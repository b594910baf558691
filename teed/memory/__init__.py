"""The pool of shared memory: memfds, the stock of fresh buffers, each client's own."""
