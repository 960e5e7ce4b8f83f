"""``make soak``: half an hour of edits, deaths, strangers at every port and kills of the manager, at random.

``world`` is what it happens to, ``deeds`` what happens, ``run`` lets it happen, ``samples`` is what the
manager takes meanwhile, and ``picture`` draws that. All on the real control plane.
"""
