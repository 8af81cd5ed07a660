"""The SQL job store: what lies behind its face, ``jobstores/sqlalchemy.py``.

The rooms, bottom up. Each imports from those above it in this list, and from no other:

    connection   from an address to a transaction, and what a database's errors mean
    schema       the tables, and how they come to be
    statements   the SQL of the claim protocol, for each kind of database
    membership   the nodes that share a store, which of them leads, who is told of changes
    changing     jobs that are added, changed, removed or loaded
    zones        fire times that newer zone data moves
    claiming     the claim, and the way of outcomes back
    guarding     what could break the promises from outside, noticed

Beside the rooms, and above them:

    options.py       the store's options that are amounts
    parts.py         what a store consists of, whether it is started or not
    reading.py       jobs as the table has them; quarantine.py those that cannot be restored; ledger.py the runs
    looking.py       a store that was not started
    session.py       what lives between a start and the end of its last run; sessions.py those of one store
    housekeeping.py  what is done now and then while it is started; ending.py ends it in time
    telling.py       what it reports, to the log and to listeners; errors.py the error that they get
    plain.py         a store on a database for which there is no claim protocol

Nothing here imports the face.

The way of one fire time:

    1. ``changing/editing.py`` writes the job's row. From then on, its column ``next_run_time`` says when the job is due.
    2. ``claiming/passes.py`` reads the head of the queue, and plans: which fire times run, which is the next one.
    3. ``claiming/transaction.py`` inserts a row ``RUNNING`` into the ledger and moves the column, in one transaction. Its
       last statement checks that this node still lives.
    4. ``claiming/claims.py``: the claim goes to the scheduler, and to an executor, which asks it whether it may start.
    5. ``claiming/outbox.py`` writes the outcome into the row, in the transaction of a later claim or in its own thread.
    6. ``ledger.py`` shows the row to users, and removes it when it is old.

    If the process dies between 3 and 5, ``membership/nodes.py`` of another process closes the row as lost, or frees it;
    what is free, ``claiming/free_runs.py`` claims.

The states of a run and the steps between them: ``history/states.py``. The rules by number:
docs/explanation/claim-protocol.md.
"""
