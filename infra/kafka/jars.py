"""Apache Kafka as its Maven jars, fetched once per user with the machine's own Maven."""

import re
import shutil
import subprocess
import tempfile
import time
from pathlib import Path

from infra.postgres import locks

VERSION = "4.1.0"
OLDEST_JAVA = 17
WITHIN_SECONDS = 600.0
# The plugin that Maven 3 takes by itself; named so that it stays the same one.
_GOAL = "org.apache.maven.plugins:maven-dependency-plugin:2.8:copy-dependencies"
_POM = f"""<project>
  <modelVersion>4.0.0</modelVersion>
  <groupId>entitlements</groupId><artifactId>broker</artifactId><version>1</version>
  <packaging>pom</packaging>
  <dependencies>
    <dependency>
      <groupId>org.apache.kafka</groupId><artifactId>kafka_2.13</artifactId>
      <version>{VERSION}</version>
    </dependency>
    <dependency>
      <groupId>org.slf4j</groupId><artifactId>slf4j-simple</artifactId><version>1.7.36</version>
    </dependency>
  </dependencies>
</project>
"""


class NoJars(Exception):
    """Apache Kafka cannot be run here; says why."""


def java() -> str:
    """The path of a Java that is new enough.

    Raises:
        NoJars: there is none.
    """
    found = shutil.which("java")
    if found is None:
        raise NoJars("java is not installed")
    said = subprocess.run([found, "-version"], capture_output=True, text=True, check=False).stderr
    version = re.search(r'version "(\d+)', said)
    if version is None or int(version[1]) < OLDEST_JAVA:
        raise NoJars(f"java is older than {OLDEST_JAVA}")
    return found


def jars(cache: Path) -> Path:
    """The directory of the jars below `cache`; fetched when they are not there.

    Raises:
        NoJars: they cannot be fetched.
    """
    wanted = cache / f"kafka-{VERSION}"
    if wanted.is_dir():
        return wanted
    maven = shutil.which("mvn")
    if maven is None:
        raise NoJars("mvn is not installed")
    cache.mkdir(parents=True, exist_ok=True)
    deadline = time.monotonic() + WITHIN_SECONDS
    with locks.exclusive(cache / "fetching.lock", deadline=deadline) as alone:
        if not alone:
            raise NoJars("another process has been fetching the jars all the time")
        if not wanted.is_dir():
            _fetch(maven, wanted)
    return wanted


def _fetch(maven: str, wanted: Path) -> None:
    with tempfile.TemporaryDirectory(prefix="new-", dir=wanted.parent) as name:
        (Path(name) / "pom.xml").write_text(_POM, encoding="utf-8")
        words = [maven, "--quiet", "--batch-mode", _GOAL, "-DoutputDirectory=jars"]
        try:
            done = subprocess.run(
                words, cwd=name, capture_output=True, text=True, timeout=WITHIN_SECONDS, check=False
            )
        except subprocess.TimeoutExpired as error:
            raise NoJars(f"mvn did not end within {WITHIN_SECONDS:.0f} s") from error
        if done.returncode != 0:
            raise NoJars(f"mvn could not fetch them: {_last_lines(done.stdout)}")
        (Path(name) / "jars").rename(wanted)


def _last_lines(said: str) -> str:
    errors = [line for line in said.splitlines() if line.startswith("[ERROR]")]
    return " ".join(errors[:2]) or said[-300:].strip()
