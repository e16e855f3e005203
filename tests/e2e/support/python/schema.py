"""Holds YAML files against a JSON schema: schema.py SCHEMA FILE... Prints, as JSON, the faults of each file."""

import json
import re
import sys

import yaml
from jsonschema import Draft202012Validator


class Loader(yaml.SafeLoader):
    """YAML 1.2, as editors and scopegate read it: `off` is a word, and nothing is a date."""


Loader.yaml_implicit_resolvers = {
    first: [(tag, form) for tag, form in resolvers if tag not in ("tag:yaml.org,2002:bool", "tag:yaml.org,2002:timestamp")]
    for first, resolvers in yaml.SafeLoader.yaml_implicit_resolvers.items()
}
Loader.add_implicit_resolver("tag:yaml.org,2002:bool", re.compile("^(true|false)$"), list("tf"))

with open(sys.argv[1], encoding="utf-8") as stream:
    schema = json.load(stream)
Draft202012Validator.check_schema(schema)
validator = Draft202012Validator(schema)
found = {}
for file in sys.argv[2:]:
    with open(file, encoding="utf-8") as stream:
        faults = validator.iter_errors(yaml.load(stream, Loader))
        found[file] = [f"{'.'.join(str(part) for part in fault.path)}: {fault.message}" for fault in faults]
print(json.dumps(found))
