//! What rules look at: one template, and what the caller supplied besides.

use std::cell::OnceCell;
use std::collections::HashSet;
use std::sync::Arc;

use chattpl_render::Program;
use chattpl_syntax::{Diagnostic, Parsed, Source, Span};
use chattpl_tokens::Encoder;

use crate::engine::OtherEngine;
use crate::index::Nodes;
use crate::probe::{shapes, Probes};
use crate::rule::NotEvaluated;
use crate::sampling::Sampling;
use crate::scope::Scopes;

/// Stand-ins for the tokens that `transformers` always passes, where the caller declares none.
const STAND_INS: [(&str, &str); 4] =
    [("bos_token", "<BOS>"), ("eos_token", "<EOS>"), ("pad_token", "<PAD>"), ("unk_token", "<UNK>")];

/// What the caller knows besides the template. Nothing has to be there.
#[derive(Default, Clone)]
pub struct Supplied {
    /// Declared tokens, as the template's arguments of that name: `bos_token` and its text.
    pub tokens: Vec<(String, String)>,
    /// The model's tokenizer.
    pub encoder: Option<Arc<Encoder>>,
    /// The texts of the tokens at which `generation_config.json` stops.
    pub stop_tokens: Option<Vec<String>>,
    /// The text of another template of the same model, and where it is from.
    pub other_template: Option<(String, String)>,
    /// Engines to compare with.
    pub engines: Engines,
}

/// The engines that the caller can run.
#[derive(Debug, Clone, Default)]
pub enum Engines {
    /// Nobody looked for any.
    #[default]
    NotGiven,
    /// Looked for, and missing: what to install.
    Missing(String),
    /// These.
    Given(Vec<OtherEngine>),
}

/// A template to be linted.
pub struct Subject {
    /// The caller's text.
    pub original: String,
    /// The normalized text that spans index into.
    pub source: Source,
    /// What to call the template.
    pub name: Option<String>,
    /// The tree, or why there is none.
    pub parsed: Result<Parsed, Diagnostic>,
    /// The compiled template, or why there is none.
    pub program: Result<Arc<Program>, Box<Diagnostic>>,
    /// What the caller knows besides.
    pub supplied: Supplied,
}

impl Subject {
    /// Parses and compiles a template.
    pub fn new(original: impl Into<String>, name: Option<&str>, supplied: Supplied) -> Self {
        let original = original.into();
        let parsed = chattpl_syntax::parse(&original, name);
        let program = match &parsed {
            Ok(parsed) => Program::from_parsed(parsed.clone(), name).map(Arc::new),
            Err(fault) => Err(Box::new(fault.clone())),
        };
        let source = match &parsed {
            Ok(parsed) => parsed.source.clone(),
            Err(_) => Source::new(&original),
        };
        Subject { original, source, name: name.map(str::to_owned), parsed, program, supplied }
    }

    /// The declared text of a token such as `bos_token`; `None` where the caller declared none.
    pub fn declared(&self, name: &str) -> Option<&str> {
        self.supplied.tokens.iter().find(|(declared, _)| declared == name).map(|(_, text)| text.as_str())
    }

    /// The declared tokens, with stand-ins for those that the caller did not declare.
    ///
    /// A caller who declares any token declares all of them: what is missing then is missing for the model too.
    pub fn token_arguments(&self) -> Vec<(&str, &str)> {
        if self.supplied.tokens.is_empty() {
            return STAND_INS.to_vec();
        }
        self.supplied.tokens.iter().map(|(name, text)| (name.as_str(), text.as_str())).collect()
    }
}

/// A subject with what rules share about it; everything is made when it is first asked for.
pub struct Context<'s> {
    /// The template.
    pub subject: &'s Subject,
    nodes: OnceCell<Nodes<'s>>,
    scopes: OnceCell<Scopes<'s>>,
    probes: OnceCell<Probes<'s>>,
    printed: OnceCell<HashSet<Span>>,
    sampling: OnceCell<Sampling>,
    pub(crate) message_loop: OnceCell<Span>,
}

impl<'s> Context<'s> {
    /// A context in which nothing has been looked at.
    pub fn new(subject: &'s Subject) -> Self {
        Context {
            subject,
            nodes: OnceCell::new(),
            scopes: OnceCell::new(),
            probes: OnceCell::new(),
            printed: OnceCell::new(),
            sampling: OnceCell::new(),
            message_loop: OnceCell::new(),
        }
    }

    /// The tree.
    ///
    /// # Errors
    /// The template does not parse.
    pub fn parsed(&self) -> Result<&'s Parsed, NotEvaluated> {
        self.subject.parsed.as_ref().map_err(|_| NotEvaluated::because("the template does not parse"))
    }

    /// The tree as a list.
    ///
    /// # Errors
    /// The template does not parse.
    pub fn nodes(&self) -> Result<&Nodes<'s>, NotEvaluated> {
        let parsed = self.parsed()?;
        Ok(self.nodes.get_or_init(|| Nodes::of(&parsed.template)))
    }

    /// The names and their bindings.
    ///
    /// # Errors
    /// The template does not parse.
    pub fn scopes(&self) -> Result<&Scopes<'s>, NotEvaluated> {
        let parsed = self.parsed()?;
        Ok(self.scopes.get_or_init(|| Scopes::of(&parsed.template)))
    }

    /// The renders of the probe conversations.
    ///
    /// # Errors
    /// The template does not compile.
    pub fn probes(&self) -> Result<&Probes<'s>, NotEvaluated> {
        match &self.subject.program {
            Ok(program) => Ok(self.probes.get_or_init(|| Probes::new(program, self.subject.token_arguments()))),
            Err(_) => Err(NotEvaluated::because("the template does not compile")),
        }
    }

    /// The literals of the template that some conversation prints.
    ///
    /// # Errors
    /// The template does not compile.
    pub fn printed_places(&self) -> Result<&HashSet<Span>, NotEvaluated> {
        let probes = self.probes()?;
        Ok(self.printed.get_or_init(|| {
            let mut places = HashSet::new();
            for outcome in shapes().iter().map(|shape| probes.natural(shape)) {
                if let Ok(printed) = &*outcome {
                    places.extend(printed.segments.iter().filter_map(|segment| segment.template_span));
                }
            }
            places.into_iter().map(|span| self.normalized(span)).collect()
        }))
    }

    /// What a model samples, and what ends its turns.
    ///
    /// # Errors
    /// The template does not compile.
    pub fn sampling(&self) -> Result<&Sampling, NotEvaluated> {
        let probes = self.probes()?;
        Ok(self.sampling.get_or_init(|| Sampling::new(self, probes)))
    }

    /// The model's tokenizer.
    ///
    /// # Errors
    /// The caller gave none.
    pub fn encoder(&self) -> Result<&'s Arc<Encoder>, NotEvaluated> {
        let encoder = self.subject.supplied.encoder.as_ref();
        encoder.ok_or_else(|| NotEvaluated::because("no tokenizer is given: name one, or a model that has one"))
    }

    /// The declared text of a token such as `bos_token`.
    ///
    /// # Errors
    /// The caller declared none of that name.
    pub fn declared(&self, name: &str) -> Result<&'s str, NotEvaluated> {
        self.subject
            .declared(name)
            .ok_or_else(|| NotEvaluated::because(format!("no `{name}` is declared: name a model, or the token")))
    }

    /// The engines to compare with.
    ///
    /// # Errors
    /// The caller gave none.
    pub fn engines(&self) -> Result<&'s [OtherEngine], NotEvaluated> {
        match &self.subject.supplied.engines {
            Engines::NotGiven => Err(NotEvaluated::because("no other engine is given")),
            Engines::Missing(what) => Err(NotEvaluated::because(what.clone())),
            Engines::Given(engines) => Ok(engines),
        }
    }

    /// The normalized text of the template.
    pub fn text(&self) -> &'s str {
        &self.subject.source.text
    }

    /// The text of a span.
    pub fn slice(&self, span: Span) -> &'s str {
        &self.text()[span.range()]
    }

    /// The span in the normalized text of one in the caller's text, such as those of segments.
    pub fn normalized(&self, original: Span) -> Span {
        let (source, len) = (&self.subject.source, self.text().len() as u32);
        let back = |offset: u32| {
            let (mut low, mut high) = (0, len);
            while low < high {
                let middle = low + (high - low) / 2;
                if source.original_offset(middle) < offset {
                    low = middle + 1;
                } else {
                    high = middle;
                }
            }
            low
        };
        Span::new(back(original.start), back(original.end))
    }
}
