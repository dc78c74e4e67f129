"""How anything is changed: preview, plan, a person's answer, journal, change, a look at the result, undo."""
