"""The production reconcilers in the model of a control plane, in one thread, one move at a time.

For what takes thousands of runs, or says itself what happens next: a pass, what a watch tells, what a
component does. ``support.faults`` runs the whole program, with threads and retries, and takes longer.
Here live the cluster with its components (``cluster``), caches that a test feeds (``caches``), the
connection that a test can break (``wire``), and a life of the controllers (``process``). What may not:
rules of an API server or of a component, which are ``support.apimodel``'s, and of what the controllers
should do.
"""
