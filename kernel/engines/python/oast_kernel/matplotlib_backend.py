"""A backend of matplotlib that displays figures. matplotlib itself imports this, when it is used.

Outside of a kernel, in a child process say, it draws and shows nothing."""

import io
from typing import Any

from matplotlib import _pylab_helpers  # type: ignore[import]
from matplotlib.backend_bases import FigureManagerBase  # type: ignore[import]
from matplotlib.backends.backend_agg import FigureCanvasAgg  # type: ignore[import]

from . import displays

FigureCanvas = FigureCanvasAgg
FigureManager = FigureManagerBase


def new_figure_manager(num: int, *args: Any, FigureClass: Any = None, **kwargs: Any) -> Any:
    from matplotlib.figure import Figure  # type: ignore[import]
    return new_figure_manager_given_figure(num, (FigureClass or Figure)(*args, **kwargs))


def new_figure_manager_given_figure(num: int, figure: Any) -> Any:
    return FigureManager(FigureCanvas(figure), num)


def show(*_args: Any, **_kwargs: Any) -> None:
    """Displays every open figure as PNG, and closes it. Also at the end of each request."""
    managers = _pylab_helpers.Gcf.get_all_fig_managers()
    try:
        for manager in managers:
            figure = manager.canvas.figure
            displays.emit({"image/png": png(figure), "text/plain": repr(figure)})
    finally:
        _pylab_helpers.Gcf.destroy_all()


def png(figure: Any) -> bytes:
    stream = io.BytesIO()
    FigureCanvasAgg(figure).print_figure(stream, format="png", bbox_inches="tight")
    return stream.getvalue()
