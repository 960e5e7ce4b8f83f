"""The rules, pure: a frozen snapshot of observed state goes in, actions come out.

No I/O, clock, randomness, logging or threads may live here (import-linter holds it). The shells in
``lws.controllers`` read the snapshot from the caches and carry the actions out.
"""
