"""Canaries: a small fixed workload on every device between studies, which shows when the device itself has changed.

`workload` is what is measured, `planting` decides when and queues it as an ordinary run, `judging` compares it with the
device's own earlier canaries (`analysis.control` holds the rule) and takes a device that has changed out of service.

A canary is a study of its own kind: it has runs, attempts and raw data like any other, and is never ranked, compared or
counted among the studies that people submit.
"""
