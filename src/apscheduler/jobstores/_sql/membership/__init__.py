"""The nodes that share a store: the list of them, which one leads, and who is told of changes.

``nodes.py`` lets nodes join, renew their leases and leave, and buries dead ones; ``leader.py`` has the leader's lock;
``own_lease.py`` is the last step of their transactions. ``listening.py`` tells a scheduler at once that jobs were changed.
What a node owes the others is in ``cluster/``.
"""
