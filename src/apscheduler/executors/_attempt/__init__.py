"""One call of a job's function, and what it comes to: its result, its timeout, its run context and its log line.

``steps.py`` has the steps from a claim to the outcome of each of its fire times, and says who goes through them.
``calling.py`` turns a call into a result, ``watchdog.py`` ends calls in threads at their timeout (its page has the phases
of a watched run), ``lines.py`` writes the line that 3.x writes for each run. ``answers.py`` is for calls that run in
another process: what that must be told of a claim, and what its answer means.

Every kind of pool in this process uses this package. It knows none of them.

Easy to get wrong: a timeout reaches a thread as an exception that may arrive a moment late. ``watched_call`` absorbs it.
"""
