"""A copy of the project that a test may deploy, and an engine with all the services that this needs."""

import json
import os
import platform
import shutil
import subprocess
import sys
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import boto3

from ordersctl.deploy.package import copy_sources
from ordersctl.shared.engine_client import client_options
from ordersctl.shared.project import PROJECT_DIR
from ordersctl.shared.stage import Stage
from testkit.servers.engine import running_engine

# This machine's architecture by Lambda's name for it: the engine runs the package's functions on this machine.
ARCHITECTURE = {"x86_64": "x86_64", "aarch64": "arm64", "arm64": "arm64"}[platform.machine()]
SERVICES = (
    "apigateway,cloudformation,cloudwatch,dynamodb,dynamodbstreams,events,iam,lambda,logs,s3,secretsmanager,sns,sqs,sts"
)


def full_engine(directory: Path) -> AbstractContextManager[str]:
    """Run an engine that has Lambda, API Gateway, S3 and CloudWatch too; its value is the engine's address."""
    return running_engine(directory, SERVICES)


@dataclass
class Project:
    directory: Path
    engine_url: str

    @classmethod
    def copied(cls, directory: Path, engine_url: str) -> "Project":
        copy_sources(directory)
        shutil.copy(PROJECT_DIR / "requirements.txt", directory)
        return cls(directory, engine_url)

    def configure(self, stage: str, **settings: Any) -> None:
        """Change a stage's settings in .chalice/config.json."""
        path = self.directory / ".chalice" / "config.json"
        config = json.loads(path.read_text())
        config["stages"][stage] = {**config["stages"].get(stage, {}), **settings}
        path.write_text(json.dumps(config))

    def config(self, stage: str) -> dict[str, Any]:
        settings: dict[str, Any] = json.loads((self.directory / ".chalice" / "config.json").read_text())
        return settings["stages"][stage]  # type: ignore[no-any-return]  # plain JSON

    def run(self, *arguments: str, errors: int = subprocess.PIPE, **more: str) -> subprocess.CompletedProcess[str]:
        """Run a Python module's command in the project, against the engine; `more` is set in its environment."""
        kept = {name: value for name, value in os.environ.items() if not name.startswith("AWS_")}
        engine = {
            "AWS_ENDPOINT_URL": self.engine_url,
            "AWS_ACCESS_KEY_ID": "local",
            "AWS_SECRET_ACCESS_KEY": "local",
            "AWS_DEFAULT_REGION": "us-east-1",
        }
        # As in an active environment: hints name commands without a path.
        kept["PATH"] = os.pathsep.join([str(Path(sys.executable).parent), kept["PATH"]])
        return subprocess.run(  # noqa: S603 - our own commands
            [sys.executable, *arguments],
            cwd=self.directory,
            env={**kept, **engine, "COLUMNS": "200", **more},
            stdout=subprocess.PIPE,
            stderr=errors,
            text=True,
            check=False,
            timeout=240,
        )

    def ordersctl(self, *arguments: str) -> str:
        """Run one of our commands; return its output and what it says on stderr, AssertionError if it fails."""
        done = self.run("-m", "ordersctl", *arguments)
        assert done.returncode == 0, done.stdout + done.stderr
        return done.stdout + done.stderr

    def chalice(self, *arguments: str) -> subprocess.CompletedProcess[str]:
        return self.run("-c", "import sys; from chalice.cli import main; sys.exit(main())", *arguments)


def stage_on(engine_url: str, name: str) -> Stage:
    """The engine as a stage that is not the local one."""
    options = client_options(engine_url)
    return Stage(name, boto3.Session(region_name=options.pop("region_name")), options)


def write_settings(project: Project, stage: str, **parameters: str) -> None:
    """Write a stage's file in infra/stages."""
    path = project.directory / "infra" / "stages" / f"{stage}.json"
    path.write_text(json.dumps({"Parameters": parameters, "Tags": {"service": "orders", "stage": stage}}))


def with_numbers(template: Path) -> None:
    """Replace each parameter of type Number by its default: the engine passes a parameter to Lambda as text."""
    document = json.loads(template.read_text())
    numbers = {name: each["Default"] for name, each in document["Parameters"].items() if each["Type"] == "Number"}

    def resolved(value: Any) -> Any:
        match value:
            case {"Ref": name} if name in numbers:
                return numbers[name]
            case dict():
                return {key: resolved(each) for key, each in value.items()}
            case list():
                return [resolved(each) for each in value]
        return value

    functions = {name: resolved(each) for name, each in document["Resources"].items() if "Function" in each["Type"]}
    document["Resources"] |= functions
    template.write_text(json.dumps(document))
