"""The whole farm: real worker, real valkey, real SSH, real inference."""
