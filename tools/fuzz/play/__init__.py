"""What plays programs: the standard library and ``apscheduler`` alone, whichever of the two is installed."""
