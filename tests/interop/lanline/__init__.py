"""A second implementation of the Lanline protocol, written from docs/protocol.md alone."""
