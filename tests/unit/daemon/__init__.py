"""The daemon without its device: each part by itself, then all of them together."""
