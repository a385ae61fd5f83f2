//! The blocks of a page that are executed.

/// A block between fences.
#[derive(Debug, PartialEq)]
pub enum Block {
    /// ```` ```sh ```` or ```` ```sh exit=2 ````: typed into a shell, which ends with this code.
    Types { script: String, exit: i32 },
    /// ```` ```toml file=PATH ````: saved under this name.
    Saves { file: String, content: String },
    /// ```` ```text ````: what the shell has shown for the block before.
    Sees(String),
}

/// The blocks of a page in order, each with the line of its fence. A block of another kind is an error: it would rot.
pub fn blocks(page: &str) -> Vec<(usize, Block)> {
    let mut blocks = Vec::new();
    let mut lines = page.lines().enumerate();
    while let Some((index, line)) = lines.next() {
        let Some(info) = line.strip_prefix("```") else { continue };
        let content: String = lines
            .by_ref()
            .map(|(_, line)| line)
            .take_while(|line| *line != "```")
            .flat_map(|line| [line, "\n"])
            .collect();
        blocks.push((index + 1, block(index + 1, info, content)));
    }
    blocks
}

fn block(line: usize, info: &str, content: String) -> Block {
    let mut words = info.split(' ');
    let (kind, option) = (words.next().unwrap_or_default(), words.next());
    match (kind, option.and_then(|option| option.split_once('='))) {
        ("sh", None) => Block::Types { script: content, exit: 0 },
        ("sh", Some(("exit", code))) => Block::Types { script: content, exit: code.parse().unwrap() },
        (_, Some(("file", file))) => Block::Saves { file: file.to_owned(), content },
        ("text", None) => Block::Sees(content),
        _ => panic!("line {line}: nobody knows what to do with ```{info}"),
    }
}

#[test]
fn blocks_are_told_apart() {
    let page = "a\n```sh exit=2\nx\ny\n```\n```toml file=a/b.toml\nk = 1\n```\n```text\nout\n```\n";
    let expected = [
        (2, Block::Types { script: "x\ny\n".to_owned(), exit: 2 }),
        (6, Block::Saves { file: "a/b.toml".to_owned(), content: "k = 1\n".to_owned() }),
        (9, Block::Sees("out\n".to_owned())),
    ];
    assert_eq!(blocks(page), expected);
}
