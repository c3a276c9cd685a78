//! What the readers make of small files, what they refuse, and that no damage makes them panic.

use chattpl_tokens::read::{sentencepiece, tekken, tiktoken, tokenizer_json, Description};
use chattpl_tokens::vocabulary::{
    Decoder, Leading, Merge, Normalizer, Pattern, Prepend, SplitBehavior, TokenId, Units,
};
use chattpl_tokens::{pack, TokenError, Vocabulary};
use serde_json::{json, Value};

fn byte_level() -> Value {
    json!({
        "added_tokens": [
            {"id": 2, "content": "Ġb", "single_word": false, "lstrip": true, "rstrip": false, "normalized": true, "special": false},
            {"id": 5, "content": "<｜end｜>", "single_word": true, "lstrip": false, "rstrip": true, "normalized": false, "special": true},
        ],
        "normalizer": {"type": "Sequence", "normalizers": [{"type": "NFC"}]},
        "pre_tokenizer": {"type": "Sequence", "pretokenizers": [
            {"type": "Digits", "individual_digits": true},
            {"type": "Split", "pattern": {"String": "-"}, "behavior": "MergedWithNext", "invert": true},
            {"type": "ByteLevel", "add_prefix_space": false, "use_regex": true},
        ]},
        "post_processor": {"type": "Sequence", "processors": [
            {"type": "ByteLevel"},
            {"type": "TemplateProcessing",
             "single": [{"SpecialToken": {"id": "x", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}, {"SpecialToken": {"id": "x", "type_id": 0}}],
             "special_tokens": {"x": {"id": "x", "ids": [5, 1], "tokens": ["x", "y"]}}},
        ]},
        "decoder": {"type": "ByteLevel"},
        "model": {"type": "BPE", "vocab": {"Ġ": 0, "b": 1, "Ġb": 2, "bb": 3, "é": 4}, "merges": ["Ġ b", ["b", "b"]], "ignore_merges": true},
    })
}

fn sentencepiece_kind() -> Value {
    let mut vocab: serde_json::Map<String, Value> =
        (0..256).map(|byte| (format!("<0x{byte:02X}>"), json!(byte + 3))).collect();
    for (text, id) in [("<unk>", 0), ("▁", 1), ("a", 2), ("▁a", 300)] {
        vocab.insert(text.to_owned(), json!(id));
    }
    json!({
        "added_tokens": [],
        "normalizer": {"type": "Sequence", "normalizers": [
            {"type": "Prepend", "prepend": "▁"},
            {"type": "Replace", "pattern": {"String": " "}, "content": "▁"},
        ]},
        "pre_tokenizer": null,
        "post_processor": null,
        "decoder": {"type": "Sequence", "decoders": [
            {"type": "Replace", "pattern": {"String": "▁"}, "content": " "},
            {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0},
        ]},
        "model": {"type": "BPE", "vocab": vocab, "merges": [["▁", "a"]], "unk_token": "<unk>", "fuse_unk": true, "byte_fallback": true},
    })
}

fn read_json(file: &Value) -> Result<Vocabulary, TokenError> {
    tokenizer_json("small", file.to_string().as_bytes())
}

fn with(mut file: Value, pointer: &str, value: Value) -> Value {
    *file.pointer_mut(pointer).expect("the place exists") = value;
    file
}

#[test]
fn byte_level_file_says_what_it_says() {
    let vocabulary = read_json(&byte_level()).expect("the file is sound");
    let tokens: Vec<&[u8]> = (0..6).map(|id| vocabulary.tokens.get(id)).collect();
    assert_eq!(tokens, [&b" "[..], b"b", b" b", b"bb", b"\xe9", "<｜end｜>".as_bytes()]);
    assert_eq!(vocabulary.merges[1], Merge { left: 1, right: 1, merged: 3 });
    assert_eq!((vocabulary.prefix, vocabulary.suffix), (vec![5, 1], vec![5, 1]));
    assert_eq!(vocabulary.normalizers, [Normalizer::Nfc]);
    assert_eq!(vocabulary.splits.len(), 3);
    assert_eq!(vocabulary.splits[0].pattern, Pattern::Regex(r"\p{N}".to_owned()));
    assert_eq!(vocabulary.splits[1].behavior, SplitBehavior::MergedWithNext);
    assert!(vocabulary.ignore_merges && vocabulary.splits[1].invert);
    assert!(vocabulary.added[0].lstrip && vocabulary.added[0].normalized && vocabulary.added[1].single_word);
    assert_eq!(vocabulary.decoder, Decoder::Bytes);
    let Units::Bytes { ids } = vocabulary.units else { panic!("bytes") };
    assert_eq!((ids[0x20], ids[0x62], ids[0xe9], ids[0]), (0, 1, 4, TokenId::MAX));
}

#[test]
fn sentencepiece_kind_of_file_says_what_it_says() {
    let vocabulary = read_json(&sentencepiece_kind()).expect("the file is sound");
    assert_eq!(vocabulary.tokens.get(3 + 0x41), b"A");
    assert_eq!(vocabulary.decoder, Decoder::Metaspace { replacement: '▁', leading: Leading::OneSpace });
    let Units::Chars { bytes: Some(bytes), unknown, fuse_unknown } = vocabulary.units else { panic!("characters") };
    assert_eq!((bytes[0x41], unknown, fuse_unknown), (3 + 0x41, Some(0), true));
}

#[test]
fn metaspace_is_a_normalizer_and_a_split() {
    let scheme = |step: Value| {
        let vocabulary = read_json(&with(sentencepiece_kind(), "/pre_tokenizer", step)).expect("the file is sound");
        (vocabulary.normalizers.last().cloned(), vocabulary.splits.len())
    };
    let marks = |prepend| Some(Normalizer::Metaspace { replacement: '▁', prepend });
    assert_eq!(
        scheme(json!({"type": "Metaspace", "prepend_scheme": "first", "split": false})),
        (marks(Prepend::First), 0)
    );
    assert_eq!(scheme(json!({"type": "Metaspace", "add_prefix_space": true})), (marks(Prepend::Always), 1));
    assert_eq!(scheme(json!({"type": "Metaspace", "prepend_scheme": "never"})), (marks(Prepend::Never), 1));
}

#[test]
fn prefix_space_of_byte_level_is_a_normalizer() {
    let step = json!({"type": "ByteLevel", "add_prefix_space": true, "use_regex": false});
    let vocabulary = read_json(&with(byte_level(), "/pre_tokenizer", step)).expect("the file is sound");
    let space = Normalizer::Metaspace { replacement: ' ', prepend: Prepend::Always };
    assert_eq!(vocabulary.normalizers, [Normalizer::Nfc, space]);
}

#[test]
fn other_parts_are_left_to_the_other_engine() {
    let cases = [
        ("/model/type", json!("Unigram"), "the model `Unigram`", "model.type"),
        ("/model/type", json!("WordPiece"), "the model `WordPiece`", "model.type"),
        ("/normalizer", json!({"type": "NFKC"}), "the normalizer `NFKC`", "normalizer"),
        ("/pre_tokenizer", json!({"type": "BertPreTokenizer"}), "the pretokenizer `BertPreTokenizer`", "pre_tokenizer"),
        ("/post_processor", json!({"type": "BertProcessing"}), "the post-processor `BertProcessing`", "post_processor"),
        ("/decoder", json!({"type": "WordPiece"}), "the decoder `WordPiece`", "decoder"),
        ("/decoder", json!(null), "a tokenizer without a decoder", "decoder"),
        (
            "/added_tokens/1/id",
            json!(9),
            "the added token \"<｜end｜>\", which `tokenizers` numbers 5 and the file 9",
            "added_tokens[1]",
        ),
    ];
    for (pointer, value, part, place) in cases {
        let error = read_json(&with(byte_level(), pointer, value)).expect_err(part);
        assert_eq!(error.code, TokenError::UNSUPPORTED, "{error}");
        assert_eq!(error.message, format!("{part} is not covered by this encoder"));
        assert_eq!(error.location.as_deref(), Some(place));
    }
}

#[test]
fn contradictions_are_named_with_their_place() {
    let cases = [
        ("/model/merges", json!(["b z"]), "\"z\" is not in the vocabulary", "model.merges[0]"),
        ("/model/merges", json!([["b", "b"], "bbb"]), "expected two tokens", "model.merges[1]"),
        ("/model/vocab/bb", json!(1), "tokens \"b\" and \"bb\" share the id 1", "model.vocab"),
        ("/model/vocab/bb", json!(9_000_000), "6 tokens have ids up to 9000000", "model.vocab"),
        (
            "/model/vocab/bb",
            json!(4_000_000_000_u32),
            "token \"bb\" has the id 4000000000; 16777215 is the highest that is read",
            "model.vocab",
        ),
    ];
    for (pointer, value, message, place) in cases {
        let mut file = with(byte_level(), pointer, value);
        file["added_tokens"].as_array_mut().expect("a list").truncate(1);
        file["post_processor"] = json!(null);
        let error = read_json(&file).expect_err(message);
        let found = (error.code, error.location.as_deref());
        assert_eq!(found, (TokenError::UNREADABLE, Some(place)), "{error}");
        assert!(error.message.ends_with(message.trim_start_matches("6 ")), "{error}");
    }
}

#[test]
fn rank_file_faults_are_named_with_their_line() {
    let cases = [
        ("YQ== 0\nY!== 1\n", "line 2"),
        ("YQ== 0\nYg==\n", "line 2"),
        ("YQ== 0\n\0 1\n", "line 2"),
        ("YQ== 0\nYg== -1\n", "line 2"),
        ("YQ== 0\nYg== 0\n", "ranks"),
        ("YQ== 0\nYQ== 1\n", "ranks"),
        ("", "ranks"),
    ];
    for (file, place) in cases {
        let error = tiktoken(file.as_bytes(), description()).expect_err(file);
        assert_eq!((error.code, error.location.as_deref()), (TokenError::UNREADABLE, Some(place)), "{file:?}: {error}");
    }
}

fn description() -> Description {
    Description::from_json(r#"{"name": "letters", "pattern": "[a-z]+", "control_tokens": {"<e>": 9}, "prefix": [9]}"#)
        .expect("it is sound")
}

const RANKS: &[u8] = b"YQ== 0\nYg== 1\nYWI= 2\nYmI= 4\nYWJi 5\n";

fn tekken_file() -> Vec<u8> {
    let vocab: Vec<Value> = (0..=255)
        .map(|byte: u8| json!({"rank": byte, "token_bytes": base64(&[byte]), "token_str": null}))
        .chain([
            json!({"rank": 256, "token_bytes": base64(b"ab"), "token_str": "ab"}),
            json!({"rank": 257, "token_bytes": base64(b"cut"), "token_str": "cut"}),
        ])
        .collect();
    let config = json!({"pattern": ".+", "default_vocab_size": 281, "default_num_special_tokens": 24, "version": "v3"});
    json!({"config": config, "vocab": vocab}).to_string().into_bytes()
}

fn base64(bytes: &[u8]) -> String {
    use base64::Engine;
    base64::engine::general_purpose::STANDARD.encode(bytes)
}

#[test]
fn tekken_puts_control_tokens_first_and_cuts_its_ranks() {
    let vocabulary = tekken("tekken", &tekken_file()).expect("the file is sound");
    assert_eq!(vocabulary.tokens.len(), 281);
    assert_eq!(vocabulary.tokens.get(24 + 256), b"ab");
    assert_eq!(*vocabulary.merges, [Merge { left: 24 + 97, right: 24 + 98, merged: 280 }]);
    assert_eq!(
        (vocabulary.added[3].content.as_str(), vocabulary.added[23].content.as_str()),
        ("[INST]", "<SPECIAL_23>")
    );
    assert_eq!(vocabulary.prefix, [1]);
}

/// One field of a protocol buffer that holds bytes.
fn field(number: u8, content: &[u8]) -> Vec<u8> {
    let len = content.len();
    assert!(len < 1 << 14);
    let mut out = vec![number << 3 | 2];
    if len < 128 {
        out.push(len as u8);
    } else {
        out.extend([len as u8 | 0x80, (len >> 7) as u8]);
    }
    out.extend(content);
    out
}

fn piece(text: &str, score: f32, kind: u8) -> Vec<u8> {
    let mut message = field(1, text.as_bytes());
    message.push(2 << 3 | 5);
    message.extend(score.to_le_bytes());
    message.extend([3 << 3, kind]);
    field(1, &message)
}

/// A BPE model of these normal pieces, with the space in front and no normalization.
fn model(pieces: &[(String, f32)]) -> Vec<u8> {
    let mut file = [piece("<unk>", 0.0, 2), piece("<s>", 0.0, 3)].concat();
    pieces.iter().for_each(|(text, score)| file.extend(piece(text, *score, 1)));
    file.extend(field(2, &[3 << 3, 2]));
    file.extend(field(3, &[4 << 3, 0]));
    file
}

/// Joins as SentencePiece does: the best score first, the leftmost first among equals.
fn join_by_scores(pieces: &[(String, f32)], text: &str) -> Vec<String> {
    let mut parts: Vec<String> = text.chars().map(String::from).collect();
    loop {
        let score = |text: &str| pieces.iter().find(|(piece, _)| piece == text).map(|(_, score)| *score);
        let mut best: Option<(f32, usize)> = None;
        for at in 1..parts.len() {
            if let Some(score) = score(&format!("{}{}", parts[at - 1], parts[at])) {
                if best.is_none_or(|(found, _)| score > found) {
                    best = Some((score, at));
                }
            }
        }
        let Some((_, at)) = best else { return parts };
        let right = parts.remove(at);
        parts[at - 1].push_str(&right);
    }
}

fn join_by_merges(vocabulary: &Vocabulary, text: &str) -> Vec<String> {
    let mut parts: Vec<String> = text.chars().map(String::from).collect();
    let text_of = |id| String::from_utf8_lossy(vocabulary.tokens.get(id)).into_owned();
    let merges: Vec<(String, String)> =
        vocabulary.merges.iter().map(|merge| (text_of(merge.left), text_of(merge.right))).collect();
    loop {
        let rank = |at: usize| merges.iter().position(|(left, right)| *left == parts[at - 1] && *right == parts[at]);
        let Some((_, at)) = (1..parts.len()).filter_map(|at| rank(at).map(|rank| (rank, at))).min() else {
            return parts;
        };
        let right = parts.remove(at);
        parts[at - 1].push_str(&right);
    }
}

#[test]
fn pieces_join_as_their_scores_say_and_runs_of_spaces_from_the_left() {
    let mut random = fastrand::Rng::with_seed(11);
    for _ in 0..1500 {
        let mut pieces: Vec<(String, f32)> = ["▁", "a", "b"].map(|text| (text.to_owned(), -1e6)).to_vec();
        for len in (2..=8).filter(|_| random.u8(..4) > 0).collect::<Vec<usize>>() {
            pieces.push(("▁".repeat(len), -1e9));
        }
        for score in 0..random.usize(..8) {
            let text: String = (0..random.usize(2..5)).map(|_| ["▁", "a", "b"][random.usize(..3)]).collect();
            if pieces.iter().all(|(piece, _)| *piece != text) {
                pieces.push((text, -(score as f32)));
            }
        }
        let vocabulary = sentencepiece("random", &model(&pieces)).expect("the file is sound");
        for _ in 0..20 {
            let text: String = (0..random.usize(..24)).map(|_| ["▁", "▁", "▁", "a", "b"][random.usize(..5)]).collect();
            assert_eq!(join_by_merges(&vocabulary, &text), join_by_scores(&pieces, &text), "{pieces:?} {text:?}");
        }
    }
}

#[test]
fn sentencepiece_models_of_other_kinds_are_left_to_the_other_engine() {
    let pieces: Vec<(String, f32)> =
        [("a", -1.0), ("b", -2.0), ("ab", -3.0), ("ba", -3.0)].map(|(t, s)| (t.to_owned(), s)).to_vec();
    let cases = [
        (model(&pieces), "a piece of the same score as another"),
        ([model(&pieces[..3]), field(2, &[3 << 3, 1])].concat(), "a SentencePiece model that is not BPE"),
        ([model(&pieces[..3]), field(3, &[4 << 3, 1])].concat(), "taking out spaces"),
        ([model(&pieces[..3]), field(3, &field(2, b"rules"))].concat(), "a table of normalization rules"),
    ];
    for (file, part) in cases {
        let error = sentencepiece("other", &file).expect_err(part);
        assert_eq!(
            (error.code, error.message),
            (TokenError::UNSUPPORTED, format!("{part} is not covered by this encoder"))
        );
    }
}

/// Every kind of file, cut short or with bytes changed: an error or a vocabulary that a pack can hold, never a panic.
#[test]
fn damaged_files_never_panic() {
    let pieces: Vec<(String, f32)> = [("a", -1.0), ("▁", -2.0), ("▁a", -3.0)].map(|(t, s)| (t.to_owned(), s)).to_vec();
    let small_json = [byte_level().to_string().into_bytes(), sentencepiece_kind().to_string().into_bytes()];
    let [first, second] = small_json;
    type Reader = fn(&[u8]) -> Result<Vocabulary, TokenError>;
    let readers: [(Vec<u8>, Reader); 5] = [
        (first, |file| tokenizer_json("small", file)),
        (second, |file| tokenizer_json("small", file)),
        (RANKS.to_vec(), |file| tiktoken(file, description())),
        (tekken_file(), |file| tekken("tekken", file)),
        (model(&pieces), |file| sentencepiece("pieces", file)),
    ];
    let mut random = fastrand::Rng::with_seed(3);
    for (file, read) in readers {
        let sound = read(&file).expect("the file is sound");
        assert_eq!(pack::read(&pack::write(&sound)), Ok(sound));
        for _ in 0..3000 {
            let mut damaged = file.clone();
            for _ in 0..random.usize(1..4) {
                let at = random.usize(..damaged.len());
                damaged[at] =
                    if random.bool() { random.u8(..) } else { *random.choice(b"\0\"0129{}[],:\\ \xff").expect("some") };
            }
            if random.u8(..4) == 0 {
                damaged.truncate(random.usize(..damaged.len()));
            }
            if let Ok(vocabulary) = read(&damaged) {
                assert_eq!(pack::read(&pack::write(&vocabulary)), Ok(vocabulary));
            }
        }
    }
}
