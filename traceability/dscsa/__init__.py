"""What the Drug Supply Chain Security Act asks of trading partners, one module a duty."""
