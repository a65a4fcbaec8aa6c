"""The farm as its user meets it, on emulated arm64 boards: `make test-arm64`."""
