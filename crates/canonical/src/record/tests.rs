use super::*;

fn rows(names: &[&str], values: &[&[&str]]) -> Rows {
    let mut rows = Rows::new(Columns::new(names.iter().copied()).unwrap());
    for row in values {
        assert!(rows.push(row.iter().copied()));
    }
    rows
}

fn tree() -> Tree {
    let mut builder = TreeBuilder::new();
    builder.open(&Name::new("urn:a", "invoice"));
    builder.attribute(&Name::new("", "id"), "7");
    builder.text("before ");
    builder.open(&Name::new("urn:a", "line"));
    builder.text("one");
    assert!(builder.close().is_none());
    builder.open(&Name::new("urn:a", "line"));
    assert!(builder.close().is_none());
    builder.text("after");
    builder.close().unwrap()
}

#[test]
fn rows_are_read_by_row_and_column() {
    let rows = rows(&["code", "name"], &[&["1", "Dupont"], &["", ""]]);
    assert_eq!(rows.len(), 2);
    assert_eq!(rows.value(0, rows.columns().position("name").unwrap()), Some("Dupont"));
    assert_eq!(rows.value(1, 0), Some(""));
    assert_eq!((rows.value(2, 0), rows.value(0, 2)), (None, None));
}

#[test]
fn a_row_of_another_width_is_not_added() {
    let mut rows = rows(&["code", "name"], &[&["1", "Dupont"]]);
    assert!(!rows.push(["2"]));
    assert!(!rows.push(["2", "Durand", "x"]));
    assert_eq!((rows.len(), rows.value(0, 1)), (1, Some("Dupont")));
}

#[test]
fn a_repeated_column_is_refused_with_both_positions() {
    let error = Columns::new(["a", "", "b", "", "a"]).unwrap_err();
    assert_eq!((error.name.as_str(), error.first, error.second), ("a", 1, 5));
}

#[test]
fn a_tree_keeps_names_text_attributes_and_order() {
    let tree = tree();
    let root = tree.root();
    assert_eq!((&*root.name().local, root.text()), ("invoice", "before after"));
    assert_eq!(root.attributes().map(|(name, value)| (&*name.local, value)).collect::<Vec<_>>(), [("id", "7")]);
    assert_eq!(root.children().map(Element::text).collect::<Vec<_>>(), ["one", ""]);
    let line = tree.names().id(&Name::new("urn:a", "line")).unwrap();
    assert!(root.children().all(|child| child.name_id() == line));
}

#[test]
fn a_builder_keeps_texts_and_trees_apart() {
    let mut builder = TreeBuilder::new();
    let names = ["a", "b", "c"].map(|name| builder.number("", name));
    let mut build = |text: &str| {
        for name in names {
            builder.open_numbered(name);
            builder.text(text);
        }
        assert!(builder.close().is_none() && builder.close().is_none());
        builder.text("!");
        builder.close().unwrap()
    };
    let (first, second) = (build("1"), build("22"));
    for (tree, texts) in [(&first, ["1!", "1", "1"]), (&second, ["22!", "22", "22"])] {
        let outer = tree.root();
        let middle = outer.children().next().unwrap();
        let inner = middle.children().next().unwrap();
        assert_eq!([outer.text(), middle.text(), inner.text()], texts);
    }
    assert!(Arc::ptr_eq(first.names(), second.names()));
}

#[test]
fn no_child_that_is_there_is_said_to_lack() {
    let mut builder = TreeBuilder::new();
    let names: Vec<NameId> = (0..200).map(|number| builder.number("urn:a", &number.to_string())).collect();
    builder.open_numbered(names[0]);
    for name in [names[3], names[150]] {
        builder.open_numbered(name);
        builder.close();
    }
    let tree = builder.close().unwrap();
    let there = |name: &NameId| tree.root().children().any(|child| child.name_id() == *name);
    assert!(names.iter().filter(|name| there(name)).all(|name| !tree.root().lacks_child(*name)));
    assert!(tree.root().lacks_child(names[4]));
    assert!(tree.root().children().all(|child| names.iter().all(|name| child.lacks_child(*name))));
}

#[test]
fn hashes_tell_content_apart_and_survive_persistence() {
    let bodies = [
        Body::Rows(rows(&["a", "b"], &[&["x", "y"]])),
        Body::Rows(rows(&["a", "b"], &[&["xy", ""]])),
        Body::Rows(rows(&["a", "c"], &[&["x", "y"]])),
        Body::Rows(rows(&["a", "b"], &[&["x", "y"], &["x", "y"]])),
        Body::Element(tree()),
        Body::Json(serde_json::json!({"a": "x"}).into()),
    ];
    let hashes: std::collections::HashSet<_> = bodies.iter().map(Body::hash).collect();
    assert_eq!(hashes.len(), bodies.len());
    for body in bodies {
        let persisted: Body = serde_json::from_str(&serde_json::to_string(&body).unwrap()).unwrap();
        assert_eq!((persisted.hash(), &persisted), (body.hash(), &body));
    }
}
