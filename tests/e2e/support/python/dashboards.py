"""Reads dashboards as Grafana's own library does, and says what of them it does not know.

The library has the types of Grafana's dashboard schema: a key that is no part of it is lost between reading and writing. It looks
at no value's type.
"""

import importlib
import json
import sys

from grafana_foundation_sdk.cog.encoder import JSONEncoder
from grafana_foundation_sdk.cog.plugins import register_default_plugins
from grafana_foundation_sdk.models import dashboard


def differences(ours, theirs, path):
    """Where what came back is not what was read. Defaults that were added are none."""
    if isinstance(ours, dict) and isinstance(theirs, dict):
        for key, value in ours.items():
            if key not in theirs:
                yield f"{path}.{key} is not in the schema"
            else:
                yield from differences(value, theirs[key], f"{path}.{key}")
    elif isinstance(ours, list) and isinstance(theirs, list):
        if len(ours) != len(theirs):
            yield f"{path} has {len(ours)} entries, of which {len(theirs)} are known"
        for place, pair in enumerate(zip(ours, theirs)):
            yield from differences(*pair, f"{path}[{place}]")
    elif ours != theirs:
        yield f"{path}: {ours!r} became {theirs!r}"


def options(panel, path):
    """Options and custom fields belong to the panel's own schema."""
    kind = panel["type"].replace("-", "")
    if kind == "row":
        return
    module = importlib.import_module(f"grafana_foundation_sdk.models.{kind}")
    for name, values in (
        ("Options", panel.get("options", {})),
        ("FieldConfig", panel.get("fieldConfig", {}).get("defaults", {}).get("custom")),
    ):
        if values and hasattr(module, name):
            back = json.loads(JSONEncoder(sort_keys=True).encode(getattr(module, name).from_json(values)))
            yield from differences(values, back, f"{path}.{name}")


def main():
    register_default_plugins()
    faults = []
    for file in sys.argv[1:]:
        with open(file, encoding="utf-8") as text:
            ours = json.load(text)
        back = json.loads(JSONEncoder(sort_keys=True).encode(dashboard.Dashboard.from_json(ours)))
        faults += differences(ours, back, file)
        for place, panel in enumerate(ours["panels"]):
            faults += options(panel, f"{file}.panels[{place}]")
    print("\n".join(faults))
    sys.exit(1 if faults else 0)


main()
