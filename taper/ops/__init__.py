"""What each operator computes, and its derivatives: one definition an operator, one file a family."""
