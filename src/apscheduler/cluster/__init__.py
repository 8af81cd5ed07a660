"""What processes that share a store owe each other: identity, lease, heartbeat, and recovery of what a dead one held.

``membership.py`` keeps a process a member: it joins, beats, buries dead nodes, and joins anew if it was taken for dead.
``lease.py`` says until when a process may trust itself (a forked child never does: the lease is its parent's),
``nodes.py`` which nodes are dead, ``offset.py`` how far the clocks are apart. ``host.py``, ``creation.py`` and
``filesystems.py`` identify processes and files; ``hostclock.py`` is the store's clock on SQLite. ``leading.py`` has the
leader's lock. ``points.py`` names the steps between which tests kill.

States of a node: joined → trusted ⇄ not trusted → fenced (others buried it) → joined anew under another epoch.

Nothing here knows SQL: a store gives a ``roll`` and an ``outbox`` (docs/decisions/0005). The rules have numbers in
docs/explanation/claim-protocol.md.

Easy to get wrong: trust is counted from *before* the heartbeat was sent, by a clock that runs while the machine sleeps.
"""
