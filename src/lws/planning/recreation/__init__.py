"""When a group is recreated as a whole, how soon, how often, and what is remembered of it.

``evidence`` says what is a death, ``decision`` makes the plan, ``backoff`` counts and waits, ``record`` says
which incarnation is known, and ``commits`` puts what was decided about many groups into one patch; all states
are drawn in docs/decisions/102. How workers are made again may not live here: once the leader is gone, that
is the pass over a new group.
"""
