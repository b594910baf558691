"""The wire between teed and its clients: messages, codes, errors.  No I/O."""
