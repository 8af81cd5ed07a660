"""The claim, and the way of outcomes back: the part of the protocol that a fire time goes through.

``passes.py`` has one pass over what is due; ``transaction.py`` one try of it (lock, count, insert, move). ``beyond.py``
looks beyond the head of the queue, ``chains.py`` and ``catching_up.py`` have catch-ups, ``free_runs.py`` claims what was
given back or taken from a dead node, ``holders.py`` and ``passed.py`` say why something is not started. ``claims.py`` is
what the scheduler gets; ``outbox.py`` writes outcomes into the ledger in groups.

States of a run and the rules by number: docs/explanation/claim-protocol.md.

Easy to get wrong: between the commit and our knowing of it lies a doubt, and each doubt has its own step that ends it.
"""
