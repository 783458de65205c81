"""Writing what the SHAP panel shows into files."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from qtpy.QtWidgets import QFileDialog, QMenu, QMessageBox, QPushButton, QWidget

from napari_cathode.errors import InputError

from .names import display_name

_TABLES = "CSV (*.csv);;Parquet (*.parquet)"
_FIGURES = "PNG (*.png);;SVG (*.svg)"


class ExportButton(QPushButton):
    """A button with a menu of what can be written.

    Parameters
    ----------
    explanation : callable
        Gives the explanation and the name of its particles, or None.
    figure : callable
        Draws the figure that is shown, in light colours; None where there is none.
    table : callable
        Gives the title of the view that is shown, and what writes the table behind its figure, None where there is
        none.
    say, fail : callable
        Show a sentence, or an error.
    """

    def __init__(
        self,
        explanation: Callable[[], tuple[Any, str] | None],
        figure: Callable[[], Any],
        table: Callable[[], tuple[str, Callable[[str], None] | None]],
        say: Callable[[str], None],
        fail: Callable[[str], None],
    ) -> None:
        super().__init__("Export")
        self._explanation, self._figure, self._table = explanation, figure, table
        self._say, self._fail = say, fail
        menu = QMenu(self)
        menu.addAction("SHAP values (CSV, Parquet) …", self._ask_values)
        menu.addAction("Importance (CSV, Parquet) …", self._ask_importance)
        self._table_action = menu.addAction("", self._ask_table)
        menu.addAction("Figure shown (PNG, SVG) …", self._ask_figure)
        menu.aboutToShow.connect(self._offer_table)
        self.setMenu(menu)

    def write_values(self, path: str) -> None:
        """Write the SHAP values of each particle."""
        from napari_cathode import results

        self._write(path, results.write_shap, "the SHAP values")

    def write_importance(self, path: str) -> None:
        """Write the shares of the features."""
        from napari_cathode import results

        self._write(path, results.write_importance, "the importance of the features")

    def write_figure(self, path: str) -> None:
        """Write the figure that is shown, in light colours."""
        from napari_cathode.explain.figure_files import save_figure

        drawn = self._figure()
        if drawn is None:
            self._fail("There is no figure to write; choose a view with one.")
            return
        try:
            save_figure(drawn.figure, Path(path))
        except InputError as error:
            self._fail(str(error))
            return
        self._say(f"Wrote the figure to {path}.")

    def write_table(self, path: str) -> None:
        """Write the table behind the figure that is shown."""
        title, write = self._table()
        if write is None:
            self._fail(f"There is no table of {title} yet; press the button of that view first.")
            return
        try:
            write(path)
        except InputError as error:
            self._fail(str(error))
            return
        self._say(f"Wrote the table of {title} to {path}.")

    def _offer_table(self) -> None:
        """Offer the table of the view that is shown, where it has one."""
        title, write = self._table()
        self._table_action.setText(f"{title} (CSV, Parquet) …")
        self._table_action.setVisible(write is not None)

    def _write(self, path: str, write: Callable[[str, Any], None], what: str) -> None:
        given = self._explanation()
        if given is None:
            return
        try:
            write(path, given[0])
        except InputError as error:
            self._fail(str(error))
            return
        self._say(f"Wrote {what} to {path}.")

    def _ask_values(self) -> None:
        self._ask("SHAP", _TABLES, self.write_values)

    def _ask_importance(self) -> None:
        self._ask("importance", _TABLES, self.write_importance)

    def _ask_table(self) -> None:
        self._ask(self._table()[0], _TABLES, self.write_table)

    def _ask_figure(self) -> None:
        self._ask("figure", _FIGURES, self.write_figure)

    def _ask(self, what: str, kinds: str, write: Callable[[str], None]) -> None:
        given = self._explanation()
        if given is None:
            return
        explanation, name = given
        ending = ".csv" if kinds == _TABLES else ".png"
        start = f"{name} {what} of {display_name(explanation.target)}{ending}"
        path, kind = QFileDialog.getSaveFileName(self, "Export", start, kinds)
        path = with_ending(self, path, kinds, kind)
        if path:
            write(path)


def with_ending(parent: QWidget, path: str, kinds: str, kind: str) -> str:
    """Give a path the ending of the chosen kind where it has none; nothing when a file of that name is to stay."""
    endings = [part.partition("*")[2].rstrip(")") for part in kinds.split(";;")]
    if not path or Path(path).suffix.lower() in endings:
        return path
    path += kind.partition("*")[2].rstrip(")") or endings[0]
    question = f"{Path(path).name} already exists. Do you want to replace it?"
    yes = QMessageBox.StandardButton.Yes
    return "" if Path(path).exists() and QMessageBox.question(parent, "Export", question) != yes else path
