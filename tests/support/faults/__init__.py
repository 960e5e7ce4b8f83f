"""The whole manager over the model of an API server, one step at a time, and everything that can go wrong.

Here live: the threads of the production code and who of them goes on (``tasks``), the wire between them and
the model (``wire``), one life of the manager (``life``), a world of all of it (``world``), what users do
(``operations``), what fails (``trouble``, ``chaos``), what must hold (``states``, ``oracles``), and the table
of fault by operation that ``make faults`` writes (``matrix``, ``report``). Rules of Kubernetes are not here,
but in ``support.apimodel``.
"""
