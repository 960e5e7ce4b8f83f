"""The vocabulary: constants and typed subsets of the objects this controller reads and writes.

Pod templates stay plain JSON: they are copied through, so members newer than this code survive.
Nothing here decides anything, and nothing here performs I/O.
"""
