"""``kubectl lws dashboard``: a page on this machine that shows sets as they are, and changes them on demand.

What the page is told is worked out by pure functions from objects as they were observed (``tiles``,
``places``, ``overview``, ``offers``, ``steps``, ``focus``). ``watching`` observes, ``painting`` keeps the
documents of ``board`` up to date, ``access`` and ``pages`` answer the browser, ``acting`` does what a person
confirms. No rule about sets may live here: those are the planners', and the other commands'.
"""
