"""An invented world, for whoever looks at this for the first time. Only with DEMO=1."""
