#!/usr/bin/python3
"""schema/openapi.yaml against the server's own routes, both ways.

    test_openapi.py PRINT_ROUTES
"""
import json
import pathlib
import re
import subprocess
import sys
import unittest

import yaml

SOURCE = pathlib.Path(__file__).resolve().parents[2]
ROUTES = [json.loads(line) for line in
          subprocess.run([sys.argv.pop(1)], check=True, capture_output=True,
                         text=True).stdout.splitlines()]
TEXT = (SOURCE / "schema/openapi.yaml").read_text(encoding="utf-8")
SCHEMA = yaml.safe_load(TEXT)


def operations():
    return {
        (method.upper(), path): operation
        for path, methods in SCHEMA["paths"].items()
        for method, operation in methods.items()
        if method != "parameters"
    }


def resolve(node):
    while "$ref" in node:
        target = SCHEMA
        for name in node["$ref"].removeprefix("#/").split("/"):
            target = target[name]
        node = target
    return node


def documented():
    found = set()
    for line in (SOURCE / "docs/http.md").read_text(encoding="utf-8").splitlines():
        cell = line.split("|")[1] if line.startswith("|") else ""
        path = re.search(r"/v1/[^\s?`]*", cell)
        if path:
            found |= {(m, path[0]) for m in re.findall("GET|POST|PUT|PATCH|DELETE", cell)}
    return found


class OpenApi(unittest.TestCase):
    def test_every_route_is_described(self):
        served = {(r["method"], r["path"]) for r in ROUTES}
        self.assertEqual(served - set(operations()), set())
        self.assertEqual(len(served), len(ROUTES), "a route stands twice")

    def test_every_described_route_is_served(self):
        served = {(r["method"], r["path"]) for r in ROUTES}
        self.assertEqual(set(operations()) - served, set())

    def test_the_page_for_people_says_the_same(self):
        self.assertEqual(documented(), set(operations()) - {("GET", "/healthz")})

    def test_query_step_up_body_and_sign_in_agree(self):
        for route in ROUTES:
            operation = operations().get((route["method"], route["path"]), {})
            name = f"{route['method']} {route['path']}"
            with self.subTest(name):
                query = {p["name"] for p in map(resolve, operation.get("parameters", []))
                         if p["in"] == "query"}
                self.assertEqual(query, set(route["query"].split()))
                self.assertEqual(operation.get("x-step-up", False), route["step_up"])
                content = operation.get("requestBody", {}).get("content", {})
                self.assertEqual("application/json" in content, route["json"])
                self.assertEqual(operation.get("security") == [], "public" in route["roles"])

    def test_every_table_that_is_declared_is_listed(self):
        declared = re.findall(r"extern const struct pst_route (pst_routes_\w+)\[\]",
                              "".join(p.read_text() for p in (SOURCE / "server/web").glob("*.h")))
        listed = (SOURCE / "server/web/routes.c").read_text()
        for table in declared:
            self.assertIn(f"    {table},\n", listed)

    def test_references_resolve_and_all_is_used(self):
        used = set(re.findall(r"#/components/(\w+)/(\w+)", TEXT))
        there = {(kind, name) for kind, names in SCHEMA["components"].items() for name in names
                 if kind != "securitySchemes"}
        self.assertEqual(used - there, set())
        self.assertEqual(there - used, set())

    def test_refusal_codes_are_the_list(self):
        listed = re.findall(r'^X\(\w+, "([a-z-]+)"',
                            (SOURCE / "include/postern/refusal.def").read_text(), re.M)
        self.assertEqual(SCHEMA["components"]["schemas"]["RefusalCode"]["enum"], listed)
        problems = re.findall(r'^X\(\w+, "([a-z-]+)"',
                              (SOURCE / "include/postern/problem.def").read_text(), re.M)
        self.assertEqual(SCHEMA["components"]["schemas"]["ProblemCode"]["enum"], problems)


if __name__ == "__main__":
    unittest.main()
