"""The language server: what an editor asks, in the words of `lsprotocol`, answered from a `Session`."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from lsprotocol import types as lsp
from pygls.lsp.server import LanguageServer
from pygls.uris import to_fs_path

from chattpl import __version__
from chattpl.linter import Diagnostic
from chattpl.linter.config import FILE_NAMES
from chattpl.lsp.hovers import sample_with
from chattpl.lsp.manuals import manual_uri, manuals
from chattpl.lsp.positions import At
from chattpl.lsp.session import Linted, Session, said_by

_UNSAFE = "changes what is rendered"


def make_server() -> LanguageServer:
    """Makes a server that lints templates; `start_io` runs it."""
    server = LanguageServer("chattpl", __version__, text_document_sync_kind=lsp.TextDocumentSyncKind.Full)
    session = Session(lambda text: _show(server, text))

    @server.feature(lsp.INITIALIZE)
    def initialize(params: lsp.InitializeParams) -> None:
        session.said = said_by(params.initialization_options)
        session.units = server.workspace.position_codec.client_num_units

    @server.feature(lsp.INITIALIZED)
    async def initialized(_: lsp.InitializedParams) -> None:
        await _watch_configuration(server)

    @server.feature(lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES)
    def configuration_changed(_: lsp.DidChangeWatchedFilesParams) -> None:
        for uri in list(session.documents):
            _lint(server, session, uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_OPEN)
    def did_open(params: lsp.DidOpenTextDocumentParams) -> None:
        _lint(server, session, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CHANGE)
    def did_change(params: lsp.DidChangeTextDocumentParams) -> None:
        _lint(server, session, params.text_document.uri)

    @server.feature(lsp.TEXT_DOCUMENT_DID_CLOSE)
    def did_close(params: lsp.DidCloseTextDocumentParams) -> None:
        session.close(params.text_document.uri)
        empty = lsp.PublishDiagnosticsParams(uri=params.text_document.uri, diagnostics=[])
        server.text_document_publish_diagnostics(empty)

    kinds = [lsp.CodeActionKind.QuickFix, lsp.CodeActionKind.SourceFixAll]

    @server.feature(lsp.TEXT_DOCUMENT_CODE_ACTION, lsp.CodeActionOptions(code_action_kinds=kinds))
    def code_action(params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
        linted = session.documents.get(params.text_document.uri)
        return _actions(linted, params) if linted else []

    @server.feature(lsp.TEXT_DOCUMENT_HOVER)
    def hover(params: lsp.HoverParams) -> lsp.Hover | None:
        linted = session.documents.get(params.text_document.uri)
        return _hover(linted, At(params.position.line, params.position.character)) if linted else None

    return server


async def _watch_configuration(server: LanguageServer) -> None:
    """Asks the editor to tell of configuration files that change, if it can."""
    workspace = server.client_capabilities.workspace
    watched = workspace.did_change_watched_files if workspace else None
    if watched is None or not watched.dynamic_registration:
        return
    options = lsp.DidChangeWatchedFilesRegistrationOptions(
        [lsp.FileSystemWatcher(glob_pattern=f"**/{name}") for name in FILE_NAMES]
    )
    registration = lsp.Registration("configuration", lsp.WORKSPACE_DID_CHANGE_WATCHED_FILES, options)
    await server.client_register_capability_async(lsp.RegistrationParams([registration]))


def _show(server: LanguageServer, text: str) -> None:
    server.window_show_message(lsp.ShowMessageParams(type=lsp.MessageType.Error, message=f"chattpl: {text}"))


def _lint(server: LanguageServer, session: Session, uri: str) -> None:
    """Lints a template and tells the editor."""
    document = server.workspace.get_text_document(uri)
    path = to_fs_path(uri) if uri.startswith("file:") else None
    linted = session.lint(uri, Path(path) if path else None, document.source)
    diagnostics = [_diagnostic(linted, found, uri) for found in linted.diagnostics]
    server.text_document_publish_diagnostics(
        lsp.PublishDiagnosticsParams(uri=uri, version=document.version, diagnostics=diagnostics)
    )


def _diagnostic(linted: Linted, found: Diagnostic, uri: str) -> lsp.Diagnostic:
    manual = manual_uri(found.code)
    shape = f" (conversation `{found.shape}`)" if found.shape else ""
    return lsp.Diagnostic(
        range=_range(*linted.positions.of_place(found.place)),
        message=f"{found.message}{shape}",
        severity=lsp.DiagnosticSeverity.Error if found.code == "CT001" else lsp.DiagnosticSeverity.Warning,
        code=found.code,
        code_description=lsp.CodeDescription(href=manual) if manual else None,
        source="chattpl",
        related_information=[
            lsp.DiagnosticRelatedInformation(
                location=lsp.Location(uri=uri, range=_range(*linted.positions.of_place(place))), message=what
            )
            for place, what in found.related
        ]
        or None,
    )


def _actions(linted: Linted, params: lsp.CodeActionParams) -> list[lsp.CodeAction]:
    """The fixes of what was found within a range, those that change no render first; and all of those at once."""
    uri, wanted = params.text_document.uri, params.context.only
    start, end = (At(each.line, each.character) for each in (params.range.start, params.range.end))
    actions = []
    for found in linted.diagnostics:
        first, last = linted.positions.of_place(found.place)
        if found.fix is None or first > end or last < start:
            continue
        edits = [
            lsp.TextEdit(_range(linted.positions.at(edit.start), linted.positions.at(edit.end)), edit.replacement)
            for edit in found.fix.edits
        ]
        title = found.fix.title if found.fix.safe else f"{found.fix.title} ({_UNSAFE})"
        actions.append(
            lsp.CodeAction(
                title=f"{found.code}: {title}",
                kind=lsp.CodeActionKind.QuickFix,
                diagnostics=[_diagnostic(linted, found, uri)],
                is_preferred=found.fix.safe,
                edit=lsp.WorkspaceEdit(changes={uri: edits}),
            )
        )
    actions.sort(key=lambda action: not action.is_preferred)
    if any(found.fix and found.fix.safe for found in linted.diagnostics):
        actions.append(_fix_all(linted, uri))
    return [action for action in actions if wanted is None or _is_wanted(action, wanted)]


def _fix_all(linted: Linted, uri: str) -> lsp.CodeAction:
    everything = _range(linted.positions.at(0), linted.positions.at(len(linted.text)))
    return lsp.CodeAction(
        title="chattpl: apply all fixes that change no render",
        kind=lsp.CodeActionKind.SourceFixAll,
        edit=lsp.WorkspaceEdit(changes={uri: [lsp.TextEdit(everything, linted.fixed())]}),
    )


def _is_wanted(action: lsp.CodeAction, wanted: Sequence[lsp.CodeActionKind | str]) -> bool:
    """Whether an action is of one of the kinds asked for; a kind stands also for those below it."""
    kind = f"{_word(action.kind or '')}."
    return any(kind.startswith(f"{each}.") for each in map(_word, wanted))


def _hover(linted: Linted, at: At) -> lsp.Hover | None:
    """The manuals of what was found at a place, and what its literal prints."""
    places = [(found.code, *linted.positions.of_place(found.place)) for found in linted.diagnostics]
    codes = dict.fromkeys(
        code for code, start, end in places if start <= at < max(end, At(start.line, start.column + 1))
    )
    parts = [manuals()[code] for code in codes]
    sample = sample_with(linted.text, linted.positions.offset(at), linted.settings.tokens)
    if sample:
        parts.append(sample)
    if not parts:
        return None
    return lsp.Hover(contents=lsp.MarkupContent(kind=lsp.MarkupKind.Markdown, value="\n\n---\n\n".join(parts)))


def _is_at(linted: Linted, found: Diagnostic, at: At) -> bool:
    """Whether a finding covers a place; an empty one covers the character that follows."""
    start, end = linted.positions.of_place(found.place)
    return start <= at < max(end, At(start.line, start.column + 1))


def _range(start: At, end: At) -> lsp.Range:
    return lsp.Range(lsp.Position(*start), lsp.Position(*end))


def _word(kind: lsp.CodeActionKind | str) -> str:
    return kind.value if isinstance(kind, lsp.CodeActionKind) else kind
