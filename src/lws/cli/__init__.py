"""The kubectl plugin ``kubectl lws``: shows sets, explains them, and changes how they roll.

Each command is a module: pure functions from observed objects to a typed view, and what draws that view. What
a set is and what a roll does is the planners' knowledge. Nothing of the manager may import this room.
"""
