"""Lets schedulers share a store: identity, lease, heartbeat, and recovery of what a dead one held."""
