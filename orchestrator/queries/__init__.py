"""The only read door: every table, page, report and export is made from what these functions return."""
