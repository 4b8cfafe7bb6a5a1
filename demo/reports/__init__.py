"""Charges written as AWS delivers them: legacy reports, Data Exports, Cost Explorer's sums."""
