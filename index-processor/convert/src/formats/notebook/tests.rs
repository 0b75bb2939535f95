use serde_json::json;

use crate::DocumentKind;
use crate::testing::{damaged, run};

#[test]
fn cells_in_order_with_what_they_printed() {
    let notebook = json!({
        "nbformat": 4, "nbformat_minor": 5,
        "metadata": {"kernelspec": {"language": "julia", "name": "x"}},
        "cells": [
            {"cell_type": "markdown", "source": ["# Title\n", "\n", "Some *text*.\n"]},
            {"cell_type": "code", "source": "x = 1\nprint(x)", "outputs": [
                {"output_type": "stream", "name": "stdout", "text": ["1\n"]},
                {"output_type": "stream", "name": "stdout", "text": "10%\r50%\r100%\n"},
                {"output_type": "execute_result", "data": {"text/plain": ["2"], "text/html": "<b>2</b>"}},
                {"output_type": "display_data", "data": {"image/png": "iVBOR", "text/plain": "<Figure>"}},
                {"output_type": "display_data", "data": {"text/markdown": "**bold**", "text/plain": "x"}},
                {"output_type": "error", "ename": "E", "evalue": "v", "traceback": ["\u{1B}[0;31mE\u{1B}[0m: v", "line"]},
            ]},
            {"cell_type": "code", "source": "", "outputs": []},
            {"cell_type": "raw", "source": "raw ```"},
            {"cell_type": "markdown", "source": "```\nopen"},
            {"cell_type": "markdown", "source": "last"},
        ]
    });
    let document = run("a.ipynb", notebook.to_string()).unwrap();
    assert_eq!(document.about.title.as_deref(), Some("Title"));
    assert_eq!(document.about.kind, DocumentKind::Office);
    assert_eq!(document.about.warnings, [""; 0]);
    insta::assert_snapshot!(document.markdown, @r"
    # Title

    Some *text*.

    ```julia
    x = 1
    print(x)
    ```

    ```
    1
    100%
    ```

    ```
    2
    ```

    **bold**

    ```
    E: v
    line
    ```

    ````
    raw ```
    ````

    ```
    open
    ```

    last
    ");
}

#[test]
fn the_older_format() {
    let notebook = json!({
        "nbformat": 3, "metadata": {"name": ""},
        "worksheets": [{"cells": [
            {"cell_type": "heading", "level": 2, "source": ["Heading"]},
            {"cell_type": "code", "language": "python", "input": ["print(1)"], "outputs": [
                {"output_type": "stream", "stream": "stdout", "text": ["1\n"]},
                {"output_type": "pyout", "text": ["2"]},
                {"output_type": "pyerr", "ename": "E", "evalue": "v", "traceback": []},
            ]},
        ]}]
    });
    let document = run("a.ipynb", notebook.to_string()).unwrap();
    insta::assert_snapshot!(document.markdown, @r"
    ## Heading

    ```python
    print(1)
    ```

    ```
    1
    ```

    ```
    2
    ```

    ```
    E: v
    ```
    ");
}

#[test]
fn long_outputs_are_cut() {
    let output = "é line\n".repeat(5000);
    let notebook = json!({"nbformat": 4, "cells": [{"cell_type": "code", "source": "x", "outputs": [
        {"output_type": "stream", "text": output}, {"output_type": "execute_result", "data": {"text/markdown": output}},
    ]}]});
    let document = run("a.ipynb", notebook.to_string()).unwrap();
    assert!(document.markdown.len() < 20_000);
    assert!(
        document.markdown.contains("line\n… (31809 more bytes)\n```"),
        "{}",
        &document.markdown[8000..]
    );
    assert_eq!(
        document.about.warnings,
        ["2 long outputs were cut to their first 8 KiB"]
    );
}

#[test]
fn what_is_no_notebook_is_kept() {
    for (text, kind) in [
        ("{\"a\": 1}", DocumentKind::Json),
        ("{\"cells\": [1, 2]}", DocumentKind::Json),
        ("not json", DocumentKind::Text),
        ("{\"nbformat\": 4, \"cells\": [", DocumentKind::Text),
    ] {
        let document = run("a.ipynb", text).unwrap();
        assert_eq!(document.about.kind, kind, "{text}");
        assert_eq!(document.markdown, text);
        assert!(
            document
                .about
                .warnings
                .iter()
                .any(|warning| warning.contains("not a notebook"))
        );
    }
}

#[test]
fn odd_notebooks_are_read_as_far_as_they_go() {
    let notebook = json!({"nbformat": "x", "cells": [
        1, null, {"cell_type": 5, "source": "code"}, {"cell_type": "code", "source": {"a": 1}, "outputs": 3},
        {"cell_type": "code", "source": ["a", 1, "b"], "outputs": [null, {"output_type": "stream"}, {"data": []}]},
    ], "metadata": []});
    let document = run("a.ipynb", notebook.to_string()).unwrap();
    assert_eq!(document.markdown, "```python\ncode\n```\n\n```python\nab\n```\n");
    let whole = notebook.to_string();
    for copy in damaged(whole.as_bytes()) {
        if let Err(error) = run("a.ipynb", copy) {
            assert!(!error.to_string().is_empty());
        }
    }
}
