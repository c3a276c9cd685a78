"""chattpl inside other libraries: one module for each, imported by whoever has that library."""
