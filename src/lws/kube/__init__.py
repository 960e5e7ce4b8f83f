"""One Kubernetes API server over HTTP: configuration, requests, watches, errors.

Knows nothing of LeaderWorkerSets and nothing of caches or queues.
"""
