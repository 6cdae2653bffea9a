"""Anchors: others who say when they saw a checkpoint's text, so that it cannot have been made up later. Pure.

rfc3161     time-stamping authorities

A kind of anchor is a module with two functions; who is asked, and how often, is `ledger/anchoring.py`'s business.

    stamp(message, post) -> token              ask for a token over these bytes; `post` does the talking
    check(token, message, trust) -> datetime   when the message was seen, at the latest; raises `BadAnchor`
"""
