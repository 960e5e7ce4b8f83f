"""The model of the control plane beside the real one: the same requests and the same edits, the same outcome.

Here live: the two who are asked (``sides``); requests at random (``requests``, of ``vocabularies``), and how
they are played (``playing``); owners that are deleted at random (``families``), and what users do at random
(``users``, ``histories``); and what of the answers (``alike``) and of what is left (``outcome``) has to
differ. What may not: a rule of Kubernetes, which belongs to ``support.apimodel``, and pytest.
"""
