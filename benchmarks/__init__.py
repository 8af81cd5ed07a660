"""Tickwright beside the reference implementation and its limits, as ratios of one interleaved run.

``goals`` says what is compared, ``work`` holds the code that is timed, ``worker`` runs it in an implementation's own
interpreter, ``measuring`` takes turns between the workers, ``table`` shows what came out.
"""
