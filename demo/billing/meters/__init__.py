"""What each kind of resource uses per hour of each product that AWS charges for."""
