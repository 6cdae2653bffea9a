"""GS1 numbers: in EPC URNs, in Digital Links, on labels. Pure.

`identifiers`: `canonical` (any spelling to the one that is stored), the values `Gtin`, `Sgtin`, `Lgtin`, `Sscc`, `Gln`,
`Sgln`, `Pgln`, and `gln_of`, `gtin_of`, `is_sgtin`, `is_sscc`, `matches_prefix`, `check_digit`.
`element_string`: `parse_scan` (anything a scanner yields) and `ElementString`.
`ndc`: `Ndc`, a National Drug Code in 10, 11 or 12 digits, and its `Format`.
`scanner_faults`: `possible`, `explain`: what may have happened to a code on its way, `FAULTS` by code; `keyboards`.
`errors`: `Gs1Error`, whose `code` says what is wrong. The rest is this package's own business.
"""
