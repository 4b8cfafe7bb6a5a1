"""CloudWatch into PostgreSQL.

catalog: what to collect; discovery: what reports; planning: which window and period each series is asked for, packed
into calls; estimating: what that would cost; requesting: the calls; assembling: answers as rows; storing: rows in the
database; history: what the ledger says of earlier collections; collection: all of it for one account and region;
loading: every account and region.
"""
