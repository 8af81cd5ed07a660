"""The loop: claims what is due, hands it to the executors, and says when to come back.

``loop.py`` has the pass. ``handing_over.py`` brings one claimed batch to the executors (a job whose executor does not
exist has failed in its store before that), ``settling.py`` takes outcomes
back to the stores and tells the listeners, ``announcing.py`` and ``farewells.py`` tell of jobs that were submitted,
skipped, removed or have ended. ``lateness.py`` and ``clock_steps.py`` find out why a claim came late, ``pace.py`` bounds
how often a failing store is asked, ``leading.py`` asks whether this scheduler may run jobs at all.

Flow of a pass: may we? → for each store: claim a batch → hand it over → announce it → when is the next one due?

Easy to get wrong: no lock is held while foreign code runs (a store, an executor, a trigger, a listener), and one failing
thing costs that thing only.
"""
