"""QGIS without a window, in the Python of the system that its library is for: draws and asks layers of map services.

A line of JSON on the standard input is a layer, and what is asked of it; a line on the standard output is the answer:

    {"uri": "...", "crs": "EPSG:3857", "extent": [...], "size": [512, 512], "picture": "/tmp/a.png", "place": [x, y]}
    {"is_valid": true, "extent": [...], "values": ["..."]}
"""

from __future__ import annotations

import json
import sys
from typing import Any

from qgis.core import (
    QgsApplication,
    QgsCoordinateReferenceSystem,
    QgsMapRendererSequentialJob,
    QgsMapSettings,
    QgsPointXY,
    QgsRaster,
    QgsRasterLayer,
    QgsRectangle,
)
from qgis.PyQt.QtCore import QSize, Qt
from qgis.PyQt.QtGui import QColor


def answer(asked: dict[str, Any]) -> dict[str, Any]:
    """Open a layer, draw it into a file, and ask for values at a place."""
    layer = QgsRasterLayer(asked["uri"], "layer", asked.get("provider", "wms"))
    if not layer.isValid():
        return {"is_valid": False}
    box = layer.extent()
    extent = [box.xMinimum(), box.yMinimum(), box.xMaximum(), box.yMaximum()]
    found = {"is_valid": True, "extent": extent, "crs": layer.crs().authid()}
    shown, (width, height) = QgsRectangle(*asked["extent"]), asked["size"]
    draw(layer, asked["crs"], shown, QSize(width, height), asked["picture"])
    if "band" in asked:
        block = layer.dataProvider().block(asked["band"], shown, width, height)
        found["samples"] = [[block.value(row, column) for column in range(width)] for row in range(height)]
    if "place" in asked:
        place, form = QgsPointXY(*asked["place"]), getattr(QgsRaster, asked["form"])
        result = layer.dataProvider().identify(place, form, shown, width, height)
        found["values"] = [described(value) for value in result.results().values()]
    return found


def draw(layer: QgsRasterLayer, crs: str, extent: QgsRectangle, size: QSize, path: str) -> None:
    settings = QgsMapSettings()
    settings.setLayers([layer])
    settings.setDestinationCrs(QgsCoordinateReferenceSystem(crs))
    settings.setExtent(extent)
    settings.setOutputSize(size)
    settings.setOutputDpi(96)
    settings.setBackgroundColor(QColor(Qt.transparent))
    job = QgsMapRendererSequentialJob(settings)
    job.start()
    job.waitForFinished()
    job.renderedImage().save(path)


def described(value: Any) -> str:
    """A text, or the attributes of features."""
    if isinstance(value, list):
        features = [feature for store in value for feature in store.features()]
        return json.dumps([[str(each) for each in feature.attributes()] for feature in features])
    return str(value)


def main() -> None:
    QgsApplication.setPrefixPath("/usr", True)
    application = QgsApplication([], True)
    application.initQgis()
    for line in sys.stdin:
        print(json.dumps(answer(json.loads(line))), flush=True)
    application.exitQgis()


if __name__ == "__main__":
    main()
