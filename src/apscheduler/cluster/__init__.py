"""What schedulers that share a store owe each other: identity, lease, heartbeat, recovery of what a dead one held."""
