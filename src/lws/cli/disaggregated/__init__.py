"""The commands of ``kubectl lws`` for DisaggregatedSets, made of those for LeaderWorkerSets."""
