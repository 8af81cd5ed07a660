"""Zones as machines and calendars have them: odd names, the local zone, and the data they are made of."""
