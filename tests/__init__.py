"""The tests of pifarm, in folders that mirror the packages."""
