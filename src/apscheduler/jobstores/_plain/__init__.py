"""A store with 3.x's eight methods, as a store that claims.

``claims.py`` makes the claims for it, under a lock per store, and gives them to the scheduler as a ``SharedJobStore``
would. ``reaching.py`` tells whether a store failed because it cannot be reached, and where it is.

The stores for one process (Redis, MongoDB, …) and stores of third parties come this way.

Easy to get wrong: such a store cannot claim atomically. It is for one scheduler process (docs/decisions/0001).
"""
