"""The versions of a packaged stage's functions, by release: which one is live, moving to another, removing old ones."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from typing import Any

import click
from botocore.exceptions import ClientError

from ordersctl.deploy.function_settings import FUNCTIONS, function_names
from ordersctl.shared.functions import ALIAS, COMMAND_REVISION, RELEASE, Function

KEPT = 3  # releases, the live one among them; with SnapStart each version's snapshot is paid for


@dataclass(frozen=True)
class Releases:
    """A stage's releases; `client` is boto3's for Lambda."""

    client: Any
    stage: str

    @property
    def api(self) -> str:
        return function_names(self.stage)[0]

    def versions(self, function: str) -> dict[int, str]:
        """Return version -> release, oldest first; a version from before there were releases has none."""
        pages = self.client.get_paginator("list_versions_by_function").paginate(FunctionName=function)
        found = [each for page in pages for each in page["Versions"] if each["Version"] != "$LATEST"]
        return {int(each["Version"]): _release(each) for each in sorted(found, key=lambda each: int(each["Version"]))}

    def live_version(self, function: str) -> int | None:
        """Return the version of a function that its alias points at; None when there is no alias."""
        try:
            return int(self.client.get_alias(FunctionName=function, Name=ALIAS)["FunctionVersion"])
        except ClientError as error:
            if error.response["Error"]["Code"] != "ResourceNotFoundException":
                raise
            return None

    def live(self) -> str | None:
        """Return the release whose API is live."""
        return self.versions(self.api).get(self.live_version(self.api) or 0)

    def before(self) -> str:
        """Return the release before the live one; ClickException when none is kept."""
        live = self.live_version(self.api) or 0
        earlier = [release for version, release in self.versions(self.api).items() if version < live and release]
        others = [release for release in earlier if release != self.live()]
        if not others:
            raise click.ClickException(f"no release before the live one is kept: {self.api}")
        return others[-1]

    def named(self, beginning: str) -> str:
        """Return the release whose id begins so; ClickException unless exactly one that is kept does."""
        known = [release for release in self.versions(self.api).values() if release]
        found = {release for release in known if beginning and release.startswith(beginning)}
        if len(found) != 1:
            kept = ", ".join(dict.fromkeys(short(release) for release in known)) or "none"
            raise click.ClickException(f"{beginning!r} names no kept release, or several; kept, oldest first: {kept}")
        return found.pop()

    def moves(self, release: str) -> list[tuple[str, int]]:
        """Return functions with their versions of a release, in the order in which they can move there.

        Back, who writes a format goes before who reads it; forward, after it. ClickException when a function's version
        is not kept.
        """
        functions = [each for each in function_names(self.stage) if self.live_version(each) is not None]
        found = {each: self._newest(each, release) for each in functions}
        back = found[self.api] < (self.live_version(self.api) or 0)
        return list(found.items()) if back else list(found.items())[::-1]

    def reads(self, release: str) -> int | None:
        """Return the newest revision of messages that a release's processor reads; None when it does not say so."""
        return self._revision(str(self._newest(self._processor, release)))

    def reads_deployed(self) -> int | None:
        """The same of the release that was deployed last, whether or not it is live."""
        return self._revision("$LATEST")

    @property
    def _processor(self) -> str:
        return f"{self.api}-{FUNCTIONS['ProcessOrders']}"

    def _revision(self, version: str) -> int | None:
        configuration = Function(self.client, self._processor).configuration(version) or {}
        found = _variable(configuration, COMMAND_REVISION)
        return int(found) if found else None

    def _newest(self, function: str, release: str) -> int:
        versions = [version for version, each in self.versions(function).items() if each == release]
        if not versions:
            raise click.ClickException(f"{function} has no version of release {short(release)} any more")
        return versions[-1]

    def move(self, function: str, version: int) -> None:
        """Send all requests of a function to a version, from the next one on."""
        self.client.update_alias(
            FunctionName=function,
            Name=ALIAS,
            FunctionVersion=str(version),
            RoutingConfig={"AdditionalVersionWeights": {}},
        )

    def remove_failed(self, release: str, used: Iterable[str]) -> None:
        """Remove the versions that a failed deployment of this release left; `used` are the ARNs that a stack names.

        Lambda publishes no version that is like the last one (API reference, PublishVersion): the same package could
        not be deployed again.
        """
        arns = set(used)
        for function, version, each in self._idle():
            if each == release and not any(arn.endswith(f":{function}:{version}") for arn in arns):
                self.client.delete_function(FunctionName=function, Qualifier=str(version))

    def remove_passed_over(self, before: int) -> None:
        """Remove the releases between the live one and the one that was live `before`, as a version of the API.

        Their deployments failed, or they were taken back: none is a release to go back to.
        """
        live, versions = self.live_version(self.api) or 0, self.versions(self.api)
        good = {release for version, release in versions.items() if version <= before or version >= live}
        between = {release for version, release in versions.items() if before < version < live} - good
        for function, version, release in self._idle():
            if release in between:
                self.client.delete_function(FunctionName=function, Qualifier=str(version))

    def remove_old(self) -> None:
        """Remove the versions of all but the last releases."""
        kept = list(dict.fromkeys(reversed(self.versions(self.api).values())))[:KEPT]
        for function, version, release in self._idle():
            if release not in kept:
                self.client.delete_function(FunctionName=function, Qualifier=str(version))

    def _idle(self) -> Iterator[tuple[str, int, str]]:
        """Yield function, version, release, where no alias points at the version."""
        for function in function_names(self.stage):
            if (live := self.live_version(function)) is None:
                continue
            yield from (
                (function, version, each) for version, each in self.versions(function).items() if version != live
            )


def short(release: str) -> str:
    """Return a release's id as it is shown."""
    return release[:8]


def _release(configuration: dict[str, Any]) -> str:
    return _variable(configuration, RELEASE)


def _variable(configuration: dict[str, Any], name: str) -> str:
    return str((configuration.get("Environment") or {}).get("Variables", {}).get(name, ""))
