"""What the memory store is made of.

``claiming.py`` claims what is due from the store's queue. ``plans.py`` carries out plans for any store whose ledger is in
memory, and records what it does not hand out: skipped, or failed because its executor does not exist. ``listing.py`` keeps
the order in which jobs are listed, ``asking.py`` makes the claims if some of the store's methods are someone else's (a subclass's, a mixin's).
"""
