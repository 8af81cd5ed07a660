"""The code that is timed: the same for every implementation whose public API is the same.

Each function does one measurement and returns its metrics; times are costs (less is better) per item.
"""
