"""EPCIS documents to events: one file per module, one for what others wrote, one for what nobody should write."""
