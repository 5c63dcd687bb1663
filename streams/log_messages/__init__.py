"""What warnings and errors mean, by the codes that they bear."""
