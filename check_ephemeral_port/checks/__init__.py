"""The checks: one file for each question. Each runs observe, judge, explain, render."""
