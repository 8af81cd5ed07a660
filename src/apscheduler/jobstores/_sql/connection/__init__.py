"""From an address to a transaction: engines, connections, time limits, and what a database's errors mean.

``database.py`` begins transactions, ``engines.py`` checks what a store is made with, ``addresses.py`` and ``stray.py``
read addresses and mask their secrets, ``callwatch.py`` and ``sockets.py`` bound how long a call may take, ``poolers.py``
works behind PgBouncer and its kind, ``remedies.py`` says what an error means and what to do, ``cursors.py`` takes rows
straight from the driver.

Easy to get wrong: a text that could show a password goes through ``addresses.py`` before it is logged or raised.
"""
