"""What waits between two passes: a thread, or an event loop of the program's.

``waiting.py`` is the flag for which schedulers with a thread wait; how long they sleep is in ``_main_loop`` of
``schedulers/blocking.py``. ``callback.py`` is the base of schedulers in any event loop, through a port
(``apscheduler/loops``): it queues events and tells them in the loop's thread, and what is left at the interpreter's
end. ``loop_timer.py`` is their timer, ``pass_thread.py`` the thread beside the loop. ``asyncio.py`` adds what only
asyncio has.

Easy to get wrong: in an event loop the pass may run beside the loop (docs/decisions/0009), so the loop's thread and the
pass's thread are two.
"""
