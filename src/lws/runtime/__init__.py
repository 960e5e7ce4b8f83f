"""controller-runtime in Python: informers, work queues, controllers, events, leases, serving.

Could be published alone: it knows ``lws.objects`` and ``lws.kube`` and nothing of LeaderWorkerSets.
"""
