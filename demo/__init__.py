"""A simulated AWS account that unmodified AWS clients talk to over loopback, with planted waste and an answer key.

It stands apart from the product: it imports nothing of ``ingest``, ``models``, ``flows`` or ``app`` and shares no
constant with them, so that a mistake can't stand on both sides and prove itself right. What is and isn't like AWS is
told in ``docs/simulated-account.md``.
"""
