"""Where jobs run: the contract of executors, and the executors. The files here are faces at 3.x's paths.

What is behind them is in folders: ``_attempt`` (one call and what it comes to), ``_threads``, ``_tasks`` (in an event
loop), ``_processes`` with ``_wire`` and ``_child``, ``_foreign`` (pools of others), ``_v3`` (3.x's ways to run),
``_ending`` (the end of pools). ``_claiming.py`` is the base of those that take claims. ``_contract.py`` says, for types,
what executors need of their scheduler, and their parts of them.

Flow: the scheduler's loop submits claims or plain jobs; a worker goes through the steps of a run for each fire time
(``_attempt/steps.py``); the claim's sink gets the outcome.

Easy to get wrong: programs subclass executors, replace ``_pool`` and patch ``run_job``. ``_claiming.py`` looks for that
before it takes a short cut.
"""
