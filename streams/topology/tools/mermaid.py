"""A drawing as a Mermaid flowchart, which GitHub, GitLab and many editors show as a picture."""

from __future__ import annotations

from streams.topology.tools.drawing import Drawing, Figure, Look

_SHAPES: dict[Look, tuple[str, str]] = {
    Look.SOURCE: ("([", "])"),
    Look.PROCESSOR: ("[", "]"),
    Look.SINK: ("([", "])"),
    Look.TOPIC: ("[(", ")]"),
    Look.INTERNAL_TOPIC: ("[(", ")]"),
    Look.STORE: ("((", "))"),
}
_CLASSES = (
    "classDef topic fill:#e8f0fe,stroke:#3b6fb6,color:#111",
    "classDef internal_topic fill:#f3e8fe,stroke:#7a4fb0,color:#111,stroke-dasharray:4 3",
    "classDef store fill:#fdf3d8,stroke:#b08a2e,color:#111",
    "classDef source fill:#eaf6ea,stroke:#4b8a4b,color:#111",
    "classDef processor fill:#fff,stroke:#666,color:#111",
    "classDef sink fill:#fdeaea,stroke:#a85454,color:#111",
)


def mermaid(drawing: Drawing) -> str:
    """The text of the flowchart."""
    lines = ["flowchart TD"]
    for box in drawing.boxes:
        lines.append(f'  subgraph box_{box.number}["{escaped(box.title)}"]')
        lines += [f"    {_figure(figure)}" for figure in drawing.figures if figure.box == box.number]
        lines.append("  end")
    lines += [f"  {_figure(figure)}" for figure in drawing.figures if figure.box is None]
    for arrow in drawing.arrows:
        lines.append(f"  {arrow.start} {'<-.->' if arrow.state else '-->'} {arrow.end}")
    return "\n".join([*lines, *(f"  {line}" for line in _CLASSES)]) + "\n"


def _figure(figure: Figure) -> str:
    before, after = _SHAPES[figure.look]
    label = "<br/>".join(map(escaped, filter(None, (figure.name, figure.note))))
    return f'{figure.id}{before}"{label}"{after}:::{figure.look.value.replace(" ", "_")}'


def escaped(text: str) -> str:
    """Mermaid takes characters by their number; all that could end or mark up a label is written so."""
    return "".join(one if one.isalnum() or one in " .,_-:()" else f"#{ord(one)};" for one in text)
