"""The rules of DisaggregatedSets: revision, children, rollout step by step, services, scalers, status.

Pure, as all of ``planning``. Sections named in comments are those of docs/specification/disaggregatedset.md.
"""
