# MailDev as it is published on npm, on Debian's Node, laid out as the official image is.
FROM docker.io/library/debian:bookworm-slim
# Whatever stable Debian has, with its security updates.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends nodejs \
    && rm -rf /var/lib/apt/lists/*
RUN useradd -u 1000 -m node
WORKDIR /home/node
COPY node_modules node_modules
ENV NODE_ENV=production
USER node
EXPOSE 1080 1025
ENTRYPOINT ["node", "node_modules/maildev/bin/maildev"]
