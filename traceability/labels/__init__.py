"""Labels, from what is to be printed to a PDF in true millimetres. Pure.

    rows ─read─> labels ─encode─> symbols ─arrange─> arrangement ─draw─> PDF
    job          label       symbols, qr_code        layout, stock       pdf

`job`: `Job` (labels, what they are printed on, and with how many dots an inch) and its readers of JSON and CSV.
`pdf`: `draw`. `symbols`: `datamatrix_svg`. `errors`: `LabelError`. The rest is this package's own business. Nothing is
imported here, so that whoever shows a symbol does not load what draws PDF.

No library checks what it encodes. Here nothing reaches one but an `ElementString`, whose check digits, dates, lengths
and characters are right.
"""
