"""A second reader of Greffe's formats, written from docs/spec/ alone.

It shares no code with the program: other language, other libraries. What it refuses, it refuses
with the number of the check in the spec page that was broken.
"""
