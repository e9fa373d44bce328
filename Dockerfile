# A trainer node, or any other command: docker build -t swarm-chain . && docker run --rm swarm-chain --help
FROM python:3.12-slim AS build
WORKDIR /src
COPY pyproject.toml README.md LICENSE requirements.lock ./
COPY scripts/install_torch.py scripts/
COPY swarm_chain swarm_chain
RUN python -m venv /opt/swarm-chain \
 && /opt/swarm-chain/bin/python scripts/install_torch.py \
 && /opt/swarm-chain/bin/pip install --no-cache-dir --require-hashes --requirement requirements.lock \
 && /opt/swarm-chain/bin/pip install --no-cache-dir --no-deps .

FROM python:3.12-slim
COPY --from=build /opt/swarm-chain /opt/swarm-chain
RUN useradd --create-home --uid 10001 swarm && install -d -o swarm /var/lib/swarm-chain /creator
USER swarm
ENV PATH=/opt/swarm-chain/bin:$PATH SWARM_CHAIN_HOME=/var/lib/swarm-chain PYTHONUNBUFFERED=1
VOLUME /var/lib/swarm-chain
ENTRYPOINT ["swarm-chain"]
CMD ["--help"]
