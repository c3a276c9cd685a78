//! Masks and weights of conversations as Rust callers see them: weights of rows, batches put together, what is kept of probes.

use std::sync::Arc;

use chattpl_render::{
    read_conversation, Bump, Clock, DateTime, Input, Limits, NullFields, Options, Place, Program, Step,
};
use chattpl_tokens::read::tokenizer_json;
use chattpl_tokens::{
    Batch, ChatEncoder, ChatOptions, Control, DraftRoom, Encoder, Engine, KnownHeaders, StopSource, TokenError, Train,
};
use serde_json::{json, Map, Value};

const CHATML: &str = "{% for m in messages %}<|im_start|>{{ m.role }}\n{{ m.content }}<|im_end|>\n{% endfor %}\
                      {% if add_generation_prompt %}<|im_start|>{{ name or 'assistant' }}\n{% endif %}";
const ANSWER: &str = r#"[{"role": "user", "content": "ab"}, {"role": "assistant", "content": "cd"}]"#;

/// A vocabulary of bytes with these special tokens, from id 258 on.
fn engine(special: &[&str]) -> Engine {
    let mut vocab: Map<String, Value> = (0..256).map(|byte| (format!("<0x{byte:02X}>"), json!(byte))).collect();
    vocab.extend([("<unk>".to_owned(), json!(256)), ("▁".to_owned(), json!(257))]);
    let added = special.iter().enumerate().map(|(at, content)| {
        json!({"id": 258 + at, "content": content, "single_word": false, "lstrip": false, "rstrip": false,
               "normalized": false, "special": true})
    });
    let file = json!({
        "added_tokens": added.collect::<Vec<_>>(), "pre_tokenizer": null, "post_processor": null,
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {"type": "BPE", "vocab": vocab, "merges": [], "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true},
    });
    let vocabulary = tokenizer_json("bytes", file.to_string().as_bytes()).expect("a sound file");
    Engine::Own(Arc::new(Encoder::new(Arc::new(vocabulary)).expect("a sound vocabulary")))
}

fn encoder(source: &str, stop_tokens: Vec<u32>) -> ChatEncoder {
    let program = Arc::new(Program::compile(source, None).expect("a sound template"));
    let special = ["<|im_start|>", "<|im_end|>", "<|endoftext|>"];
    ChatEncoder::new(program, engine(&special), stop_tokens, Vec::new())
}

fn options() -> Options<'static> {
    let now = DateTime { year: 2026, month: 11, day: 23, hour: 12, minute: 0, second: 0, microsecond: 0 };
    Options { limits: Limits::default(), clock: Clock { now }, continue_field: None, null_fields: NullFields::Drop }
}

struct Row<'a> {
    conversation: &'a str,
    weight: f32,
    name: &'a str,
    render: Options<'a>,
}

impl Default for Row<'_> {
    fn default() -> Self {
        Row { conversation: ANSWER, weight: 1.0, name: "", render: options() }
    }
}

fn append(encoder: &ChatEncoder, row: &Row<'_>, known: &mut KnownHeaders, batch: &mut Batch) -> Result<(), String> {
    let (arena, train) = (Bump::new(), Train::default());
    let mut input = Input::new(&arena);
    read_conversation(&mut input, row.conversation.as_bytes()).map_err(|error| error.to_string())?;
    input.set_weight(row.weight);
    input.set_argument("name", input.str(input.place(Place::ARGUMENTS, Step::Name("name")), row.name));
    let options = ChatOptions { render: row.render, control: Control::Template, train: &train };
    let draft = encoder.draft(input, &options, known, &mut DraftRoom::default()).map_err(|error| error.to_string())?;
    encoder.finish(&mut encoder.scratch(), &draft, &options, batch).map_err(|error: TokenError| error.to_string())
}

fn batch_of(encoder: &ChatEncoder, rows: &[Row<'_>]) -> Batch {
    let (mut known, mut batch) = (KnownHeaders::default(), Batch::new());
    rows.iter().for_each(|row| append(encoder, row, &mut known, &mut batch).expect("a sound row"));
    batch
}

fn trained(batch: &Batch) -> Vec<i32> {
    let ids = batch.input_ids.iter().zip(&batch.loss_mask);
    ids.filter(|(_, mask)| **mask == 1).map(|(id, _)| *id).collect()
}

const CD_END: [i32; 3] = [b'c' as i32, b'd' as i32, 259];

#[test]
fn the_weight_of_a_row_multiplies_everything() {
    let encoder = encoder(CHATML, vec![259]);
    let messages = r#"[{"role": "assistant", "content": "cd", "weight": 0.5}, {"role": "assistant", "content": "e"}]"#;
    let batch = batch_of(&encoder, &[Row { conversation: messages, weight: -4.0, ..Row::default() }]);
    let weights: Vec<f32> = batch.loss_weight.iter().copied().filter(|weight| *weight != 0.0).collect();
    assert_eq!(weights, [-2.0, -2.0, -2.0, -4.0, -4.0]);
    let nothing = batch_of(&encoder, &[Row { weight: 0.0, ..Row::default() }]);
    assert!(trained(&nothing).is_empty() && nothing.loss_weight.is_empty());
    let wrong =
        append(&encoder, &Row { weight: f32::NAN, ..Row::default() }, &mut KnownHeaders::default(), &mut Batch::new());
    assert!(wrong.expect_err("no number").contains("NaN"));
}

#[test]
fn batches_with_and_without_weights_are_put_together() {
    let encoder = encoder(CHATML, vec![259]);
    let rows = |weight| batch_of(&encoder, &[Row { weight, ..Row::default() }, Row::default()]);
    let (plain, heavy, empty) = (rows(1.0), rows(3.0), Batch::new());
    assert!(plain.loss_weight.is_empty() && heavy.loss_weight.len() == heavy.input_ids.len());
    let parts = [(0, 0..1), (1, 0..1), (2, 0..0), (0, 1..2), (1, 1..2)];
    let joined = Batch::join(vec![plain.clone(), heavy, empty], &parts, 2);
    assert_eq!(joined.loss_weight.len(), joined.input_ids.len());
    for (row, weight) in [1.0, 3.0, 1.0, 1.0].into_iter().enumerate() {
        let range = joined.offsets[row] as usize..joined.offsets[row + 1] as usize;
        for (mask, found) in joined.loss_mask[range.clone()].iter().zip(&joined.loss_weight[range]) {
            assert_eq!(*found, f32::from(*mask) * weight);
        }
    }
    let light = Batch::join(vec![plain.clone(), plain], &[(0, 0..2), (1, 0..2)], 1);
    assert!(light.loss_weight.is_empty());
}

#[test]
fn headers_follow_the_arguments_of_each_row() {
    // The prompt names the speaker, whose header in history is `assistant` in each row.
    let source = CHATML.replace("{{ m.role }}", "{{ name if m.role == 'assistant' and name else m.role }}");
    let encoder = encoder(&source, vec![259]);
    let (mut known, mut batch) = (KnownHeaders::default(), Batch::new());
    for at in 0..40 {
        let name = format!("n{}", at % 20);
        append(&encoder, &Row { name: &name, ..Row::default() }, &mut known, &mut batch).expect("a sound row");
    }
    for row in 0..40 {
        let found = batch.row(row);
        let ids = found.input_ids.iter().zip(found.loss_mask).filter(|(_, mask)| **mask == 1);
        assert_eq!(ids.map(|(id, _)| *id).collect::<Vec<_>>(), CD_END, "row {row}");
    }
}

#[test]
fn headers_follow_the_clock_of_a_template_that_reads_it() {
    let source = "{% for m in messages %}<|im_start|>{{ m.role }} {{ strftime_now('%H:%M:%S') }}\n{{ m.content }}<|im_end|>\n\
                  {% endfor %}{% if add_generation_prompt %}<|im_start|>assistant {{ strftime_now('%H:%M:%S') }}\n{% endif %}";
    let encoder = encoder(source, vec![259]);
    for second in [0, 1, 0, 59] {
        let mut render = options();
        render.clock.now.second = second;
        let batch = batch_of(&encoder, &[Row { render, ..Row::default() }]);
        assert_eq!(trained(&batch), CD_END);
    }
}

#[test]
fn stop_tokens_in_effect_say_where_they_are_from() {
    let of = |source: &str, named: Vec<u32>| {
        let encoder = encoder(source, named);
        let arena = Bump::new();
        let found = encoder.stop_tokens_in_effect(&Input::new(&arena), options());
        (found.ids, found.source)
    };
    assert_eq!(of(CHATML, vec![259]), (vec![259], StopSource::Format));
    assert_eq!(of(CHATML, vec![260, 259]), (vec![260, 259], StopSource::Format));
    assert_eq!(of(CHATML, vec![260]), (vec![259], StopSource::Template));
    assert_eq!(of(CHATML, vec![]), (vec![259], StopSource::Template));
    let plain = "{% for m in messages %}{{ m.role }}: {{ m.content }}\n{% endfor %}";
    assert_eq!(of(plain, vec![260]), (vec![260], StopSource::Nowhere));
    // Two turns end with one token, and the conversation with another behind it.
    let phi = CHATML.replace("{% if add", "{% if not add_generation_prompt %}<|endoftext|>{% endif %}{% if add");
    assert_eq!(of(&phi, vec![260]), (vec![259], StopSource::Template));
    assert_eq!(trained(&batch_of(&encoder(&phi, vec![260]), &[Row::default()])), CD_END);
}
