"""What a deletion is and what may happen to it: the nouns, the tables, the rules, the ports.

Pure: values in, values out. Nothing here reaches out, and no other room of ours is imported.
"""
