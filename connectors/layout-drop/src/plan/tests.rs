use super::*;

/// What becomes of a layout: the names around the record, the record, those inside, the trailers; or what is wrong.
fn check(layout: serde_json::Value, record: Option<&str>, expected: &str) {
    let parsed: Layout = serde_json::from_value(layout.clone()).unwrap();
    let shown = match Plan::new(&parsed, record) {
        Ok(plan) => {
            let names =
                |types: &[usize]| types.iter().map(|at| plan.types[*at].name.as_str()).collect::<Vec<_>>().join(" ");
            format!(
                "{} > {} > {} < {}",
                names(&plan.around),
                names(&[plan.record]),
                names(&plan.inside),
                names(&plan.trailers)
            )
        }
        Err(fault) => fault.to_string(),
    };
    assert!(shown.starts_with(expected), "{layout}: {shown}");
}

#[test]
fn what_stands_inside_what_is_worked_out() {
    let lines = serde_json::json!({
        "statement": { "starts_with": "01", "fields": { "account": [22, 11] } },
        "operation": { "starts_with": "04", "inside": "statement" },
        "detail": { "starts_with": "05", "inside": "operation" },
        "end": { "starts_with": "07", "closes": "statement" },
    });
    check(serde_json::json!({ "lines": lines }), None, " > statement > operation detail < end");
    check(serde_json::json!({ "lines": lines, "record": "operation" }), None, "statement > operation > detail < end");
    check(serde_json::json!({ "lines": lines }), Some("detail"), "statement operation > detail >  < end");
    check(serde_json::json!({ "lines": lines }), Some("end"), "record = \"end\" must be a type of line that closes no");
}

#[test]
fn a_layout_that_cannot_work_is_told() {
    let fixed = |line: serde_json::Value| serde_json::json!({ "width": 10, "lines": { "a": line } });
    check(
        fixed(serde_json::json!({ "fields": { "x": [1, 4], "y": [4, 2] } })),
        None,
        "layout.lines.a: fields.y: it over",
    );
    check(fixed(serde_json::json!({ "fields": { "x": [8, 4] } })), None, "layout.lines.a: fields.x: it overlaps");
    check(fixed(serde_json::json!({ "fields": ["x"] })), None, "layout.lines.a: fields must be { NAME");
    check(fixed(serde_json::json!({ "inside": "b" })), None, "layout.lines.a: inside = \"b\" is no type of line");
    check(fixed(serde_json::json!({ "inside": "a" })), Some("a"), "layout.lines.a: inside leads round");
    let separated = serde_json::json!({ "delimiter": ";", "lines": { "a": { "fields": { "x": [1, 2] } } } });
    check(separated, None, "layout.lines.a: fields of a separated line are a list");
    let two = serde_json::json!({ "lines": { "a": {}, "b": {} } });
    check(two, None, "say which type of line begins a record");
}
