"""Finds faults of chat templates: in their source, in what they print, and against a tokenizer."""

from chattpl.linter.diagnostic import Diagnostic as Diagnostic
from chattpl.linter.diagnostic import Edit as Edit
from chattpl.linter.diagnostic import Fix as Fix
from chattpl.linter.diagnostic import LintReport as LintReport
from chattpl.linter.diagnostic import NotEvaluated as NotEvaluated
from chattpl.linter.diagnostic import Place as Place
from chattpl.linter.diagnostic import Suppressed as Suppressed
from chattpl.linter.rules import RuleInfo as RuleInfo
from chattpl.linter.rules import rules as rules
from chattpl.linter.run import LintSettings as LintSettings
from chattpl.linter.run import fix as fix
from chattpl.linter.run import lint as lint
from chattpl.linter.run import profile as profile
from chattpl.linter.run import report as report
