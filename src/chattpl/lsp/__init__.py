"""The linter in editors: a language server. Needs the extra `chattpl[lsp]`."""
