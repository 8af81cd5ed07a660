"""The claim, and the way of outcomes back: the part of the protocol that a fire time goes through.

A pass goes down this list:

    passes.py        one pass over what is due, page by page
    queue.py         reads the head of the queue; beyond.py looks beyond a head that has to be left
    planning.py      loads and plans each job, before anything is locked
    committing.py    commits a page of them; rights.py checks, as the last step, that this node may
    transaction.py   one try of it: lock, count, insert, move
    handing_over.py  makes the batch that the scheduler gets, of claims.py
    doubt.py         keeps that batch until it is known that the transaction was committed

``catching_up.py`` has catch-ups, and ``chains.py`` those that were taken from a dead node. ``free_runs.py`` claims what was
given back or taken from a dead node. ``holders.py`` and ``passed.py`` have the words for why something is not started;
``../telling.py`` tells them, a lasting trouble once in ten seconds. ``outbox.py`` writes outcomes into the ledger in groups.

The states of a run: history/states.py. The rules by number: docs/explanation/claim-protocol.md.

Easy to get wrong: between the commit and our knowing of it lies a doubt. An error there must lose no claim, and a Ctrl-C
is such an error.
"""
