"""EPCIS documents in, frozen events out. Pure: no database, network, clock or settings.

`documents.parse` reads any document that is read here; `events` has what it returns, `errors` what it raises, `limits`
how much it takes. `event_hash` names an event as others do. The rest is this package's own business.
"""
