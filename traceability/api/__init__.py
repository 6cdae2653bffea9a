"""The REST API, `/api/v1/` (ARCHITECTURE section 10). Views read a request, call one verb and shape the answer;
`errors` is the one place that knows HTTP statuses."""
