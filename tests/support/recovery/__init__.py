"""Faults that strike the real control plane and our manager, and how long after them sets are whole again.

``arena`` is what they strike, each other module but ``measure`` and ``report`` has faults of one kind, and
``python -m support.recovery`` (``make recovery``) lets all of them strike. What is possible only in a model
of the control plane is ``support.faults``'s.
"""
