"""What was done, when, by whom, from where: one row per deed, in the deed's own transaction, chained by digests.

`record.py` writes, `search.py` reads, `export.py` hands out, `chain.py` proves. Clauses G4.6, G5.5, G8.
"""
