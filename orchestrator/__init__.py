"""The orchestrator: queues variants across devices, keeps every sample in SQL, ranks them."""
