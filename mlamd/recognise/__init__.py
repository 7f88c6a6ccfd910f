"""What a file means: its kind, and facts from its head, its footer, its syntax or its opcodes.

Nothing here executes, imports or unpickles what it looks at.
"""
