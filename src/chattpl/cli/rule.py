"""Shows the manual of a lint rule."""

from __future__ import annotations

import json
from argparse import ArgumentParser, Namespace
from dataclasses import asdict

from chattpl.cli import console
from chattpl.linter.lock_findings import FINDINGS
from chattpl.linter.rules import near_rules, rules


def add_arguments(parser: ArgumentParser) -> None:
    """Declares the arguments of `chattpl rule`."""
    parser.add_argument("rule", nargs="?", metavar="RULE", help="a code such as CT101, or a name")
    parser.add_argument("--all", action="store_true", help="the manuals of all rules")
    parser.add_argument("--format", choices=("text", "json"), default="text")


def run(options: Namespace) -> int:
    """Prints manuals; the list of rules where none is named."""
    known = rules()
    wanted = (options.rule or "").lower()
    chosen = (
        known
        if options.all
        else [rule for rule in (*known, *FINDINGS.values()) if wanted in (rule.code.lower(), rule.name)]
    )
    if wanted and not chosen:
        near = near_rules(options.rule)
        console.talk(f"error: no rule is called `{options.rule}`")
        console.talk(f"  = help: {f'did you mean `{near[0]}`? ' if near else ''}`chattpl rule` lists them")
        return 2
    if options.format == "json":
        console.write_data(json.dumps([asdict(rule) for rule in chosen or known], ensure_ascii=False, indent=2) + "\n")
    elif chosen:
        console.write_data("\n".join(rule.manual for rule in chosen))
    else:
        rows = [[rule.code, rule.name, rule.kind, ", ".join(rule.profiles)] for rule in known]
        console.print_table(["code", "name", "kind", "profiles"], rows)
    return 0
