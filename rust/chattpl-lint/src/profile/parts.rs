//! Contents that are lists of parts.

use serde_json::{json, Value};

use super::fate::{judge, printed_at, Fate};
use crate::probe::{shape, Ask, Form, Probes};

/// What becomes of contents, by their form.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Parts {
    /// A text.
    pub text: Fate,
    /// A list with one part that is a text.
    pub text_part: Fate,
    /// Each of several parts that are texts.
    pub several_text_parts: Fate,
    /// A part that is an image.
    pub image: Fate,
    /// What is printed in an image's place.
    pub image_placeholder: Option<String>,
}

impl Parts {
    pub(super) fn to_json(&self) -> Value {
        json!({
            "text": self.text.to_json(),
            "text_part": self.text_part.to_json(),
            "several_text_parts": self.several_text_parts.to_json(),
            "image": self.image.to_json(),
            "image_placeholder": self.image_placeholder,
        })
    }
}

pub(super) fn of(probes: &Probes<'_>) -> Parts {
    let (image, image_placeholder) = image(probes);
    let several = printed_at(probes, shape("parts-everywhere"), &["/messages/3/content/0", "/messages/3/content/1"]);
    let text_part = content(probes, true);
    Parts {
        text: content(probes, false),
        several_text_parts: if text_part == Fate::Accepted { several } else { text_part.clone() },
        text_part,
        image,
        image_placeholder,
    }
}

fn content(probes: &Probes<'_>, parts: bool) -> Fate {
    let shape = shape("single-user");
    let said = shape.messages()[0]["content"].as_str().unwrap_or_default();
    let ask = Ask::whole(shape).written(Form { parts, ..probes.form() }).prompted();
    judge(&probes.get(ask), |printed| {
        if !printed.text.contains(said) {
            Fate::Dropped
        } else {
            garbled(&printed.text).unwrap_or(Fate::Accepted)
        }
    })
}

/// Whether a list of parts was printed as such.
pub(super) fn garbled(text: &str) -> Option<Fate> {
    if text.contains("'type': 'text'") || text.contains("'type': 'image'") {
        return Some(Fate::Garbled("as Python writes a list"));
    }
    let json = ["\"type\": \"text\"", "\"type\":\"text\"", "\"type\": \"image\""];
    json.iter().any(|part| text.contains(part)).then_some(Fate::Garbled("as JSON"))
}

/// What becomes of an image, and what the text beside it has more than the same text alone.
fn image(probes: &Probes<'_>) -> (Fate, Option<String>) {
    let shape = shape("image");
    let with = probes.natural(shape);
    let mut alone = shape.conversation.clone();
    if let Some(parts) = alone["messages"][0]["content"].as_array_mut() {
        parts.remove(0);
    }
    let without = probes.render_value(&alone, true);
    let mut placeholder = None;
    let fate = judge(&with, |printed| match &without {
        Err(_) => Fate::Unknown,
        Ok(_) if garbled(&printed.text).is_some() => garbled(&printed.text).unwrap_or(Fate::Unknown),
        Ok(without) => match inserted(&without.text, &printed.text) {
            Some("") => Fate::Dropped,
            Some(text) => {
                placeholder = Some(text.to_owned());
                Fate::Accepted
            }
            None => Fate::Garbled("and changes the text around it"),
        },
    });
    (fate, placeholder)
}

/// The one stretch that a longer text has more than a shorter one; `None` where they differ in more than that.
fn inserted<'t>(shorter: &str, longer: &'t str) -> Option<&'t str> {
    let start = crate::probe::common_prefix(shorter, longer);
    let rest = &shorter[start..];
    let end = longer.strip_suffix(rest)?.len();
    longer.get(start..end)
}
