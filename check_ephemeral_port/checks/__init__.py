"""The checks, one file each. Their steps are observe, judge, explain and render."""
