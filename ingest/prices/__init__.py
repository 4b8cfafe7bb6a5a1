"""What AWS sells, for what the loaded bill uses: list prices, instance sizes, Savings Plans rates, reservations."""
