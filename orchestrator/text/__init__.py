"""Facts and figures as texts, the same in every terminal, table, page and report. Pure: nothing is read or written."""
