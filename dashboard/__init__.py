"""The dashboard: pages that read the farm through its queries and act as the command line does."""
