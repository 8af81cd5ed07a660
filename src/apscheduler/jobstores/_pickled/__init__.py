"""Stores for one scheduler process that keep each job as 3.x's pickle.

``store.py`` is their base: it restores jobs, and quarantines those that cannot be restored. ``documents.py`` is the base
of the stores in etcd and ZooKeeper; ``connecting.py`` reads the keyword arguments that a store hands to its client.

Easy to get wrong: whatever cannot be restored stays stored, and is reported.
"""
