"""The parts of the SQL job store: tables, what differs between databases, the claim, the ledger, the nodes."""
