//! Pieces by their bytes.

/// A tree of texts, each with a number; the children of a node lie side by side.
pub struct Trie {
    nodes: Vec<Node>,
    /// The children of the root by their byte; zero for none.
    first: Box<[u32; 256]>,
}

/// A place in the tree.
#[derive(Clone, Copy)]
pub struct Cursor(u32);

struct Node {
    children: u32,
    /// How many children there are.
    count: u16,
    byte: u8,
    /// The number of the text that ends here.
    value: u32,
}

const NONE: u32 = u32::MAX;

impl Trie {
    /// Builds the tree; of texts that are the same, the first counts.
    pub fn new<'t>(texts: impl Iterator<Item = (&'t [u8], u32)>) -> Self {
        let mut texts: Vec<(&[u8], u32)> = texts.collect();
        texts.sort();
        texts.dedup_by_key(|(text, _)| *text);
        let leaf = |byte| Node { children: 0, count: 0, byte, value: NONE };
        let mut nodes = vec![leaf(0)];
        // The texts below each node, and how many of their bytes lead there.
        let mut below = vec![(0..texts.len(), 0)];
        let mut at = 0;
        while let Some((mut range, depth)) = below.get(at).cloned() {
            if texts.get(range.start).is_some_and(|(text, _)| text.len() == depth) {
                nodes[at].value = texts[range.start].1;
                range.start += 1;
            }
            nodes[at].children = nodes.len() as u32;
            let mut start = range.start;
            for group in texts[range].chunk_by(|(a, _), (b, _)| a[depth] == b[depth]) {
                nodes[at].count += 1;
                nodes.push(leaf(group[0].0[depth]));
                below.push((start..start + group.len(), depth + 1));
                start += group.len();
            }
            at += 1;
        }
        let mut first = Box::new([0; 256]);
        let root = &nodes[0];
        for child in root.children..root.children + u32::from(root.count) {
            first[usize::from(nodes[child as usize].byte)] = child;
        }
        Trie { nodes, first }
    }

    /// The place that a first byte leads to.
    pub fn begin(&self, byte: u8) -> Option<Cursor> {
        Some(self.first[usize::from(byte)]).filter(|&node| node != 0).map(Cursor)
    }

    /// The place that one more byte leads to.
    pub fn next(&self, cursor: Cursor, byte: u8) -> Option<Cursor> {
        let node = &self.nodes[cursor.0 as usize];
        let start = node.children as usize;
        let children = &self.nodes[start..start + usize::from(node.count)];
        let found = children.binary_search_by_key(&byte, |child| child.byte).ok()?;
        Some(Cursor((start + found) as u32))
    }

    /// The number of the text that ends at a place.
    pub fn value(&self, cursor: Cursor) -> Option<u32> {
        Some(self.nodes[cursor.0 as usize].value).filter(|&value| value != NONE)
    }

    /// The texts that `text` begins with, shorter ones first: where each ends, and its number.
    pub fn prefixes<'s>(&'s self, text: &'s [u8]) -> impl Iterator<Item = (usize, u32)> + 's {
        let mut cursor = None;
        let places = text.iter().enumerate().map_while(move |(at, &byte)| {
            cursor = match cursor {
                None => self.begin(byte),
                Some(cursor) => self.next(cursor, byte),
            };
            Some((at + 1, cursor?))
        });
        places.filter_map(|(end, cursor)| Some((end, self.value(cursor)?)))
    }

    /// The number of a text.
    pub fn find(&self, text: &[u8]) -> Option<u32> {
        self.prefixes(text).find(|&(end, _)| end == text.len()).map(|(_, value)| value)
    }
}
