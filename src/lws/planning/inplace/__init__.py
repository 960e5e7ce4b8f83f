"""Updating a group in place: the images of its pods are changed, and no pod is replaced.

``eligibility`` says which change of a revision can be made so, ``marks`` what is written on objects on the
way, ``choice`` which groups are next and how far the leader StatefulSet's partition may go, ``steps`` what is
due for one group, ``pods`` what becomes of one pod. All states are drawn in docs/decisions/211. How a group
is recreated may not live here.
"""
