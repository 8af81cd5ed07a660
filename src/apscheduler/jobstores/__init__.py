"""What is remembered: the jobs, and beside them the ledger of their runs."""
