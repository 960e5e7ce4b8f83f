"""``make schedules``: every order of the steps of small operations that few delays lead to.

Here live the scheduler that a list of delays drives (``delays``), how it is known that two orders came to the
same (``knowledge``), the search through all lists (``search``) and its table (``report``). The world is
``support.faults``'s, and what must hold there is said there.
"""
