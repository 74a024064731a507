"""Lints: what looks at files that were rendered, and tells what must not be run as it is. PURE.

Belongs here: checks that take what a template made, with all that it read and printed, and give Problems; they may render a
file once more with another value in it. May not: change a file, or be known to who renders: rendering only renders.
Before it: releases.assemble, releases.render. After it: survey, which runs them.
"""
