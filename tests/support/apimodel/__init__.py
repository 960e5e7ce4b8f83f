"""One API server and the components around it, as a deterministic model in this process.

Here live: objects with their resourceVersions, watches and the log they read, the verbs with preconditions,
subresources, patches and server-side apply, admission by the production webhooks, and, as steps that somebody
else orders, the StatefulSet controller, the garbage collector, the scheduler and the kubelets. What may not:
our own controllers, faults, clocks that move by themselves, and what a test wants of all this. It is in
``tests/support`` because nothing but tests and ``make faults``, which is one, has any use for it.
"""
