# Java, and the jars that tools/dynamodb-local fetched: for tests on the machine that fetched them.
# Amazon's licence allows no passing on, so this image goes to no registry.
FROM docker.io/library/debian:bookworm-slim
# Whatever stable Debian has, with its security updates; the list of packages says which that was.
# hadolint ignore=DL3008
RUN apt-get update \
    && apt-get install -y --no-install-recommends default-jre-headless \
    && rm -rf /var/lib/apt/lists/*
RUN useradd -u 1000 -d /home/dynamodblocal dynamodblocal
WORKDIR /home/dynamodblocal
COPY . .
# Found by everything that Java starts here, as the official image's jar names its own libraries.
ENV JDK_JAVA_OPTIONS="-Djava.library.path=/home/dynamodblocal" DDB_LOCAL_TELEMETRY=0
USER dynamodblocal
EXPOSE 8000
ENTRYPOINT ["java"]
CMD ["-jar", "DynamoDBLocal.jar", "-inMemory"]
