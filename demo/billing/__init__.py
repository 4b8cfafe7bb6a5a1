"""From what was used to what is charged: meters, commitments, tiers, discounts, fees and tax, in exact integers."""
