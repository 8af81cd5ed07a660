"""Pure rules of scheduling: no clock, no thread, no I/O, no logging, no randomness of its own."""
