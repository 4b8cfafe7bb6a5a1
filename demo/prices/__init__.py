"""What things cost: AWS's list as far as the simulated account uses it, with sources in the JSON files."""
