"""The fuzzer: random programs over the API of APScheduler 3, played by 3.11.3 and by ours, and compared.

- ``generator`` (with ``arguments``) makes a program from a seed: plain JSON, a list of steps.
- ``play`` plays programs with whichever ``apscheduler`` is installed and writes traces; ``sides`` runs it in both
  environments.
- ``comparing`` finds the first difference of two traces, ``accepted`` knows those that docs/compatibility.md lists,
  ``shrinking`` makes the program small, ``campaign`` puts them together.
"""
