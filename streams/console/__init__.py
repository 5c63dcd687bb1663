"""The live page of an application, `/console`: any instance shows all of them. Nothing runs while nobody looks."""
