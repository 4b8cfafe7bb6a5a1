"""Cost Explorer into PostgreSQL.

planning: which months, and which accounts of them have moved; asking: the requests, each page counted; answers: pages
as rows; storing: a month put in place, and the estimates it gives; hourly: the last 14 days; estimating: what all of it
would cost; loading: a payer's months.
"""
