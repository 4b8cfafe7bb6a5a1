"""CloudWatch into PostgreSQL.

catalog: what to collect; discovery: what reports; planning: which window and period each series is asked for, packed
into calls; estimating: what that would cost; requesting: the calls; assembling: answers as rows; storing: rows in the
database; loading: all of it, an account and region at a time.
"""
