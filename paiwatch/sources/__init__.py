"""Where news and trees come from: git repositories, live directories, and the nudges that say "look again".

Belongs here: everything that touches git or watches files. May not: decide anything, parse YAML, know a service.
Before it: nothing. After it: catalog and model, which get trees and bytes.
"""
