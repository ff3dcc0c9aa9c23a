"""`python -m infra.kafka`: fetch what a broker of our own needs, and say which kind it will be."""

import sys

from infra.kafka.embedded import CACHE
from infra.kafka.errors import KafkaUnavailable
from infra.kafka.kinds import choose

if __name__ == "__main__":
    try:
        sys.stdout.write(f"{choose(CACHE).name}\n")
    except KafkaUnavailable as error:
        sys.exit(str(error))
