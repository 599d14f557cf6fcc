"""KQL without Azure: Microsoft's own analysis of a query, and a workspace in memory that runs it."""
