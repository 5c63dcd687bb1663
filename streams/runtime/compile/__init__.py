"""From a topology to the code that runs it: entry functions, the contexts and handlers they call."""
