"""Checks an OpenAPI 3.1 file for what programs that read it rely on."""
import re
import sys

import yaml

METHODS = {"get", "put", "post", "patch", "delete"}


def references(node, at="#"):
    if isinstance(node, dict):
        for key, value in node.items():
            if key == "$ref":
                yield at, value
            yield from references(value, f"{at}/{key}")
    elif isinstance(node, list):
        for index, value in enumerate(node):
            yield from references(value, f"{at}/{index}")


def resolve(root, reference):
    node = root
    for part in reference.removeprefix("#/").split("/"):
        if not isinstance(node, dict) or part not in node:
            return None
        node = node[part]
    return node


def problems(root):
    if not str(root.get("openapi", "")).startswith("3.1"):
        yield "openapi: version 3.1 expected"
    seen = set()
    for path, item in root.get("paths", {}).items():
        shared = item.get("parameters", [])
        for method, operation in item.items():
            if method not in METHODS:
                continue
            where = f"{method.upper()} {path}"
            name = operation.get("operationId")
            if not name or name in seen:
                yield f"{where}: operationId missing or not unique"
            seen.add(name)
            if not operation.get("responses"):
                yield f"{where}: no responses"
            declared = set()
            for parameter in shared + operation.get("parameters", []):
                parameter = resolve(root, parameter["$ref"]) if "$ref" in parameter else parameter
                if parameter and parameter.get("in") == "path":
                    declared.add(parameter["name"])
            if declared != set(re.findall(r"\{([^}]+)\}", path)):
                yield f"{where}: path parameters do not match"
    for at, reference in references(root):
        if reference.startswith("#/") and resolve(root, reference) is None:
            yield f"{at}: {reference} leads nowhere"


def main():
    try:
        with open(sys.argv[1], encoding="utf-8") as file:
            found = list(problems(yaml.safe_load(file)))
    except (OSError, yaml.YAMLError) as error:
        found = [str(error)]
    print("\n".join(found))
    sys.exit(1 if found else 0)


if __name__ == "__main__":
    main()
