"""State stores: keys are bytes, three layers over an engine. Knows neither topics nor `streams`."""
