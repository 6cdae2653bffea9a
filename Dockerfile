# A node, its worker, its clock, its signer, and a witness alone: one image, and the command says which.
FROM python:3.11.14-slim-bookworm AS packages
WORKDIR /build
COPY requirements.lock .
RUN python -m venv /opt/venv && /opt/venv/bin/pip install --no-cache-dir --require-hashes -r requirements.lock

FROM python:3.11.14-slim-bookworm
ENV PATH=/opt/venv/bin:$PATH PYTHONPATH=/app PYTHONUNBUFFERED=1 VAR_DIR=/var/lib/unitproof
COPY --from=packages /opt/venv /opt/venv
WORKDIR /app
COPY LICENSE README.md manage.py gunicorn.conf.py ./
COPY deploy deploy
COPY ledger ledger
COPY partners partners
COPY traceability traceability

# The values are for this one command, which uses none of them; they are in no process that runs.
RUN DEBUG=0 SECRET_KEY=of-no-use ALLOWED_HOSTS=localhost LOG_ORIGIN=localhost/log OPERATOR_GLN=0614141000012 \
    python manage.py collectstatic --no-input

# A named volume begins as a copy of its folder here, and so with its owner.
RUN groupadd --system --gid 10001 unitproof \
    && useradd --system --uid 10001 --gid unitproof --no-create-home unitproof \
    && cd /var/lib && install -d -m 0700 -o unitproof -g unitproof \
       unitproof unitproof/keys unitproof/keys/node unitproof/keys/signer unitproof/policy unitproof/socket unitproof/witness
USER 10001:10001

EXPOSE 8000
HEALTHCHECK --interval=15s --timeout=6s --start-period=30s CMD ["python", "-m", "traceability.probe"]
CMD ["gunicorn", "traceability.wsgi", "--bind", "0.0.0.0:8000", "--workers", "2", "--threads", "8"]
