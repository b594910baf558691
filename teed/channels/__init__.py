"""The data plane: session channels, and the crew of threads that serves them."""
