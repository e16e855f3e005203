"""Holds Kubernetes objects against the schemas of a version, strictly: kubernetes.py VERSION FILE. Prints, as JSON, each object's
kind and name, and what is wrong with it; null for a kind that Kubernetes itself does not have."""

import json
import sys

import kubernetes_validate
import yaml

version, file = sys.argv[1:]
found = []
with open(file, encoding="utf-8") as stream:
    for document in yaml.safe_load_all(stream):
        if document is None:
            continue
        fault = ""
        try:
            kubernetes_validate.validate(document, version, strict=True)
        except kubernetes_validate.ValidationError as error:
            fault = f"{'.'.join(str(part) for part in error.path)}: {error.message}"
        except kubernetes_validate.SchemaNotFoundError:
            fault = None
        found.append({"kind": document["kind"], "name": document["metadata"]["name"], "fault": fault, "object": document})
print(json.dumps(found))
