"""A drawing in Graphviz' language: `streams-app topology graph job.py --format dot | dot -Tpdf`."""

from __future__ import annotations

from streams.topology.tools.drawing import Drawing, Figure, Look

_LOOKS = {
    Look.SOURCE: 'shape=box, style="rounded,filled", fillcolor="#eaf6ea", color="#4b8a4b"',
    Look.PROCESSOR: 'shape=box, style=filled, fillcolor="#ffffff", color="#666666"',
    Look.SINK: 'shape=box, style="rounded,filled", fillcolor="#fdeaea", color="#a85454"',
    Look.TOPIC: 'shape=cylinder, style=filled, fillcolor="#e8f0fe", color="#3b6fb6"',
    Look.INTERNAL_TOPIC: 'shape=cylinder, style="filled,dashed", fillcolor="#f3e8fe", color="#7a4fb0"',
    Look.STORE: 'shape=ellipse, style=filled, fillcolor="#fdf3d8", color="#b08a2e"',
}


def graphviz(drawing: Drawing) -> str:
    """The text of the directed graph."""
    lines = ["digraph topology {", '  graph [fontname="sans-serif"];', '  node [fontname="sans-serif", fontsize=11];']
    for box in drawing.boxes:
        lines += [f"  subgraph cluster_{box.number} {{", f"    label={quoted(box.title)};"]
        lines += [f"    {_figure(figure)}" for figure in drawing.figures if figure.box == box.number]
        lines.append("  }")
    lines += [f"  {_figure(figure)}" for figure in drawing.figures if figure.box is None]
    for arrow in drawing.arrows:
        lines.append(f"  {arrow.start} -> {arrow.end}{' [style=dashed, dir=both]' if arrow.state else ''};")
    return "\n".join([*lines, "}"]) + "\n"


def _figure(figure: Figure) -> str:
    label = quoted("\n".join(filter(None, (figure.name, figure.note))))
    return f"{figure.id} [label={label}, {_LOOKS[figure.look]}];"


def quoted(text: str) -> str:
    """A quoted string. Backslashes are doubled first: in labels they are escapes of their own."""
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"').replace("\n", "\\n") + '"'
