# Debian's RabbitMQ, laid out as the official image is, as far as our files touch it.
FROM docker.io/library/debian:bookworm-slim
# Whatever stable Debian has, with its security updates; the list of packages says which that was.
# hadolint ignore=DL3008
RUN printf '#!/bin/sh\nexit 101\n' >/usr/sbin/policy-rc.d && chmod 755 /usr/sbin/policy-rc.d \
    && apt-get update \
    && DEBIAN_FRONTEND=noninteractive apt-get install -y --no-install-recommends \
        rabbitmq-server \
    && rm -rf /var/lib/apt/lists/* \
    && mkdir -p /etc/rabbitmq/conf.d && chown -R rabbitmq:rabbitmq /etc/rabbitmq \
    && echo '[rabbitmq_prometheus].' >/etc/rabbitmq/enabled_plugins \
    && echo 'loopback_users = none' >/etc/rabbitmq/conf.d/00-everywhere.conf
# The official image's number for the user, so that a file system or a Kubernetes that names it fits.
RUN usermod -u 999 rabbitmq && groupmod -g 999 rabbitmq \
    && chown -R rabbitmq:rabbitmq /var/lib/rabbitmq /var/log/rabbitmq /etc/rabbitmq
ENV HOME=/var/lib/rabbitmq LANG=C.UTF-8 RABBITMQ_LOGS=- RABBITMQ_CONFIG_FILES=/etc/rabbitmq/conf.d
USER rabbitmq
EXPOSE 5672 15692
CMD ["/usr/lib/rabbitmq/bin/rabbitmq-server"]
