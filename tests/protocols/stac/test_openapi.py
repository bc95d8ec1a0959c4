"""The definition of the API: it is complete, and what it defines is answered."""

from __future__ import annotations

import json
import re
from typing import Any

import pytest

pytest.importorskip("sqlalchemy")

from iipserve import app
from tests.protocols.stac.services import ROOT, application, ask, read
from tests.protocols.stac.test_permissions import HERE
from tests.test_app import body

VALUES = {"collectionId": "squares", "featureId": "square-03.tif", "jobId": ""}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> app.Application:
    return application(tmp_path_factory.mktemp("openapi"), "editable = true")


def operations(definition: Any) -> list[tuple[str, str, Any]]:
    """Path, method and operation of each."""
    paths = definition["paths"].items()
    return [(path, method, each) for path, methods in paths for method, each in methods.items()]


def test_what_it_refers_to_is_there(server: app.Application) -> None:
    definition = read(server, f"{ROOT}api")
    references = re.findall(r"'\$ref': '#/([^']+)'", repr(definition))
    assert references
    for reference in set(references):
        value = definition
        for part in reference.split("/"):
            value = value[part]


def test_operations_have_names_of_their_own_and_the_parameters_of_their_paths(
    server: app.Application,
) -> None:
    found = operations(read(server, f"{ROOT}api"))
    names = [each["operationId"] for _, _, each in found]
    assert len(set(names)) == len(names)
    for path, _, operation in found:
        stated = {each["$ref"].rpartition("/")[2] for each in operation["parameters"]}
        assert set(re.findall(r"\{(\w+)\}", path)) == stated & VALUES.keys(), path


def test_each_path_answers_the_methods_that_it_defines(server: app.Application) -> None:
    started = ask(server, f"{ROOT}collections/squares/jobs", "POST", {"kind": "check"}, **HERE)
    values = VALUES | {"jobId": json.loads(body(started))["jobID"]}
    for path, method, operation in operations(read(server, f"{ROOT}api")):
        address = ROOT + path.removeprefix("/").format(**values)
        if method == "get":
            response = ask(server, address, **(HERE if "security" in operation else {}))
            assert response.status == 200, path
            media_type = dict(response.headers)["Content-Type"].partition(";")[0]
            assert media_type in str(operation["responses"]["200"]["content"]), path
        else:
            # a body that no method takes: the method is known
            refused = ask(
                server, address, method.upper(), b"[" if method != "delete" else None, HTTP_HOST="b.example"
            )
            assert refused.status in (400, 401, 403), (path, method, refused.body)


def test_files_of_images_are_defined_where_they_may_be_fetched(
    server: app.Application, tmp_path_factory: pytest.TempPathFactory
) -> None:
    path = "/collections/{collectionId}/items/{featureId}/assets/image"
    assert list(read(server, f"{ROOT}api")["paths"][path]) == ["put"]
    downloadable = application(tmp_path_factory.mktemp("downloadable"), "downloadable = true")
    assert list(read(downloadable, f"{ROOT}api")["paths"][path]) == ["get"]


def test_a_service_that_is_not_editable_defines_no_changes(tmp_path_factory: pytest.TempPathFactory) -> None:
    server = application(tmp_path_factory.mktemp("readable"))
    methods = {method for _, method, _ in operations(read(server, f"{ROOT}api"))}
    assert methods == {"get", "post"}
    assert not [each for each in read(server, ROOT)["conformsTo"] if each.endswith("/transaction")]
