"""Job stores: they keep the jobs, and beside them the ledger of their runs."""
