"""The formats of `migspec check`: what it says of many traces, for people and for other programs.

Each format is a module with a reporter, and its line in the table of `reports.table`. A reporter is handed one report
after the other, and keeps of each no more than its format needs at the end.
"""
