"""``mlamd lineage``."""

import click

from mlamd.cli import document, folded, text, tree
from mlamd.cli.answer import json_option, question
from mlamd.lineage.folding import datasets
from mlamd.lineage.gaps import of_graph
from mlamd.lineage.graph import walk
from mlamd.lineage.names import resolve


@click.command(name="lineage")
@click.argument("name")
@click.option("--down", is_flag=True, help="Show what came from it instead of what it came from.")
@click.option("--depth", type=click.IntRange(min=1), help="Follow at most this many steps.")
@click.option(
    "--format", "form", type=click.Choice(["tree", "dot", "json"]), default="tree", show_default=True
)
@click.option("--files", is_flag=True, help="List the files of large datasets one by one.")
@json_option
@click.pass_context
def command(
    context: click.Context, name: str, down: bool, depth: int | None, form: str, files: bool, as_json: bool
) -> None:
    """Show the lineage of NAME, a file or a run: up to its origins by default."""
    with question(context) as asked:
        focus = resolve(asked.view, name, asked.place)
        graph = walk(asked.view, focus, down=down, depth=depth)
        gaps = of_graph(asked.view, graph)
        rule = folded.rule(asked)
        sets = [] if files and not as_json and form != "json" else datasets(graph, rule)
        if as_json or form == "json":
            data = document.graph_data(asked.view, graph, sets)
            text.say(document.dump("lineage", data, gaps, asked.warnings))
        elif form == "dot":
            tree.print_dot(asked.view, graph, sets)
        else:
            tree.print_tree(asked.view, graph, sets, down=down)
            text.gaps(gaps)
