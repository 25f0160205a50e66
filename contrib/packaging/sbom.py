"""The software bill of materials of a release, in CycloneDX 1.5."""

import json
from importlib.metadata import metadata, requires
from typing import Any
from uuid import NAMESPACE_URL, uuid5

NAME = "check_ephemeral_port"
BUNDLED = "nagiosplugin"
"""The library that the single file contains. The other packages only need it."""


def bill(version: str, timestamp: str, hashes: dict[str, str]) -> str:
    """JSON for these files, given by name with their SHA-256.

    ``timestamp`` is in ISO 8601. nagiosplugin is that of the running Python.
    """
    program = {
        "type": "application",
        "bom-ref": NAME,
        "name": NAME,
        "version": version,
        "description": metadata(NAME)["Summary"],
        "licenses": [{"license": {"id": "MIT"}}],
        "purl": f"pkg:pypi/{NAME.replace('_', '-')}@{version}",
    }
    files = [
        {
            "type": "file",
            "bom-ref": f"file:{name}",
            "name": name,
            "hashes": [{"alg": "SHA-256", "content": content}],
        }
        for name, content in sorted(hashes.items())
    ]
    # "psutil>=5.8" without the extras for tests
    needed = sorted(r for r in requires(NAME) or () if "extra ==" not in r)
    libraries = [_library(requirement) for requirement in needed]
    content: dict[str, Any] = {
        "bomFormat": "CycloneDX",
        "specVersion": "1.5",
        "version": 1,
        "metadata": {"timestamp": timestamp, "component": program},
        "components": [*libraries, *files],
        "dependencies": [
            {"ref": NAME, "dependsOn": [library["bom-ref"] for library in libraries]},
            *({"ref": library["bom-ref"]} for library in libraries),
        ],
    }
    text = json.dumps(content, sort_keys=True)
    content["serialNumber"] = f"urn:uuid:{uuid5(NAMESPACE_URL, text)}"
    return json.dumps(content, indent=2) + "\n"


def _library(requirement: str) -> dict[str, Any]:
    name = requirement.partition(">")[0]
    library: dict[str, Any] = {
        "type": "library",
        "bom-ref": name,
        "name": name,
        "purl": f"pkg:pypi/{name}",
        "properties": [{"name": f"{NAME}:requirement", "value": requirement}],
    }
    if name == BUNDLED:
        version = metadata(name)["Version"]
        library["version"] = version
        library["purl"] += f"@{version}"
        library["licenses"] = [{"license": {"id": "ZPL-2.1"}}]
        library["description"] = f"contained in the file {NAME}; the others need it"
    return library
