"""LeaderWorkerSet for Kubernetes: groups of pods as one unit of replication, rollout and failure."""

__version__ = "0.1.0"
