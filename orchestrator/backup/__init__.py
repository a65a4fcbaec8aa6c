"""A whole farm in one file, and back.

    archive    the file: a tar of named pieces behind a manifest with their hashes; hostile ones are refused
    contents   which pieces of a state home belong into it
    make       writes one, while the farm works
    restore    puts one in place of what is there, which is kept aside

What lies on boards is not part of it, and neither is `local/` or `simulated/`: those are boards' disks too.
"""
